"""The files of a folder that may be pictures. The command and the page leave out all others by the same rule."""

from pathlib import PurePosixPath

from shared.media import type_of

# Folders in which NAS boxes and file managers keep their thumbnails and deleted files, in lower case.
LITTER_FOLDERS = ("@eadir", ".thumbnails", "__macosx", "#recycle", "$recycle.bin")
LITTER_FILES = ("thumbs.db", "desktop.ini")


def skipped_folder(name: str) -> str | None:
    """Returns why a folder inside a folder is left out, or None if it may have pictures."""
    if name.lower() in LITTER_FOLDERS:
        return "folders of thumbnails and deleted files"
    return "hidden folders" if name.startswith(".") else None


def skipped_file(name: str) -> str | None:
    """Returns why a file in a folder is left out, or None if it may be a picture.

    A name without an extension tells nothing. The bytes decide after the upload, as for the door.
    """
    if name.lower() in LITTER_FILES or name.startswith("."):
        return "hidden and system files"
    return None if type_of(name) or not PurePosixPath(name).suffix else "files that are no pictures"
