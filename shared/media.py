"""The kinds of picture that the door takes: media types and their file extensions."""

from pathlib import PurePosixPath

# The media types that an upload may declare. The resizer decides by the bytes; the door only refuses mistakes early.
EXTENSIONS_BY_TYPE = {
    "image/jpeg": ("jpg", "jpeg", "jpe", "jfif", "mpo"),
    "image/png": ("png",),
    "image/apng": ("apng",),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "image/avif": ("avif",),
    "image/heic": ("heic",),
    "image/heif": ("heif", "hif"),
    "image/tiff": ("tif", "tiff"),
    "image/bmp": ("bmp", "dib"),
    "image/x-icon": ("ico",),
    "image/vnd.microsoft.icon": ("ico",),
}
_TYPE_BY_EXTENSION = {
    extension: media_type for media_type, extensions in EXTENSIONS_BY_TYPE.items() for extension in extensions
} | {"ico": "image/x-icon"}

# The `accept` attribute of file inputs. For browsers, image/* does not include every extension here.
ACCEPT = ",".join(["image/*", *sorted(f".{extension}" for extension in _TYPE_BY_EXTENSION)])


def type_of(name: str) -> str | None:
    """Returns the media type of a file name's extension, or None if the extension is unknown."""
    return _TYPE_BY_EXTENSION.get(PurePosixPath(name).suffix.lower().removeprefix("."))


# Names that browsers, cameras and old programs use for the types above.
_SYNONYMS = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/x-bmp": "image/bmp",
    "image/ico": "image/x-icon",
}
UNTOLD = "application/octet-stream"
_GENERIC = {"", UNTOLD, "binary/octet-stream", "image/*"}


def declared_type(media_type: str | None, name: str) -> str | None:
    """Returns the media type of an upload, or None if it is not a picture by type and name.

    A type that is unknown or generic counts less than the extension. If type and extension are both unknown, the type
    is UNTOLD and the resizer decides by the bytes.
    """
    said = (media_type or "").split(";")[0].strip().lower()
    said = _SYNONYMS.get(said, said)
    if said in EXTENSIONS_BY_TYPE:
        return said
    untold = said in _GENERIC and not PurePosixPath(name).suffix
    return type_of(name) or (UNTOLD if untold else None)
