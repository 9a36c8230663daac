"""The markers and scans of a JPEG (ITU-T T.81, annexes B and G): missing parts, and the scans that a decode needs."""

import re
from collections.abc import Iterator
from typing import NamedTuple

EOI = b"\xff\xd9"
_END, _SOS = 0xD9, 0xDA
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_PROGRESSIVE = {0xC2, 0xCA}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# Within coded data 0xFF is followed by 0 (stuffing), a restart marker, or the marker that ends the data.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FILL = re.compile(rb"\xff{2,}")
# An inverse DCT of n x n pixels uses the n x n lowest coefficients. This is the last one in zigzag order, by n.
_LAST_COEFFICIENT = {1: 0, 2: 4, 4: 24, 8: 63}
# No camera writes more scans than this. Each scan costs a pass over the whole picture.
MAX_SCANS = 100
# No camera writes more markers and fill bytes than this. Pillow reads them one by one: 50 MB take 20 s.
MAX_MARKERS = 100_000


class Scan(NamedTuple):
    """One scan: its component ids, the coefficients `first` to `last`, and the bits before and after.

    The tables before the scan begin at `start`, its own header at `header`, its coded bytes at `coded`. For a baseline
    scan with every component, the end is the end of the file.
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
    """The result of `read`: component id -> sampling factors (horizontal, vertical), and the scans in order.

    `precision` is the number of bits a colour, and `ended` tells whether there is an end marker.
    """

    progressive: bool
    precision: int
    sampling: dict[int, tuple[int, int]]
    scans: list[Scan]
    ended: bool


class _Segment(NamedTuple):
    """A marker, its position, and the start and end of its segment's body."""

    marker: int
    at: int
    body: int
    end: int


def _segments(data: bytes) -> Iterator[_Segment]:
    """Yields the segments of the JPEG in `data` up to the end marker or a cut. Coded data lies between segments.

    Raises ValueError if there are more than MAX_MARKERS markers.
    """
    at, markers = 2, 0
    while (at := data.find(b"\xff", at)) >= 0:
        markers += 1
        if fill := _FILL.match(data, at):
            markers += fill.end() - at - 1
            at = fill.end() - 1
        if markers > MAX_MARKERS:
            raise ValueError(f"more than {MAX_MARKERS:,} markers")
        if at + 2 > len(data):
            return
        marker = data[at + 1]
        if marker == _END:
            yield _Segment(marker, at, at + 2, at + 2)
            return
        if marker == 0 or marker in _STANDALONE:
            at += 2
            continue
        body, end = at + 4, at + 2 + int.from_bytes(data[at + 2 : at + 4])
        if body > len(data) or end < body or end > len(data):
            return
        yield _Segment(marker, at, body, end)
        at = _end_of_scan(data, end) if marker == _SOS else end


def read(data: bytes) -> Structure:
    """Reads the structure of the JPEG in `data`, up to its end marker or the end of the data.

    Raises ValueError if the markers make no sense, or there are more than MAX_SCANS scans or MAX_MARKERS markers.
    """
    progressive, precision, ended = False, 8, False
    sampling: dict[int, tuple[int, int]] = {}
    scans: list[Scan] = []
    start = 2
    for segment in _segments(data):
        if segment.marker == _END:
            ended = True
        elif segment.marker in _FRAMES:
            progressive, precision = segment.marker in _PROGRESSIVE, data[segment.body]
            sampling = _sampling(data, segment)
        elif segment.marker == _SOS:
            scan = _scan(data, segment, start)
            if not progressive and sampling.keys() <= set(scan.components):
                # This scan holds all pixels, so a search for its end through the whole file is not necessary.
                scans.append(scan)
                ended = data.rfind(EOI, segment.end) >= 0
                break
            start = _end_of_scan(data, segment.end)
            scans.append(scan._replace(end=start))
            if len(scans) > MAX_SCANS:
                raise ValueError(f"more than {MAX_SCANS} scans")
    return Structure(progressive, precision, sampling, scans, ended)


def _sampling(data: bytes, frame: _Segment) -> dict[int, tuple[int, int]]:
    parts = [data[i : i + 3] for i in range(frame.body + 6, frame.end - 2, 3)]
    return {part[0]: (part[1] >> 4 or 1, part[1] & 15 or 1) for part in parts}


def _scan(data: bytes, segment: _Segment, start: int) -> Scan:
    """Reads a scan's header. The end of the file counts as the scan's end."""
    count = data[segment.body] if segment.body < segment.end else 0
    tail = segment.body + 1 + 2 * count
    if tail + 3 > segment.end:
        raise ValueError("a scan's header is too short")
    first, last, bits = data[tail : tail + 3]
    components = tuple(data[segment.body + 1 : tail : 2])
    return Scan(components, first, last, bits >> 4, bits & 15, start, segment.at, segment.end, len(data))


def _end_of_scan(data: bytes, coded: int) -> int:
    found = _MARKER.search(data, coded)
    return found.start() if found else len(data)


def missing(structure: Structure) -> str | None:
    """Names the part of the picture that the file lacks. Returns None if the file is complete."""
    for component in structure.sampling:
        mine = [scan for scan in structure.scans if component in scan.components]
        if not structure.progressive:
            if not mine:
                return "a colour component is missing"
            continue
        exact = {i for scan in mine if scan.low == 0 for i in range(scan.first, scan.last + 1)}
        if 0 not in exact:
            return "a scan is missing"
        # Some encoders leave out the colour scans of a grey picture, but none leaves out the luma's detail.
        sent = {i for scan in mine for i in range(scan.first, scan.last + 1)}
        if component == next(iter(structure.sampling)) and len(sent) < 64:
            return "a scan is missing"
    return None


def for_scale(data: bytes, structure: Structure, scale: int) -> bytes:
    """Returns a progressive JPEG without the scans that a decode reduced by `scale` (1, 2, 4, 8) does not use.

    It decodes to the same pixels at that scale. A scan of a few bytes declares the missing coefficients to be zero;
    without it, libjpeg would treat the file as an unfinished download and smooth the picture.
    """
    across = max(h for h, _ in structure.sampling.values())
    down = max(v for _, v in structure.sampling.values())
    needed = {
        component: _LAST_COEFFICIENT[min(8, 8 // scale * _power(min(across // h, down // v)))]
        for component, (h, v) in structure.sampling.items()
    }
    # Remove all AC scans of a component or none, because a scan refines earlier scans.
    idle = {component for component, last in needed.items() if last == 0}
    kept = [scan for scan in structure.scans if scan.first == 0 or not idle.issuperset(scan.components)]
    if len(kept) == len(structure.scans):
        return data
    parts = [data[: structure.scans[0].start]]
    kept_set = set(kept)
    for scan in structure.scans:
        # Keep the tables of removed scans, because a later scan may use them.
        parts.append(data[scan.start : scan.end if scan in kept_set else scan.header])
    return b"".join([*parts, *map(_zeros, sorted(idle)), EOI])


def _power(factor: int) -> int:
    return 1 if factor < 2 else 2 if factor < 4 else 4


def _zeros(component: int) -> bytes:
    """Returns a scan in which every AC coefficient of `component` is exactly zero.

    It has one Huffman symbol, 0xE0: an end-of-band run of 2^14 blocks plus 14 further bits (T.81 G.1.2.2). libjpeg sets
    all later blocks to zero by itself.
    """
    table = b"\xff\xc4" + (3 + 17).to_bytes(2) + b"\x10" + b"\x01" + bytes(15) + b"\xe0"
    header = b"\xff\xda\0\x08\x01" + bytes([component, 0x00, 1, 63, 0x00])
    return table + header + b"\x7f\xff\0"


def hungry(data: bytes, structure: Structure) -> bytes:
    """Returns `data` with more coded bytes at the end of its last scan.

    A decoder that has seen every block ignores them. In a truncated file with an end marker the decoder
    draws them: if the two pictures differ, the last part of the file is missing.
    """
    end = _end_of_scan(data, structure.scans[-1].coded)
    while data[end - 1] == 0xFF:  # fill bytes before the marker (T.81, B.1.1.2)
        end -= 1
    return data[:end] + b"\x5a\xc3\x96\x3c\x69\xa5" * 512 + data[end:]
