"""The kinds of picture that the door takes: media types and their file extensions."""

from pathlib import PurePosixPath

# The media types that an upload may declare. The resizer decides by the bytes; this only refuses mistakes early.
EXTENSIONS_BY_TYPE = {
    "image/jpeg": ("jpg", "jpeg", "jfif", "mpo"),
    "image/png": ("png",),
    "image/apng": ("apng",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/avif": ("avif",),
    "image/heic": ("heic",),
    "image/heif": ("heif",),
    "image/tiff": ("tif", "tiff"),
    "image/bmp": ("bmp",),
    "image/x-icon": ("ico",),
    "image/vnd.microsoft.icon": ("ico",),
}
_TYPE_BY_EXTENSION = {
    extension: media_type for media_type, extensions in EXTENSIONS_BY_TYPE.items() for extension in extensions
} | {"ico": "image/x-icon"}


def type_of(name: str) -> str | None:
    """Returns the media type of a file name's extension, or None if the extension is unknown."""
    return _TYPE_BY_EXTENSION.get(PurePosixPath(name).suffix.lower().removeprefix("."))
