"""Makes text that strangers wrote harmless for a terminal."""

import re

from rich import markup

# Characters that a terminal acts on (C0 without tab and newline, DEL, C1), and characters that reverse text.
_ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    r"""Return `text` with each character that a terminal acts on written out, such as \x1b or \u202e."""
    return _ACTING.sub(lambda found: ascii(found[0])[1:-1], text)


def escape(text: str) -> str:
    """Return `text` for a console that reads markup: printable, and without markup."""
    return markup.escape(printable(text))
