"""Keys and image ids: order, time, and file names of any language."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared import keys, names
from shared.limits import MAX_KEY_BYTES, MAX_NAME_BYTES
from shared.media import EXTENSIONS_BY_TYPE

moments = st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
any_text = st.text(st.characters(), max_size=300)
hostile = (
    *("../../etc/passwd", "C:\\fakepath\\cat.jpg", "CON.png", ".", "..", "", ".jpg"),
    *("猫.jpg", "Ω≈ç√∫.png", "ﷺ.gif", "👩‍👩‍👧‍👦.jpeg", "e\u0301.jpg", "a\u202egpj.exe", "\0.jpg", "\ud800.jpg"),
    *("<script>alert(1)</script>.jpg", "'; DROP TABLE images; --.jpg", 'a"b\\c\n.jpg'),
    *("${filename}", "%2e%2e%2f.jpg", "a b+c.jpg", "!41.jpg"),
    *("x" * 4000 + ".jpg", "é" * 300 + ".webp"),
)


@given(moments, moments)
def test_a_listing_is_newest_first(one: datetime, other: datetime) -> None:
    apart = abs(one - other) >= timedelta(milliseconds=1)
    first, second = keys.new_image_id(one), keys.new_image_id(other)
    if apart:
        assert (first < second) == (one > other)
    assert first != second


@given(moments)
def test_an_id_contains_its_time(at: datetime) -> None:
    image_id = keys.new_image_id(at)
    assert keys.is_image_id(image_id)
    assert len(image_id) == keys.IMAGE_ID_CHARS
    assert abs(keys.taken_at(image_id) - at) < timedelta(milliseconds=1.001)


@pytest.mark.parametrize(
    "text", ["", "x", "7YBQX7V9M9Z3GKYDNX3FAPSKAA", "7ybqx7v9m9z3gkydnx3fapska/", "u" * 26, "0" * 27]
)
def test_other_text_is_refused_as_an_id(text: str) -> None:
    assert not keys.is_image_id(text)
    with pytest.raises(ValueError, match="not an image id"):
        keys.taken_at(text)


@given(any_text)
@example("")
def test_a_name_survives_the_key(name: str) -> None:
    cleaned = names.clean_name(name)
    assert names.display_name(names.safe_name(cleaned)) == cleaned
    assert names.clean_name(cleaned) == cleaned
    assert len(cleaned.encode()) <= MAX_NAME_BYTES
    assert not {"/", "\\", "\0", "\n"} & set(cleaned)


@pytest.mark.parametrize("name", hostile)
def test_hostile_names_make_harmless_keys(name: str) -> None:
    image = keys.Image(keys.new_image_id(datetime.now(UTC)), names.clean_name(name) or names.NAMELESS)
    key = keys.upload_key(image.id, image.name)
    assert key.isascii()
    assert len(key) <= MAX_KEY_BYTES
    assert key.count("/") == 2
    assert not set(key) & set("\"'\\<>%${}#?&+ \n")
    assert keys.image_of(key, "etag", datetime.now(UTC)) == image


def test_a_name_in_any_language_stays_as_typed() -> None:
    for name in ("猫 und Hündchen (1).jpg", "été.PNG", "صورة.webp", "a+b & c.gif"):
        assert names.clean_name(name) == name


@pytest.mark.parametrize(
    "blank", ["\u200b", "\u2800", "\u3164", "\u00ad\u2060", "\ufe0f", "\u202e\u200f", "\u0301", "\U000e0041"]
)
def test_an_invisible_name_becomes_picture(blank: str) -> None:
    assert names.clean_name(f"{blank}.jpg") == "picture.jpg"
    assert names.clean_name(blank) in {"picture", ""}


def test_bidi_controls_are_dropped_and_joiners_stay() -> None:
    assert names.clean_name("a\u202egpj.exe") == "agpj.exe"
    assert names.clean_name("\U0001f469\u200d\U0001f467.jpg") == "\U0001f469\u200d\U0001f467.jpg"
    assert names.clean_name("\u0645\u06cc\u200c\u062e.jpg") == "\u0645\u06cc\u200c\u062e.jpg"


def test_an_overlong_name_keeps_its_extension() -> None:
    assert names.clean_name("ü" * 500 + ".jpeg").endswith("ü.jpeg")


@given(st.text(st.characters(), min_size=1, max_size=300), st.integers(1, 10**6), st.integers(1, 10**6), moments)
def test_a_rendition_key_reads_back(name: str, width_px: int, height_px: int, at: datetime) -> None:
    image = keys.Image(keys.new_image_id(at), names.clean_name(name) or names.NAMELESS)
    key = keys.rendition_key("r" * 32, image, width_px, height_px, "webp")
    assert len(key) <= MAX_KEY_BYTES
    read = keys.read_rendition_key(key)
    assert read is not None
    assert (read.rendition, read.image_id, read.width_px, read.height_px) == ("r" * 32, image.id, width_px, height_px)
    assert image.name.startswith(read.stem)
    assert read.extension == "webp"


def test_the_longest_name_fits_any_key() -> None:
    longest = keys.Image(keys.new_image_id(datetime.now(UTC)), names.clean_name("\U0001f431" * 500))
    assert len(names.safe_name(longest.name)) == 3 * (MAX_NAME_BYTES - MAX_NAME_BYTES % 4)
    assert len(keys.upload_key(*longest)) < MAX_KEY_BYTES
    assert len(keys.rendition_key("r" * 32, longest, 10**6, 10**6, "webp")) < MAX_KEY_BYTES


def test_only_a_pictures_extension_is_dropped() -> None:
    image_id = keys.new_image_id(datetime.now(UTC))
    for extensions in EXTENSIONS_BY_TYPE.values():
        for extension in extensions:
            key = keys.rendition_key("thumb", keys.Image(image_id, f"cat.{extension.upper()}"), 4, 3, "jpg")
            assert key.endswith("/4x3/cat.jpg")
    assert keys.rendition_key("thumb", keys.Image(image_id, "v1.2 final"), 4, 3, "jpg").endswith("/v1.2!20final.jpg")


@given(st.text(min_size=1, max_size=100), st.text("0123456789abcdef", min_size=32, max_size=32), moments)
def test_an_object_without_a_door_key_always_gets_the_same_id(key: str, etag: str, at: datetime) -> None:
    image = keys.image_of(key, etag, at)
    assert image == keys.image_of(key, etag, at)
    assert keys.is_image_id(image.id)
    assert image.name
    assert image.id != keys.image_of(key, etag[::-1] + "0", at).id
    assert image.id != keys.image_of(key + "x", etag, at).id


@given(moments, moments)
def test_a_listing_starts_after_its_cursor(one: datetime, other: datetime) -> None:
    cursor, image = keys.new_image_id(one), keys.Image(keys.new_image_id(other), "cat.jpg")
    key = keys.rendition_key("thumb", image, 4, 3, "jpg")
    assert (key > keys.listing_start("thumb", cursor)) == (image.id > cursor)
    own = keys.rendition_key("thumb", keys.Image(cursor, "~~~.jpg"), 9999, 9999, "webp")
    assert own < keys.listing_start("thumb", cursor)


def test_a_rejection_key_reads_back() -> None:
    image_id = keys.new_image_id(datetime.now(UTC))
    assert keys.read_rejection_key(keys.rejection_key(image_id)) == image_id
    assert keys.read_rejection_key("rejected/x.json") is None


@pytest.mark.parametrize(
    "key", ["thumb/x/1x1/a.jpg", "thumb/" + "0" * 26 + "/0x1/a.jpg", "cat.jpg", "thumb//1x1/a.jpg"]
)
def test_other_keys_are_no_rendition_keys(key: str) -> None:
    assert keys.read_rendition_key(key) is None
