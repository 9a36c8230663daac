"""Measures the cost of the colour step for untagged photos and for sRGB: `python -m bench.colour FOLDER [ROUNDS]`.

Each round renders each JPEG of the folder four times: with and without the step, untagged and tagged as sRGB. The goal
is 1.02 times the CPU time at most. The exit code is 1 if a median is above the goal.
"""

import gc
import statistics
import sys
import time
from pathlib import Path
from unittest.mock import patch

from PIL import Image, ImageCms

from functions.resize import render
from functions.resize.space import Space
from shared.limits import Limits
from shared.renditions import DEFAULT_RENDITIONS

_ROUNDS = 15
_GOAL = 1.02
_APP2 = b"\xff\xe2"


def untagged(jpeg: bytes) -> bytes:
    """Returns the JPEG without its APP2 segments, which hold profiles."""
    at, kept = 2, [jpeg[:2]]
    while jpeg[at + 1] not in {0xDA, 0xDB}:
        end = at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        if jpeg[at : at + 2] != _APP2:
            kept.append(jpeg[at:end])
        at = end
    return b"".join([*kept, jpeg[at:]])


def tagged(jpeg: bytes) -> bytes:
    """Returns the JPEG with littlecms's profile of sRGB."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    body = b"ICC_PROFILE\0\1\1" + profile
    bare = untagged(jpeg)
    return bare[:2] + _APP2 + (2 + len(body)).to_bytes(2) + body + bare[2:]


def _seconds(data: bytes) -> float:
    gc.collect()
    started = time.process_time()
    render.render(data, DEFAULT_RENDITIONS, Limits())
    return time.process_time() - started


def _without_step(data: bytes) -> float:
    def unchanged(image: Image.Image, _: Space) -> Image.Image:
        return image

    def as_it_is(image: Image.Image, space: Space) -> tuple[Image.Image, Space]:
        return image, space

    with patch.object(render, "to_srgb", unchanged), patch.object(render, "resamplable", as_it_is):
        return _seconds(data)


def ratio(data: bytes, rounds: int) -> float:
    """Returns the median, over rounds, of the time with the step divided by the time without."""
    _seconds(data)
    ratios = []
    for number in range(rounds):
        # The two swap places each round, so that a clock that slows down harms both.
        if number % 2:
            without, with_step = _without_step(data), _seconds(data)
        else:
            with_step, without = _seconds(data), _without_step(data)
        ratios.append(with_step / without)
    return statistics.median(ratios)


def main() -> None:
    """Prints one line for each photo and kind, and the medians over all photos."""
    rounds = int(sys.argv[2]) if sys.argv[2:] else _ROUNDS
    found: dict[str, list[float]] = {"untagged": [], "sRGB": []}
    for path in sorted(Path(sys.argv[1]).glob("*.jpg")):
        with Image.open(path) as image:
            if image.mode != "RGB":
                continue
        jpeg = path.read_bytes()
        for kind, data in (("untagged", untagged(jpeg)), ("sRGB", tagged(jpeg))):
            found[kind].append(ratio(data, rounds))
            print(f"{path.name}, {kind}: {found[kind][-1]:.3f}", flush=True)
    medians = {kind: statistics.median(ratios) for kind, ratios in found.items()}
    print("median: " + ", ".join(f"{kind} {value:.3f}" for kind, value in medians.items()))
    sys.exit(any(value > _GOAL for value in medians.values()))


if __name__ == "__main__":
    main()
