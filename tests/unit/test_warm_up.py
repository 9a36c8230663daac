"""After warm_up a process renders every format although it may open no more files."""

import pickle
import subprocess
import sys

from functions.resize.render import render
from shared.errors import Rejected
from shared.limits import Limits
from shared.renditions import Rendition
from tests.support import pictures
from tests.support.deep import TEN_BIT_RAMP, sixteen_bit_png, ten_bit_heic
from tests.support.rendered import STILLS
from tests.support.spaces import cicp

RENDITIONS = [
    Rendition("auto", 300, 300),
    Rendition("webp", 100, 100, format="webp"),
    Rendition("avif", 100, 100, format="avif"),
    Rendition("png", 100, 100, format="png"),
]
FILES = {
    **STILLS,
    "photo of a phone": pictures.phone_jpeg(6),
    "Display P3": pictures.display_p3_jpeg(),
    "CMYK with a profile": pictures.cmyk_jpeg(),
    "transparent PNG": pictures.transparent(),
    "transparent WebP": pictures.transparent("WEBP"),
    "16 bits": pictures.sixteen_bit_png(),
    "12 megapixel PNG": pictures.encoded(pictures.scene(4000, 3000, grain=0), "PNG", compress_level=1),
    "animated GIF": pictures.animated_gif(3),
    "animated WebP": pictures.animated("WEBP", 3),
    "animated PNG": pictures.animated("PNG", 3),
    "animated AVIF": pictures.animated("AVIF", 3),
    "HDR AVIF of 10 bits": TEN_BIT_RAMP,
    "HDR HEIC of 10 bits": ten_bit_heic(pictures.scene(96, 64), 9, 16),
    "HDR PNG of 16 bits": sixteen_bit_png(pictures.scene(96, 64), cicp(9, 16)),
    "half a JPEG": pictures.jpeg()[:20_000],
    "half a HEIC": pictures.heic()[:2_000],
    "half a TIFF": pictures.encoded(pictures.scene(), "TIFF", compression="tiff_lzw")[:2_000],
    **pictures.NOT_PICTURES,
}
CHILD = """
import os, pickle, resource, sys
from functions.resize.warm_up import warm_up
from tests.unit.test_warm_up import outcome

files = pickle.load(sys.stdin.buffer)
answer_to = os.dup(1)
warm_up()
opened = [int(name) for name in os.listdir("/proc/self/fd")]
resource.setrlimit(resource.RLIMIT_NOFILE, (len(opened) - 1, len(opened) - 1))  # listdir had one open itself
try:
    os.open("/dev/null", os.O_RDONLY)
except OSError:
    outcomes = {name: outcome(data) for name, data in files.items()}
    with os.fdopen(answer_to, "wb") as answer:
        pickle.dump(outcomes, answer)
"""


def outcome(data: bytes) -> list[bytes] | str:
    """Returns the renditions' bytes, or the code of the rejection."""
    try:
        return [picture.body for picture in render(data, RENDITIONS, Limits()).pictures]
    except Rejected as rejected:
        return rejected.code


def test_a_process_without_free_file_numbers_renders_the_same_bytes() -> None:
    child = subprocess.run([sys.executable, "-c", CHILD], input=pickle.dumps(FILES), capture_output=True, check=True)
    outcomes = pickle.loads(child.stdout)
    assert outcomes.keys() == FILES.keys()
    differing = {name: outcomes[name] for name, data in FILES.items() if outcomes[name] != outcome(data)}
    assert not differing
