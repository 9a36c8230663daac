"""AVIF files that browsers show and libavif refuses or misreads, written in the form that it expects."""

import struct

from functions.resize.formats.isobmff import Box, box, boxes, find

_TRACK = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"av01"]


def with_one_ipma(data: bytes) -> bytes:
    """Joins several `ipma` boxes of the same kind, each for one item, into one box. The file's length and offsets stay.

    The standard allows one box of each version and flags; some encoders write one for each item.
    """
    container, listed = find(data, [b"meta", b"iprp"]), find(data, [b"meta", b"iprp", b"ipco"])
    if not container or not listed:
        return data
    found = [one for one in boxes(data, container.body, container.end) if one.kind == b"ipma"]
    kinds = {data[one.body : one.body + 4] for one in found}
    if len(found) < 2 or len(kinds) > 1:
        return data
    count = sum(int.from_bytes(data[one.body + 4 : one.body + 8]) for one in found)
    entries = b"".join(data[one.body + 8 : one.end] for one in found)
    joined = box(b"ipma", kinds.pop() + struct.pack(">I", count) + entries)
    # Each box that goes leaves room for an unknown property, which nothing refers to.
    room = sum(one.end - one.start for one in found) - len(joined)
    properties = box(b"ipco", data[listed.body : listed.end] + box(b"free", bytes(room - 8)))
    return data[: container.body] + properties + joined + data[container.end :]


def with_limited_range(data: bytes) -> bytes:
    """Says that a sequence without an `nclx` box has values from 16 to 235, as browsers take it.

    The track with the new box goes to the end of the file, and the old one is declared free space: no offset changes.
    """
    path = [find(data, _TRACK[: depth + 1]) for depth in range(len(_TRACK))]
    parents = [level for level in path if level is not None]
    if len(parents) < len(_TRACK):
        return data
    start, entry = parents[0].start, parents[-1]
    colour = box(b"colr", b"nclx" + struct.pack(">HHHB", 2, 2, 2, 0))
    track = bytearray(data[start : parents[0].end])
    track[entry.end - start : entry.end - start] = colour
    for parent in parents:
        _grow(track, parent, start, len(colour))
    freed = data[:start] + data[start : start + 4] + b"free" + data[start + 8 :]
    return freed + bytes(track)


def _grow(track: bytearray, parent: Box, start: int, by: int) -> None:
    at = parent.start - start
    track[at : at + 4] = (parent.end - parent.start + by).to_bytes(4)
