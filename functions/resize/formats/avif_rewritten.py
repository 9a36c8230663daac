"""AVIF files that browsers show and libavif refuses or misreads, written in the form that it expects."""

import struct

from functions.resize.formats.isobmff import Box, boxes, find

_TRACK = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"av01"]


def with_one_ipma(data: bytes) -> bytes:
    """Joins several `ipma` boxes of the same kind, one an item, to one. The file's length and offsets stay.

    The standard allows one box of each version and flags; some encoders write one for each item.
    """
    container, listed = find(data, [b"meta", b"iprp"]), find(data, [b"meta", b"iprp", b"ipco"])
    if not container or not listed:
        return data
    found = [box for box in boxes(data, container.body, container.end) if box.kind == b"ipma"]
    kinds = {data[box.body : box.body + 4] for box in found}
    if len(found) < 2 or len(kinds) > 1:
        return data
    count = sum(int.from_bytes(data[box.body + 4 : box.body + 8]) for box in found)
    entries = b"".join(data[box.body + 8 : box.end] for box in found)
    joined = _box(b"ipma", kinds.pop() + struct.pack(">I", count) + entries)
    # Each box that goes leaves room for an unknown property, which nothing refers to.
    room = sum(box.end - box.start for box in found) - len(joined)
    properties = _box(b"ipco", data[listed.body : listed.end] + _box(b"free", bytes(room - 8)))
    return data[: container.body] + properties + joined + data[container.end :]


def with_limited_range(data: bytes) -> bytes:
    """Says that a sequence without an `nclx` box has values from 16 to 235, as browsers take it.

    The track with the new box goes to the end of the file, and the old one is declared free space: no offset changes.
    """
    path = [find(data, _TRACK[: depth + 1]) for depth in range(len(_TRACK))]
    parents = [box for box in path if box is not None]
    if len(parents) < len(_TRACK):
        return data
    start, entry = parents[0].start, parents[-1]
    colour = _box(b"colr", b"nclx" + struct.pack(">HHHB", 2, 2, 2, 0))
    track = bytearray(data[start : parents[0].end])
    track[entry.end - start : entry.end - start] = colour
    for box in parents:
        _grow(track, box, start, len(colour))
    freed = data[:start] + data[start : start + 4] + b"free" + data[start + 8 :]
    return freed + bytes(track)


def _grow(track: bytearray, box: Box, start: int, by: int) -> None:
    at = box.start - start
    track[at : at + 4] = (box.end - box.start + by).to_bytes(4)


def _box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content
