"""Turns an invitation into a session: the token moves from the link into a cookie that scripts cannot read."""

import re
from http import HTTPStatus
from urllib.parse import parse_qs

from shared import clock, http
from shared.access import COOKIE, Forbidden, Guard
from shared.http import BadRequest, Request, Response
from shared.limits import MAX_ENTER_BYTES

# The addresses of this gallery that entering may lead to, relative to it.
_TO = re.compile(r"\?(?:image|from)=[0-9a-z]{26}|uploads/new")
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


def enter(guard: Guard, request: Request) -> Response:
    """Sets the session cookie for the invitation in a posted form, and redirects to the form's `to`.

    `token` may be the whole link. Raises NotInvited, BadRequest (`bad-request`) and Forbidden (`other-site`).
    """
    # A form on another site could sign its visitors in with the attacker's invitation.
    if request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        raise Forbidden("other-site", "An invitation can be opened on the gallery's own page only.")
    if len(request.body) > MAX_ENTER_BYTES:
        raise BadRequest("bad-request", "This is not an invitation. Copy the whole link.")
    token = _field(request, "token").strip().rpartition("#")[2]
    invitation = guard.check(token)
    seconds = max(int(invitation.expires_at - clock.now().timestamp()), 0)
    answer = http.redirect(f"./{target(request)}", HTTPStatus.SEE_OTHER)
    answer["cookies"] = [f"{COOKIE}={token}; Max-Age={seconds}; {_ATTRIBUTES}"]
    return answer


def target(request: Request) -> str:
    """Returns where the posted form leads: an address of this gallery, relative to it. Empty is the newest pictures."""
    to = _field(request, "to")
    return to if _TO.fullmatch(to) else ""


def _field(request: Request, name: str) -> str:
    return parse_qs(request.body.decode("utf-8", "replace")).get(name, [""])[0]


def leave() -> Response:
    """Deletes the session cookie and redirects to the gallery."""
    answer = http.redirect("./", HTTPStatus.SEE_OTHER)
    answer["cookies"] = [f"{COOKIE}=; Max-Age=0; {_ATTRIBUTES}"]
    return answer
