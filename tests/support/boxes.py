"""AVIF files with rewritten boxes, as other encoders write them (ISO/IEC 14496-12, 23008-12)."""

import struct
from collections.abc import Callable


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def span(data: bytes, kind: bytes) -> tuple[int, int]:
    """Returns the start and end of the first box of a kind, found by its name."""
    start = data.index(kind) - 4
    return start, start + int.from_bytes(data[start : start + 4])


def with_properties(data: bytes, change: Callable[[bytes, bytes], bytes]) -> bytes:
    """Replaces the content of `iprp`. `change` gets the contents of `ipco` and `ipma` as Pillow writes them.

    The data after it moves, so offsets in `iloc` (version 0, without base offsets) are corrected.
    """
    start, end = span(data, b"iprp")
    (ipco, ipco_end), (ipma, ipma_end) = span(data, b"ipco"), span(data, b"ipma")
    made = box(b"iprp", change(data[ipco + 8 : ipco_end], data[ipma + 8 : ipma_end]))
    by = len(made) - (end - start)
    changed = bytearray(data[:start] + made + data[end:])
    meta, _ = span(data, b"meta")
    changed[meta : meta + 4] = (int.from_bytes(data[meta : meta + 4]) + by).to_bytes(4)
    iloc, _ = span(data, b"iloc")
    at = iloc + 16
    for _ in range(int.from_bytes(data[iloc + 14 : iloc + 16])):
        extents, at = int.from_bytes(data[at + 4 : at + 6]), at + 6
        for _ in range(extents):
            changed[at : at + 4] = (int.from_bytes(data[at : at + 4]) + by).to_bytes(4)
            at += 8
    return bytes(changed)


def with_property(data: bytes, added: bytes) -> bytes:
    """Adds a property, a whole box, to the first item, which is the primary one."""

    def change(ipco: bytes, ipma: bytes) -> bytes:
        count, at = 0, 0
        while at < len(ipco):
            at += int.from_bytes(ipco[at : at + 4])
            count += 1
        associated = ipma[10] + 1
        first = ipma[:10] + bytes((associated,)) + ipma[11 : 11 + ipma[10]] + bytes((0x80 | count + 1,))
        return box(b"ipco", ipco + added) + box(b"ipma", first + ipma[11 + ipma[10] :])

    return with_properties(data, change)


def with_one_ipma_an_item(data: bytes) -> bytes:
    """Gives each of two items a separate `ipma` box."""

    def change(ipco: bytes, ipma: bytes) -> bytes:
        end = 11 + ipma[10]
        one = (1).to_bytes(4)
        boxes = box(b"ipma", ipma[:4] + one + ipma[8:end]) + box(b"ipma", ipma[:4] + one + ipma[end:])
        return box(b"ipco", ipco) + boxes

    return with_properties(data, change)


def minimized(data: bytes, *, orientation: int = 1, icc: bytes = b"", exif: bytes = b"", cicp: bytes = b"") -> bytes:
    """Packs an AVIF of Pillow's, 4:2:0 and full range, into the box `mini` (ISO/IEC 23008-12, annex O)."""
    ispe, _ = span(data, b"ispe")
    width, height = struct.unpack_from(">II", data, ispe + 12)
    configurations, at = [], 0
    while (at := data.find(b"av1C", at) + 4) > 3:
        configurations.append(data[at : at + 4])
    iloc, _ = span(data, b"iloc")
    items = [
        struct.unpack_from(">II", data, iloc + 22 + 14 * n) for n in range(int.from_bytes(data[iloc + 14 : iloc + 16]))
    ]
    main, *alpha = (data[start : start + size] for start, size in items[: len(configurations)])
    bits = Bits()
    bits.put(0, 2)
    for flag in (0, 0, 1, len(alpha), bool(cicp), 0, bool(icc), bool(exif), 0):
        bits.put(flag, 1)
    bits.put(1, 2)
    bits.put(orientation - 1, 3)
    large = max(width, height) > 128
    bits.put(large, 1)
    bits.put(width - 1, 15 if large else 7)
    bits.put(height - 1, 15 if large else 7)
    bits.put(0b100, 3)  # chroma centred across, as in the AV1 header (Chromium compares); 8 bits a colour
    bits.put(0, len(alpha))
    for value in cicp:
        bits.put(value, 8)
    bits.put(1, 1 if icc or exif else 0)
    bits.put(0b01, 2)
    if icc:
        bits.put(len(icc) - 1, 20)
    bits.put(4, 3)
    bits.put(len(main) - 1, 28)
    if alpha:
        bits.put(len(alpha[0]), 28)
        bits.put(4, 3)
    if exif:
        bits.put(0, 1)
        bits.put(len(exif) - 1, 20)
    chunks = [*configurations[1:], configurations[0], icc, *alpha, main, exif]
    return box(b"ftyp", b"mif3avif") + box(b"mini", bits.packed() + b"".join(chunks))


class Bits:
    """Packs numbers of some bits each, the highest bit first."""

    def __init__(self) -> None:
        self.text = ""

    def put(self, value: int, bits: int) -> None:
        self.text += f"{value:0{bits}b}" if bits else ""

    def packed(self) -> bytes:
        text = self.text + "0" * (-len(self.text) % 8)
        return int(text, 2).to_bytes(len(text) // 8)
