"""Unit tests of lookalikes: copies are found, other views and similar photos are not, and the cost is bounded."""

import io
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from examples.lookalikes import decoding, handler
from examples.lookalikes.compare import ALIKE_DETAILS, likeness
from examples.lookalikes.fingerprint import (
    ALIKE_BITS,
    BITS,
    SKETCH_SIDE,
    Fingerprints,
    bands,
    differing_bits,
    distance,
    without_frame,
)
from examples.lookalikes.fingerprint import fingerprints as fingerprints_of_grey
from examples.lookalikes.index import BAND_PICTURES, MAX_COMPARED, Index, Settings
from shared import config
from tests.support.photos import forest, lights
from tests.support.subscribers import BUCKET, Desk, delivering


def thumb(picture: Image.Image, quality: int = 80) -> bytes:
    """Return a thumb like the resizer's: 400 pixels, JPEG."""
    small = picture.copy()
    small.thumbnail((400, 400), Image.Resampling.LANCZOS)
    body = io.BytesIO()
    small.save(body, "JPEG", quality=quality)
    return body.getvalue()


def fingerprints(body: bytes) -> Fingerprints:
    header, (pixels,) = decoding.answer({}, body)
    return fingerprints_of_grey(Image.frombytes("L", (header["width_px"], header["height_px"]), pixels))


def cropped(picture: Image.Image, left: float, upper: float, right: float, lower: float) -> Image.Image:
    width, height = picture.size
    return picture.crop(
        (round(width * left), round(height * upper), round(width * (1 - right)), round(height * (1 - lower)))
    )


@pytest.fixture(scope="module", params=[lights, forest])
def photo(request: pytest.FixtureRequest) -> Image.Image:
    made: Image.Image = request.param(random.Random(3), 800, 600)
    return made


COPIES: dict[str, Callable[[Image.Image], tuple[Image.Image, int]]] = {
    "encoded at quality 30": lambda photo: (photo, 30),
    "half as large": lambda photo: (photo.resize((400, 300)), 80),
    "trimmed by 2 % all around": lambda photo: (cropped(photo, 0.02, 0.02, 0.02, 0.02), 80),
    "trimmed by 4 % all around": lambda photo: (cropped(photo, 0.04, 0.04, 0.04, 0.04), 80),
    "trimmed by 1 % at one side": lambda photo: (cropped(photo, 0.01, 0, 0, 0), 80),
    "trimmed by 5 % at the left": lambda photo: (cropped(photo, 0.05, 0, 0, 0), 80),
    "trimmed by 5 % at the right": lambda photo: (cropped(photo, 0, 0, 0.05, 0), 80),
    "brighter": lambda photo: (ImageEnhance.Brightness(photo).enhance(1.2), 80),
    "more contrast": lambda photo: (ImageEnhance.Contrast(photo).enhance(1.25), 80),
    "grey": lambda photo: (photo.convert("L").convert("RGB"), 80),
    "in a frame": lambda photo: (ImageOps.expand(photo, 40, "white"), 80),
    "turned by 1 degree": lambda photo: (
        cropped(photo.rotate(1, Image.Resampling.BICUBIC), 0.02, 0.02, 0.02, 0.02),
        80,
    ),
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_alike_and_shares_a_band(photo: Image.Image, how: str) -> None:
    original, copy = fingerprints(thumb(photo)), fingerprints(thumb(*COPIES[how](photo)))
    for earlier, later in ((original, copy), (copy, original)):
        differing = differing_bits(later.asked, earlier.noted)
        assert differing is not None
        assert differing <= ALIKE_BITS
        pairs = [(bands(one), bands(other)) for one in later.asked for other in earlier.noted]
        assert any(one[row] == other[row] for one, other in pairs for row in range(16))
        assert likeness(later.sketch, earlier.sketch).is_alike


def smooth(seed: int) -> Image.Image:
    """Makes a dark picture of a bright ball, like a planet; `seed` chooses its details."""
    rough = Image.effect_noise((40, 30), 80) if seed else Image.radial_gradient("L").resize((40, 30))
    ball = ImageOps.invert(Image.radial_gradient("L")).resize((800, 600))
    details = rough.resize((800, 600), Image.Resampling.BICUBIC)
    return Image.blend(ball, details, 0.25).convert("RGB")


def test_smooth_pictures_with_similar_hashes_are_told_apart_by_their_details() -> None:
    one, other = fingerprints(thumb(smooth(1))), fingerprints(thumb(smooth(0)))
    assert not likeness(one.sketch, other.sketch).is_alike
    again = fingerprints(thumb(smooth(0), 40))
    assert likeness(again.sketch, other.sketch).is_alike


def test_a_plain_surface_has_no_lookalikes() -> None:
    even = bytes(SKETCH_SIDE * SKETCH_SIDE)
    assert likeness(even, even) == (0, 0)


@pytest.mark.parametrize("colour", ["white", "black", "gray"])
def test_a_frame_is_cut_off(colour: str) -> None:
    grey = forest(random.Random(3), 400, 300).convert("L")
    framed = without_frame(ImageOps.expand(grey, 20, colour))
    assert abs(framed.width - 400) <= 4
    assert abs(framed.height - 300) <= 4
    assert without_frame(grey) is grey


def test_another_view_of_the_scene_is_not_alike(photo: Image.Image) -> None:
    # The same place with the camera turned a little. The pictures share most of the scene.
    left, right = cropped(photo, 0, 0, 0.12, 0.04), cropped(photo, 0.12, 0.04, 0, 0)
    one, other = fingerprints(thumb(left)), fingerprints(thumb(right))
    assert distance(one.asked, other.noted) > ALIKE_BITS
    assert differing_bits(one.asked, other.noted) is None


def test_drawings_on_white_are_not_all_alike() -> None:
    one, other = (fingerprints(thumb(written(word, at))) for word, at in (("Tea", (80, 80)), ("Milk", (60, 300))))
    assert distance(one.asked, other.noted) <= ALIKE_BITS
    assert differing_bits(one.asked, other.noted) is None
    again = fingerprints(thumb(written("Tea", (80, 80)), 60))
    assert differing_bits(again.asked, one.noted) is not None


def written(word: str, at: tuple[int, int]) -> Image.Image:
    sheet = Image.new("RGB", (800, 600), "white")
    ImageDraw.Draw(sheet).text(at, word, fill="black", font_size=90)
    return sheet


def test_other_photos_differ_in_about_half() -> None:
    one, other = (fingerprints(thumb(scene(random.Random(3), 800, 600))) for scene in (lights, forest))
    assert distance(one.asked, other.noted) > BITS * 0.35


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    with delivering(INDEX_TABLE="index") as desk:
        boto3.client("dynamodb").create_table(
            TableName="index",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("band", "image")],
            KeySchema=[{"AttributeName": "band", "KeyType": "HASH"}, {"AttributeName": "image", "KeyType": "RANGE"}],
        )
        handler.index.cache_clear()
        monkeypatch.setattr(handler, "settings", config.at_start(Settings))
        yield desk
    handler.index.cache_clear()
    handler.decoder.stop()


def arrive(desk: Desk, image_id: str, body: bytes) -> list[dict[str, Any]]:
    """Process a picture's event and return the duplicates that were stored for it."""
    event = desk.announce(f"thumb/{image_id}/1200x900/photo.jpg", body)
    assert handler.handle(event, desk.context) == {"batchItemFailures": []}
    record = json.loads(desk.s3.get_object(Bucket=BUCKET, Key=f"lookalikes/{image_id}.json")["Body"].read())
    assert record["image"] == image_id
    found: list[dict[str, Any]] = record["lookalikes"]
    return found


FIRST, SECOND, THIRD = ("7ybqx4m8hz6wwqcr6076spxfy" + end for end in "zyx")


def test_a_copy_finds_the_earlier_picture_and_a_redelivery_changes_nothing(desk: Desk) -> None:
    photo = lights(random.Random(3), 800, 600)
    assert arrive(desk, FIRST, thumb(photo)) == []
    assert arrive(desk, SECOND, thumb(forest(random.Random(3), 800, 600))) == []
    for _ in range(2):
        (match,) = arrive(desk, THIRD, thumb(photo, 30))
        assert match["image"] == FIRST
        assert match["key"] == f"thumb/{FIRST}/1200x900/photo.jpg"
        assert match["differing_bits"] <= ALIKE_BITS
        assert match["likeness"] >= ALIKE_DETAILS


def test_a_thumb_that_is_no_picture_is_a_dead_letter(desk: Desk) -> None:
    event = desk.announce(f"thumb/{FIRST}/1200x900/photo.jpg", b"no picture")
    assert handler.handle(event, desk.context) == {"batchItemFailures": []}
    (letter,) = desk.letters()
    assert letter.code == "not-an-image"


def test_a_removed_picture_is_no_longer_found(desk: Desk) -> None:
    photo = lights(random.Random(3), 800, 600)
    arrive(desk, FIRST, thumb(photo))
    for _ in range(2):
        event = desk.announce(f"removed/{FIRST}.json", b"{}")
        assert handler.handle(event, desk.context) == {"batchItemFailures": []}
    assert arrive(desk, SECOND, thumb(photo, 30)) == []
    items = boto3.client("dynamodb").scan(TableName="index")["Items"]
    assert {item["image"]["S"] for item in items} == {SECOND}


@pytest.mark.usefixtures("desk")
def test_the_cost_of_a_picture_does_not_grow_with_the_index() -> None:
    dynamodb = boto3.client("dynamodb")
    asked: Counter[str] = Counter()
    read: list[int] = []

    def count(parsed: Any, model: Any, **_: Any) -> None:
        asked[model.name] += 1
        read.append(len(parsed.get("Items", [])))

    dynamodb.meta.events.register("after-call.dynamodb", count)
    index, costs = Index(dynamodb, "index"), []
    random_bits = random.Random(5)
    for number in range(60):
        # The worst case: all pictures are alike, so every band is full.
        noted = [0b1011 << 100, 0b1101 << 90 | random_bits.getrandbits(8)]
        looked_for = noted + [0b1001 << at for at in (110, 120, 130, 140)]
        prints = Fingerprints(noted, looked_for, random_bits.randbytes(SKETCH_SIDE * SKETCH_SIDE))
        index.add(f"{number:026}", "key", prints)
        asked.clear()
        read.clear()
        index.like(f"{number:026}", prints)
        costs.append((asked["Query"], max(read)))
    assert max(costs) <= (96, BAND_PICTURES)
    assert costs[-1][1] == BAND_PICTURES
    assert asked["BatchGetItem"] == 1
    assert MAX_COMPARED <= 100  # BatchGetItem's maximum
