"""HDR pictures of 10 and 16 bits, for tests."""

import base64
import io

import pillow_heif
from PIL import Image

from tests.support.spaces import png_of, with_nclx

# An AVIF of 10 bits in PQ: greys from 500 to 531, each four pixels wide. Pillow cannot write it; libavif did.
TEN_BIT_RAMP = base64.b64decode(
    "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAA"
    "AAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAOAAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFD"
    "b2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAgAAAAAgAAAAQcGl4aQAAAAADCgoKAAAADGF2MUOBIEAAAAAAE2NvbHJu"
    "Y2x4AAkAEAAJgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAQG1kYXQSAAoIOBi/9jCRAJkyKhAAAPtTSJEjgI75cNNH4FfPSrVaXyBQ"
    "00BedGqsF81URAQchywquK5jIA=="
)


def sixteen_bit_png(image: Image.Image, *chunks: bytes) -> bytes:
    rows = [image.crop((0, y, image.width, y + 1)).tobytes() for y in range(image.height)]
    wide = b"".join(b"\0" + b"".join(bytes((value, value)) for value in row) for row in rows)
    return png_of(*image.size, (16, 2, 0, 0, 0), wide, *chunks)


def ten_bit_heic(image: Image.Image, primaries: int, transfer: int) -> bytes:
    wide = b"".join(bytes((value, value)) for value in image.tobytes())
    file = pillow_heif.from_bytes("RGB;16", image.size, wide)
    body = io.BytesIO()
    file.save(body, quality=-1, chroma=444)
    return with_nclx(body.getvalue(), primaries, transfer)
