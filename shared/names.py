"""File names from people, in any language: cleaned, and escaped for S3 keys.

In a key, letters, digits, `.`, `_` and `-` of a name stay as they are, and every other byte of its UTF-8 becomes `!XX`.
S3 calls `!` safe in keys, but not `%` (docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html). So every key is
plain ASCII and can be read back.
"""

import re
import unicodedata
from pathlib import PurePosixPath

from shared.limits import MAX_NAME_BYTES

_UNSAFE = re.compile(rb"[^A-Za-z0-9._-]")
_ESCAPE = re.compile(rb"!([0-9A-F]{2})")
NAMELESS = "picture"
# Embeddings, overrides and isolates: they reverse the text around a name, and no keyboard types them.
_BIDI_CONTROLS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Letters and symbols by their category, but blank on the screen: Hangul fillers and the empty braille pattern.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800")


def clean_name(name: str) -> str:
    """Returns the file name in `name` without folders and control characters, in at most MAX_NAME_BYTES of UTF-8.

    Visible characters of any language stay as they are. A longer name keeps its beginning and its extension. A name
    without a visible character becomes NAMELESS with its extension. The result may be empty.
    """
    base = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    base = "".join(c for c in base if unicodedata.category(c) not in {"Cc", "Cs"} and c not in _BIDI_CONTROLS).strip()
    if set(base) <= {"."}:  # "." and ".." are folders, whatever they are typed into
        return ""
    suffix = PurePosixPath(base).suffix
    if base and not any(map(_is_visible, base.removesuffix(suffix))):
        base = NAMELESS + suffix
    if len(base.encode()) <= MAX_NAME_BYTES:
        return base
    suffix = suffix if len(suffix.encode()) <= 16 else ""
    stem = base.removesuffix(suffix).encode()[: MAX_NAME_BYTES - len(suffix.encode())]
    return stem.decode(errors="ignore") + suffix


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] not in "CMZ" and char not in _BLANK


def safe_name(name: str) -> str:
    """Returns `name` escaped for a key, in ASCII. `display_name` reverses it."""
    return _UNSAFE.sub(lambda m: b"!%02X" % m[0][0], name.encode()).decode("ascii")


def display_name(safe: str) -> str:
    """Returns the name that `safe_name` escaped. Bytes that are no UTF-8 become replacement characters."""
    return _ESCAPE.sub(lambda m: bytes([int(m[1], 16)]), safe.encode()).decode(errors="replace")
