"""JPEG's structure: which scans a file has, which of them a reduced decode needs, and whether any are missing.

Markers and scan scripts are those of ITU-T T.81, annex B and annex G.
"""

import re
from typing import NamedTuple

_EOI = b"\xff\xd9"
_SOS = 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_PROGRESSIVE = {0xC2, 0xCA}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Within coded data 0xFF is followed by 0 (stuffing), a restart marker, or the marker that ends the data.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FILL = re.compile(rb"\xff{2,}")
# An inverse DCT of n x n pixels uses the n x n lowest coefficients; the last of them in zigzag order, by n.
_LAST_COEFFICIENT = {1: 0, 2: 4, 4: 24, 8: 63}
# More scans than this are no camera's work: each costs a pass over the whole picture.
MAX_SCANS = 100
# Nor so many markers, or bytes that fill the space between them: Pillow takes them one by one, 20 s for 50 MB of them.
MAX_MARKERS = 100_000


class Scan(NamedTuple):
    """One scan: its component ids, the coefficients `first` to `last`, the bits before and after; bytes start to end.

    `start` is that of the tables before the scan, `header` where its own header begins, `coded` its first coded byte.
    The `end` of a baseline scan with every component in it is not looked for: it is that of the file.
    """

    components: tuple[int, ...]
    first: int
    last: int
    high: int
    low: int
    start: int
    header: int
    coded: int
    end: int


class Structure(NamedTuple):
    """What `read` finds: component id -> sampling factors (horizontal, vertical), and the scans in order."""

    progressive: bool
    sampling: dict[int, tuple[int, int]]
    scans: list[Scan]
    ended: bool


def read(data: bytes) -> Structure:
    """The structure of the JPEG in `data`, up to its end marker or where the data ends.

    Raises ValueError if the markers make no sense, or there are more than MAX_SCANS scans or MAX_MARKERS markers.
    """
    progressive, ended = False, False
    sampling: dict[int, tuple[int, int]] = {}
    scans: list[Scan] = []
    at = start = 2
    markers = 0
    while True:
        at = data.find(b"\xff", at)
        markers += 1
        if fill := _FILL.match(data, max(at, 0)):
            at, markers = fill.end() - 1, markers + fill.end() - at
        if markers > MAX_MARKERS:
            raise ValueError(f"more than {MAX_MARKERS:,} markers")
        if at < 0 or at + 4 > len(data):
            ended = at >= 0 and data[at : at + 2] == _EOI
            break
        marker = data[at + 1]
        if marker == 0xD9:
            ended = True
            break
        if marker == 0 or marker in _STANDALONE:
            at += 2
            continue
        body, end = at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if end < body or end > len(data):
            break
        if marker in _FRAMES:
            progressive = marker in _PROGRESSIVE
            parts = [data[i : i + 3] for i in range(body + 6, end - 2, 3)]
            sampling = {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in parts}
        elif marker == _SOS:
            count = data[body] if body < end else 0
            tail = body + 1 + 2 * count
            if tail + 3 > end:
                raise ValueError("a scan's header is too short")
            ids = tuple(data[body + 1 : tail : 2])
            first, last, bits = data[tail : tail + 3]
            if not progressive and sampling.keys() <= set(ids):  # all there is: spares the search through all of it
                scans.append(Scan(ids, first, last, bits >> 4, bits & 15, start, at, end, len(data)))
                ended = data.rfind(_EOI, end) >= 0
                break
            finish = _end_of_scan(data, end)
            scans.append(Scan(ids, first, last, bits >> 4, bits & 15, start, at, end, finish))
            if len(scans) > MAX_SCANS:
                raise ValueError(f"more than {MAX_SCANS} scans")
            at = start = finish
            continue
        at = end
    return Structure(progressive, sampling, scans, ended)


def _end_of_scan(data: bytes, coded: int) -> int:
    found = _MARKER.search(data, coded)
    return found.start() if found else len(data)


def missing(structure: Structure) -> str | None:
    """What the file lacks to be a whole picture, in words, or None."""
    if not structure.ended:
        return "its end is missing"
    for component in structure.sampling:
        mine = [scan for scan in structure.scans if component in scan.components]
        if not structure.progressive:
            if not mine:
                return "a colour component is missing"
            continue
        exact = {i for scan in mine if scan.low == 0 for i in range(scan.first, scan.last + 1)}
        if 0 not in exact:
            return "a scan is missing"
        # Some encoders leave out what a grey picture has no colours for, but none the luma's detail.
        sent = {i for scan in mine for i in range(scan.first, scan.last + 1)}
        if component == next(iter(structure.sampling)) and len(sent) < 64:
            return "a scan is missing"
    return None


def for_scale(data: bytes, structure: Structure, scale: int) -> bytes:
    """`data` without the scans of a progressive JPEG that a decode reduced by `scale` (1, 2, 4, 8) makes no use of.

    What is left decodes to the same pixels at that scale. The coefficients that went are declared to be zero by a scan
    of a few bytes, or libjpeg would smooth what it takes for an unfinished download.
    """
    across = max(h for h, _ in structure.sampling.values())
    down = max(v for _, v in structure.sampling.values())
    needed = {
        component: _LAST_COEFFICIENT[min(8, 8 // scale * _power(min(across // h, down // v)))]
        for component, (h, v) in structure.sampling.items()
    }
    # All of a component's AC scans go or none: a refining scan can be read only after the scans that it refines.
    idle = {component for component, last in needed.items() if last == 0}
    kept = [scan for scan in structure.scans if scan.first == 0 or not idle.issuperset(scan.components)]
    if len(kept) == len(structure.scans):
        return data
    parts = [data[: structure.scans[0].start]]
    kept_set = set(kept)
    for scan in structure.scans:
        # Tables stay even where their scan goes: a later scan may use them.
        parts.append(data[scan.start : scan.end if scan in kept_set else scan.header])
    return b"".join([*parts, *map(_zeros, sorted(idle)), _EOI])


def _power(factor: int) -> int:
    return 1 if factor < 2 else 2 if factor < 4 else 4


def _zeros(component: int) -> bytes:
    """A scan that says: every AC coefficient of `component` is zero, exactly.

    One Huffman symbol, 0xE0: an end-of-band run of 2^14 blocks plus 14 further bits (T.81 G.1.2.2). What blocks come
    after the last bit of a scan, or after a restart marker that is not there, libjpeg leaves zero on its own.
    """
    table = b"\xff\xc4" + (3 + 17).to_bytes(2) + b"\x10" + b"\x01" + bytes(15) + b"\xe0"
    header = b"\xff\xda\0\x08\x01" + bytes([component, 0x00, 1, 63, 0x00])
    return table + header + b"\x7f\xff\0"


def hungry(data: bytes, structure: Structure) -> bytes:
    """`data` with more coded bytes at its last scan's end.

    A decoder that has all it needs ignores them. One that ran out before (the file was cut and closed with an end
    marker) draws them: if the two pictures differ, the last part of the file is missing.
    """
    end = _end_of_scan(data, structure.scans[-1].coded)
    return data[:end] + b"\x5a\xc3\x96\x3c\x69\xa5" * 512 + data[end:]
