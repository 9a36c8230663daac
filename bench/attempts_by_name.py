"""Uploads pictures under hostile file names, and checks page, JSON, logs and terminal for harm."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html.parser import HTMLParser
from urllib.parse import quote, urlencode

import httpx

from bench.attempts_over_http import Closed, Count
from ops.monitoring.follow import print_line
from ops.monitoring.logs import lines
from ops.options import console
from shared.access import Role
from shared.names import clean_name
from tests.support.deployed import until
from tests.support.uploads import picture

PARALLEL = 4
ARRIVE_SECONDS = 300
# Characters that change the direction of text.
TURNS_TEXT = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}
# A page of the gallery before this moment has no pictures. Pages with pictures also have these elements.
LONG_AGO = "2000-01-01"
OF_PICTURES = {
    "a",
    "button",
    "h2",
    "h3",
    "img",
    "li",
    "nav",
    "ol",
    "p",
    "section",
    "source",
    "picture",
    "span",
    "svg",
    "time",
    "ul",
    "use",
}
CURL_LINE = re.compile(r'#.*|[a-z-]+|[a-z-]+ = "(?:[^"\\]|\\.)*"')
SAFE_KEY = re.compile(r"uploads/[0-9a-z]{26}/[A-Za-z0-9._!-]+")


def hostile_names(closed: Closed) -> Count:
    """Upload a picture under each hostile name, then look at page, JSON, logs and terminal."""
    count = Count("hostile file names through door, page, JSON, logs and terminal")
    started = datetime.now(UTC)
    with ThreadPoolExecutor(PARALLEL) as pool:
        uploaded = dict(found for found in pool.map(lambda name: _upload(closed, count, name), closed.names) if found)
    until(
        lambda: {key.split("/")[1] for key in closed.stack.keys("thumb/")} >= set(uploaded),
        "all pictures with hostile names",
        ARRIVE_SECONDS,
    )
    for what, harm in (*_shown(closed, uploaded), *_printed(closed, started)):
        count.tell(f"{what}: {harm}", got_in=bool(harm), allowed=True)
    return count


def _upload(closed: Closed, count: Count, name: str) -> tuple[str, str] | None:
    """Upload a picture through both forms of the door; return its id and its name."""
    token = closed.tokens[Role.UPLOADER]
    query = urlencode({"name": f"{name}.jpg", "as": "curl"}, errors="surrogatepass")
    as_curl = closed.ask("POST", f"uploads?{query}", token)
    odd = [line for line in as_curl.text.splitlines() if not CURL_LINE.fullmatch(line)]
    count.note(f"curl's ticket for {name!r}", as_curl, got_in=bool(odd), allowed=as_curl.is_success)
    answer = closed.ask("POST", "uploads", token, json={"name": f"{name}.jpg"})
    if not answer.is_success:
        count.note(f"ticket for {name!r}", answer, got_in=False)
        return None
    ticket = answer.json()
    sent = httpx.post(ticket["url"], data=ticket["fields"], files={"file": ("x", picture())}, timeout=60)
    count.note(f"{name!r}", sent, got_in=not SAFE_KEY.fullmatch(ticket["fields"]["key"]), allowed=sent.is_success)
    return ticket["id"], clean_name(f"{name}.jpg")


def _shown(closed: Closed, uploaded: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each page of the gallery and each name of the JSON, and the harm that was found in it."""
    token, cursor = closed.tokens[Role.VIEWER], ""
    plain = closed.ask("GET", f"?until={LONG_AGO}", token).text
    names: dict[str, str] = {}
    while True:
        listed = closed.ask("GET", f"images?limit=50{cursor}", token).json()
        here = {image["id"]: image["name"] for image in listed["images"]}
        page = closed.ask("GET", f"?{cursor.lstrip('&')}", token)
        yield f"page {cursor}", elements_beyond(page.text, plain) if page.is_success else str(page.status_code)
        names |= here
        if not listed.get("next"):
            break
        cursor = f"&after={quote(listed['next'])}"
    for image_id, name in uploaded.items():
        shown = names.get(image_id, "")
        visible = any(unicodedata.category(char)[0] not in "CMZ" for char in shown)
        yield f"JSON of {name!r}", _acts(shown) if visible else f"{shown!r} shows nothing"


class _Elements(HTMLParser):
    """Counts a page's elements by name, and its attributes that hold scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found[tag] += 1
        self.found.update(f"{tag} {name}" for name, _ in attrs if name.startswith("on"))


def elements_beyond(page: str, plain: str) -> str:
    """Return the kinds of elements, scripts and event attributes that only the page with pictures has."""
    found, expected = _Elements(page).found, _Elements(plain).found
    more = {name for name in found if name not in expected and name not in OF_PICTURES}
    return ", ".join(sorted(more | {"script" for _ in range(found["script"] - expected["script"])}))


def _printed(closed: Closed, since: datetime) -> Iterator[tuple[str, str]]:
    """Yield each log line, and the control characters in what `darkroom logs` prints of it."""
    for line in lines(closed.stack.target, since):
        with console.capture() as captured:
            print_line(line, as_json=False)
        yield f"log line {line.message}", _acts(captured.get().rstrip("\n"))


def _acts(text: str) -> str:
    return ascii("".join(c for c in text if unicodedata.category(c) == "Cc" or c in TURNS_TEXT)).strip("'")
