"""WebP's structure: the size that a file claims (RFC 9649, section 2)."""

_HEADER_BYTES = 30


def size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of the canvas. Raises ValueError if there is no header."""
    if len(data) < _HEADER_BYTES:
        raise ValueError("its header is missing")
    match data[12:16]:
        case b"VP8X":
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
        case b"VP8L":
            bits = int.from_bytes(data[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return (
                int.from_bytes(data[26:28], "little") & 0x3FFF,
                int.from_bytes(data[28:30], "little") & 0x3FFF,
            )
    raise ValueError("its header makes no sense")
