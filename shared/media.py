"""The kinds of picture the door takes: media types and the file extensions people give them."""

from pathlib import PurePosixPath

# What an upload may declare. It is a courtesy to the uploader, not a check: what the bytes are is for resize to see.
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
    """The media type that a file name's extension stands for, or None if it is not one we know."""
    return _TYPE_BY_EXTENSION.get(PurePosixPath(name).suffix.lower().removeprefix("."))
