"""The result of rendering, for the renderer process and the function; it does not import Pillow."""

from dataclasses import dataclass

from shared.media import EXTENSIONS_BY_TYPE


@dataclass(frozen=True, slots=True)
class Picture:
    """One rendition as a file. `rendition` is its name, `encoding` its file format (shared.renditions.FORMATS)."""

    rendition: str
    body: bytes
    encoding: str
    width_px: int
    height_px: int

    @property
    def content_type(self) -> str:
        """Returns the file's media type."""
        return f"image/{self.encoding}"

    @property
    def extension(self) -> str:
        """Returns the extension in the key, without the dot."""
        return EXTENSIONS_BY_TYPE[self.content_type][0]


@dataclass(frozen=True, slots=True)
class Rendered:
    """All renditions of an upload. The size in pixels and the `format` describe the upright original."""

    width_px: int
    height_px: int
    format: str
    decode_seconds: float
    resize_seconds: float
    encode_seconds: float
    pictures: tuple[Picture, ...]
