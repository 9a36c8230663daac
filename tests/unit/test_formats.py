"""The table of formats agrees with the media types that the door takes, and with the encodings of renditions."""

import pytest

from functions.resize.formats import BY_NAME, FORMATS
from functions.resize.formats.sniff import READABLE
from shared.media import EXTENSIONS_BY_TYPE
from shared.renditions import FORMATS as ENCODINGS
from tests.support import pictures
from tests.support.rendered import STILLS


def test_each_media_type_of_the_door_belongs_to_one_format() -> None:
    assert sorted(media_type for format_ in FORMATS for media_type in format_.media_types) == sorted(EXTENSIONS_BY_TYPE)


@pytest.mark.parametrize("name", STILLS)
def test_each_picture_matches_one_format(name: str) -> None:
    assert len([format_ for format_ in FORMATS if format_.matches(STILLS[name][:4096])]) == 1


@pytest.mark.parametrize("name", pictures.NOT_PICTURES)
def test_other_files_match_no_format(name: str) -> None:
    assert not [format_ for format_ in FORMATS if format_.matches(pictures.NOT_PICTURES[name])]


def test_each_encoding_of_a_rendition_has_an_encoder() -> None:
    assert {format_.name.lower() for format_ in FORMATS if format_.encoder} == set(ENCODINGS) - {"auto"}


def test_the_sentence_about_readable_formats_names_them_all() -> None:
    said = READABLE.upper().replace("HEIC", "HEIF")
    assert [name for name in BY_NAME if name not in said] == []
