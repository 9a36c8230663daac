"""GIF's structure: how many frames there are (GIF89a specification, sections 17 to 27)."""

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_HEADER_BYTES, _IMAGE_BYTES = 13, 10


def count_frames(data: bytes, most: int) -> int:
    """The frames of the GIF in `data`, counted no further than `most`; a broken file has those before the break."""
    at = _HEADER_BYTES + _table_bytes(data, 10)
    frames = 0
    while at < len(data) and frames < most:
        kind = data[at]
        if kind == _EXTENSION:
            at = _after_blocks(data, at + 2)
        elif kind == _IMAGE:
            frames += 1
            at = _after_blocks(data, at + _IMAGE_BYTES + _table_bytes(data, at + 9) + 1)
        elif kind == _TRAILER:
            break
        else:
            at += 1  # stray bytes between blocks: decoders step over them
    return max(frames, 1)


def _table_bytes(data: bytes, at: int) -> int:
    """The size of the colour table that the flags at `at` announce."""
    flags = data[at] if at < len(data) else 0
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, at: int) -> int:
    """Where the chain of sub-blocks that begins at `at` has ended."""
    while at < len(data) and data[at]:
        at += 1 + data[at]
    return at + 1
