"""BMPs that Pillow cannot read or misreads: bit fields, alpha, 2 bits a pixel, run lengths with gaps (Windows' GDI)."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from PIL import Image, ImageMath

_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS = 0, 1, 2, 3, 6
_BITS = {1, 2, 4, 8, 16, 24, 32}
_FILE_HEADER_BYTES, _INFO_HEADER_BYTES = 14, 40
_OS2_HEADER_BYTES = (16, 64)  # there, coding 3 is Huffman's and 4 is run lengths of 24 bits
# Each run costs about a microsecond. Whole pictures of this many pixels have fewer.
_MAX_RUNS = 8_000_000
# Rows are unpacked in strips of about so many pixels, because each takes several pictures of 32 bits a pixel.
_STRIP_PIXELS = 1_000_000


class Header(NamedTuple):
    """The fields of the header, and the masks of red, green, blue and alpha; 0 for none."""

    width_px: int
    height_px: int
    top_down: bool
    bits: int
    compression: int
    pixels: int
    palette: int
    colours: int
    masks: tuple[int, int, int, int]
    of_os2: bool

    @property
    def is_known(self) -> bool:
        """Tells whether there is a reader for the coding. Other codings contain a JPEG or a PNG, or belong to OS/2."""
        known = {_RGB, _RLE8, _RLE4, _BITFIELDS, _ALPHA_BITFIELDS} - ({_BITFIELDS} if self.of_os2 else set())
        return self.compression in known and self.bits in _BITS

    @property
    def is_read_here(self) -> bool:
        """Tells whether Pillow cannot read it, or would leave out its alpha."""
        fields = self.compression in {_BITFIELDS, _ALPHA_BITFIELDS}
        alpha = self.bits == 32 and self.masks[3] != 0
        return fields or alpha or self.bits == 2 or self.has_runs

    @property
    def has_runs(self) -> bool:
        return self.compression in {_RLE4, _RLE8}


def header(data: bytes) -> Header | None:
    """Reads the header of the BMP in `data`. Returns None for OS/2's header, which Pillow reads."""
    if len(data) < _FILE_HEADER_BYTES + _INFO_HEADER_BYTES:
        raise ValueError("its header is missing")
    pixels, size, width, height, _, bits, compression, _, _, _, colours, _ = struct.unpack_from(
        "<IIiiHHIIiiII", data, 10
    )
    if size < _INFO_HEADER_BYTES:
        return None
    masks = _masks(data, size, bits, compression)
    outside = {_BITFIELDS: 12, _ALPHA_BITFIELDS: 16}.get(compression, 0) if size == _INFO_HEADER_BYTES else 0
    palette = _FILE_HEADER_BYTES + size + outside
    return Header(
        width,
        abs(height),
        height < 0,
        bits,
        compression,
        pixels,
        palette,
        colours or 1 << min(bits, 8),
        masks,
        size in _OS2_HEADER_BYTES,
    )


def _masks(data: bytes, size: int, bits: int, compression: int) -> tuple[int, int, int, int]:
    """Reads the masks behind the 40 bytes that all headers share, or returns the default ones."""
    red, green, blue, alpha = struct.unpack_from("<4I", data.ljust(70, b"\0"), _FILE_HEADER_BYTES + _INFO_HEADER_BYTES)
    has_alpha = compression == _ALPHA_BITFIELDS or size >= 56
    if compression in {_BITFIELDS, _ALPHA_BITFIELDS}:
        return red, green, blue, alpha if has_alpha else 0
    if bits == 16:
        return 0x7C00, 0x3E0, 0x1F, 0
    # A mask for alpha counts even if the header does not declare bit fields.
    return 0xFF0000, 0xFF00, 0xFF, alpha if size >= 108 and bits == 32 else 0


def decode(data: bytes, found: Header) -> Image.Image:
    """Decodes the picture. Raises ValueError if its pixels are missing or its masks make no sense."""
    if found.compression in {_RLE4, _RLE8}:
        image = _paletted(data, found, _unpacked_runs(data, found))
    elif found.bits in {16, 32}:
        image = _from_fields(data, found)
    else:
        image = _paletted(data, found, _unpacked_bits(data, found))
    return image if found.top_down else image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def _rows(data: bytes, found: Header) -> bytes:
    row = _row_bytes(found)
    rows = data[found.pixels : found.pixels + row * found.height_px]
    if len(rows) < row * found.height_px:
        raise ValueError("its pixels are missing")
    return rows


def _row_bytes(found: Header) -> int:
    return (found.width_px * found.bits + 31) // 32 * 4


def _from_fields(data: bytes, found: Header) -> Image.Image:
    if not all(found.masks[:3]) or any(mask >> found.bits for mask in found.masks):
        raise ValueError("its masks make no sense")
    rows, row, parts = _rows(data, found), _row_bytes(found), 4 if found.masks[3] else 3
    image = Image.new("RGBA" if parts == 4 else "RGB", (found.width_px, found.height_px))
    step = max(1, _STRIP_PIXELS // found.width_px)
    raw = "I;16" if found.bits == 16 else "I;32S"
    for upper in range(0, found.height_px, step):
        height = min(step, found.height_px - upper)
        size, strip = (found.width_px, height), rows[row * upper : row * (upper + height)]
        values = Image.frombytes("I", size, strip, "raw", raw, row, 1)
        image.paste(Image.merge(image.mode, [_part(values, mask) for mask in found.masks[:parts]]), (0, upper))
    return image


def _part(values: Image.Image, mask: int) -> Image.Image:
    """Extracts the bits of a mask and scales them to 8 bits. A mask may have any number of bits."""
    shift = (mask & -mask).bit_length() - 1
    most = mask >> shift
    # Only the upper 8 bits of a long field count.
    surplus = max(most.bit_length() - 8, 0)
    shift, most = shift + surplus, most >> surplus
    bits: Image.Image = ImageMath.lambda_eval(lambda args: (args["values"] >> shift) & most, values=values)
    return bits.point(
        [(value * 255 + most // 2) // most for value in range(most + 1)] + [255] * (65_536 - most - 1), "L"
    )


def _unpacked_bits(data: bytes, found: Header) -> bytes:
    """Unpacks rows of 1, 2, 4 or 8 bits a pixel to a byte a pixel."""
    rows, row, per_byte = _rows(data, found), _row_bytes(found), 8 // found.bits
    table = [
        bytes(v >> found.bits * (per_byte - 1 - i) & ((1 << found.bits) - 1) for i in range(per_byte))
        for v in range(256)
    ]
    return b"".join(
        b"".join(map(table.__getitem__, rows[at : at + row]))[: found.width_px] for at in range(0, len(rows), row)
    )


def _unpacked_runs(data: bytes, found: Header) -> bytes:
    """Unpacks run lengths to a byte a pixel. Pixels that a move skips have colour 0."""
    pixels = bytearray(found.width_px * found.height_px)
    x, y = 0, 0
    for count, (kind, values) in enumerate(_runs(data, found)):
        if count > _MAX_RUNS:
            raise ValueError(f"more than {_MAX_RUNS:,} runs")
        if kind == "move":
            x, y = x + values[0], y + values[1]
        elif kind == "line":
            x, y = 0, y + 1
        elif y < found.height_px:
            inside = values[: max(found.width_px - x, 0)]
            at = y * found.width_px + x
            pixels[at : at + len(inside)] = inside
            x += len(values)
    return bytes(pixels)


def _runs(data: bytes, found: Header) -> Iterator[tuple[str, bytes]]:
    """Yields runs of pixels, moves (right, down) and ends of lines. Raises ValueError if the end is missing."""
    at, nibbles = found.pixels, found.compression == _RLE4
    while at + 2 <= len(data):
        count, value = data[at], data[at + 1]
        at += 2
        if count:
            pair = bytes((value >> 4, value & 15)) if nibbles else bytes((value, value))
            yield "run", (pair * ((count + 1) // 2))[:count]
        elif value == 0:
            yield "line", b""
        elif value == 1:
            return
        elif value == 2:
            yield "move", data[at : at + 2].ljust(2, b"\0")
            at += 2
        else:
            taken = (value + 1) // 2 if nibbles else value
            raw = data[at : at + taken]
            yield "run", b"".join(bytes((b >> 4, b & 15)) for b in raw)[:value] if nibbles else raw
            at += taken + taken % 2
    raise ValueError("its end is missing")


def _paletted(data: bytes, found: Header, indexes: bytes) -> Image.Image:
    image = Image.frombytes("P", (found.width_px, found.height_px), indexes)
    entries = data[found.palette : found.palette + 4 * min(found.colours, 256)]
    image.putpalette(
        b"".join(
            entries[at + 2 : at + 3] + entries[at + 1 : at + 2] + entries[at : at + 1]
            for at in range(0, len(entries) - 3, 4)
        ).ljust(768, b"\0")
    )
    return image.convert("RGB")
