"""Voxels that stand in a file of their own, beside the header that names it."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from hilum.errors import NotAnImage, ReadError, UnsafeArchive

from .content import Content


def beside(content: Content, name: str) -> Content:
    """The file that a header names, from the header's own folder and from nowhere else.

    Raises
    ------
    UnsafeArchive
        The name leaves the folder: a header must not choose what is read from a disk.
    ReadError
        It is not there, cannot be read, or the header came out of a zip file.
    NotAnImage
        It is empty.
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    if not parts or ".." in parts or parts[0].startswith("/") or ":" in parts[0]:
        raise content.error(
            UnsafeArchive,
            f"its header puts the voxels into {name!r}, outside of its own folder",
            "Put both files into one folder, and name the one in the other without a path.",
        )
    if not isinstance(content.path, Path) or not content.path.is_file():
        raise content.error(
            ReadError,
            f"its voxels are in another file ({name!r}), which cannot be reached from a zip file",
            "Unpack it and give the folder.",
        )
    path = content.path.parent.joinpath(*parts)
    if not path.is_file():
        raise content.error(
            NotAnImage,
            f"its voxels should be in the file {name!r} beside it, which is not there",
            "Copy both files into one folder.",
        )
    return Content.of_file(path)
