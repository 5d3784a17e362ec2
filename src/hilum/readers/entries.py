"""What there is to read: files, folders and zip files expanded to one entry a film, each with a name of its own."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hilum.errors import NotAnImage, ReadError
from hilum.image import Image
from hilum.settings import ReadSettings

from . import archive
from .content import HEAD_BYTES, Content
from .formats import read_content

DEFAULTS = ReadSettings()

IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".ima"}
"""Endings that are left out of a case's name."""

OTHER_SUFFIXES = re.compile(
    r"\.(csv|tsv|txt|jsonl?|md|rst|py|ipynb|html?|xml|ya?ml|toml|ini|cfg|log|pdf|docx?|xlsx?|ods|pptx?|rtf|sh|bat|css|js"
    r"|exe|dll|db|sqlite|np[yz]|pkl|pt|onnx)"
)
"""Files with these endings are passed over inside folders and zip files; given by name, they are read by content."""

_OTHER_NAMES = {"thumbs.db", "desktop.ini", "dicomdir", "license", "readme", "makefile"}

_NAME_LENGTH = 120
"""Longest case name; file systems allow 255 bytes, and the outputs add their own."""

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows keeps for devices."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One film to be read.

    Attributes
    ----------
    name : case id: safe as a folder name, unique within the run, the same in whatever order the paths were given
    path : the file, or the zip file that holds it
    member : its name inside the zip file, None for a plain file
    settings : limits of the readers
    """

    name: str
    path: Path
    member: str | None = None
    settings: ReadSettings = field(default=DEFAULTS, repr=False)

    def open(self) -> Image:
        """The film; ReadError if it cannot be read."""
        if self.member is None:
            return read(self.path, self.settings)
        return read_content(archive.load(self.path, self.member, self.settings), self.settings)


@dataclass(frozen=True, slots=True)
class _Spot:
    """A file before it has a name.

    Attributes
    ----------
    path, member : as in :class:`Entry`
    root : name of the folder or archive below which it was found
    parts : its path below that
    """

    path: Path
    member: str | None
    root: str
    parts: tuple[str, ...]

    @property
    def key(self) -> str:
        """What it is, whichever way it was found."""
        return f"{self.path.resolve().as_posix()}\0{self.member or ''}"

    def names(self) -> Iterator[str]:
        """Case names, the plainest first, the last one its own without doubt."""
        *folders, last = self.parts
        stem, suffix = _split(last)
        unique = hashlib.sha256(self.key.encode()).hexdigest()[:10]
        yield _safe("-".join((*folders, stem)))
        yield _safe("-".join((*folders, stem, suffix.lstrip("."))))
        yield _safe("-".join((self.root, *folders, stem)))
        yield _safe(f"{'-'.join((*folders, stem))[: _NAME_LENGTH - 20]}-{unique}")


def read(path: Path | str, settings: ReadSettings = DEFAULTS) -> Image:
    """The film in a file; or in a folder or zip file that holds no more than one.

    Parameters
    ----------
    path : PNG, JPEG, TIFF, BMP or DICOM, told by content; a folder or zip file with one of them
    settings : limits of size

    Raises
    ------
    UnsupportedFormat
        The file is of another format, or holds several pictures.
    NotAnImage
        It is empty, damaged, or has no pixels; or the folder or zip file holds no images.
    UnsafeArchive
        The zip file is over the limits.
    ReadError
        There is no such file, it may not be read, or there are several films in it.

    Examples
    --------
    >>> import hilum
    >>> film = hilum.read("film.dcm")  # doctest: +SKIP
    """
    path = Path(path)
    if path.is_dir() or archive.is_zip(_head(path)):
        return _only(path, settings).open()
    return read_content(Content.of_file(path), settings)


def find(paths: Sequence[Path | str], settings: ReadSettings = DEFAULTS) -> Iterator[Entry]:
    """One entry for each film below the paths, in the order of the paths and alphabetically within each.

    Folders are searched to the bottom and zip files opened. Hidden files, ``__MACOSX``, DICOMDIR and files that are
    plainly something else (``.csv``, ``.txt``, ``.py``...) are passed over inside them; every other file is an
    entry, and says what is wrong with it when it is opened. What is given by name is always an entry. A file that
    is reached twice is one entry.

    Raises
    ------
    ReadError
        A path does not exist, a folder may not be listed, or a folder holds no images.
    """
    if isinstance(paths, str | Path):
        raise TypeError("find() takes a list of paths, not one path")
    given = [Path(path) for path in paths]
    for path in given:
        if not path.exists():
            raise ReadError(f"There is no file or folder '{path}'. Check the path.", path=path)
    spots: dict[str, _Spot] = {}
    for spot in (spot for path in given for spot in _expand(path, settings)):
        spots[spot.key] = max(spots.get(spot.key, spot), spot, key=lambda way: (len(way.parts), way.root, way.parts))
    found = list(spots.values())
    return (Entry(name, spot.path, spot.member, settings) for name, spot in zip(_names(found), found, strict=True))


def _only(path: Path, settings: ReadSettings) -> Entry:
    """The one film in a folder or zip file."""
    if path.is_dir():
        spots = list(_expand(path, settings))
    else:
        spots = [_Spot(path, name, path.stem, (name,)) for name in _image_members(path, settings)]
    if not spots:
        raise NotAnImage(
            f"The zip file '{path}' holds no images. Films are read from PNG, JPEG, TIFF, BMP and DICOM.", path=path
        )
    if len(spots) > 1:
        raise ReadError(
            f"'{path}' holds {len(spots)} files, and one film is wanted. Name one of them, or analyse them all with "
            "'hilum analyse' or hilum.readers.find().",
            path=path,
        )
    return Entry("film", spots[0].path, spots[0].member, settings)


def _expand(path: Path, settings: ReadSettings) -> Iterator[_Spot]:
    """The files below one path that was given."""
    if not path.is_dir():
        yield from _file_or_archive(path, path, settings)
        return
    found = False
    for file in _files(path):
        for spot in _file_or_archive(file, path, settings):
            found = True
            yield spot
    if not found:
        raise ReadError(
            f"The folder '{path}' holds no images. Films are read from PNG, JPEG, TIFF, BMP and DICOM, and from zip "
            "files of these.",
            path=path,
        )


def _file_or_archive(path: Path, given: Path, settings: ReadSettings) -> Iterator[_Spot]:
    """A file itself; the files in it if it is a zip file that may be opened. ``given`` is itself or a folder above."""
    is_given = path == given
    if archive.is_zip(_head(path)):
        try:
            names = _image_members(path, settings)
        except ReadError:
            names = ()  # the entry of the whole archive says it again when it is opened
        if names:
            root = path.stem if is_given else given.resolve().name
            above = () if is_given else path.relative_to(given).with_suffix("").parts
            yield from (_Spot(path, name, root, (*above, *_member_parts(name))) for name in names)
            return
    if is_given:
        yield _Spot(path, None, path.resolve().parent.name, (path.name,))
    else:
        yield _Spot(path, None, given.resolve().name, path.relative_to(given).parts)


def _image_members(path: Path, settings: ReadSettings) -> tuple[str, ...]:
    return tuple(name for name in archive.members(path, settings) if _is_candidate(_member_parts(name)))


def _member_parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/")).parts


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, and links that lead nowhere: those fail when they are opened, not unseen."""

    def cannot_list(error: OSError) -> None:
        raise ReadError(
            f"Cannot list the folder '{error.filename}': {error.strerror}. Check that you may read it.",
            path=error.filename,
        ) from error

    for place, folders, names in os.walk(folder, onerror=cannot_list):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        for name in sorted(names):
            path = Path(place, name)
            if _is_candidate((name,)) and _may_be_opened(path):
                yield path


def _may_be_opened(path: Path) -> bool:
    """False for pipes, sockets and devices, which would keep us waiting."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _is_candidate(parts: tuple[str, ...]) -> bool:
    """Whether a file inside a folder or archive may be a film, by its path alone."""
    if not parts or any(_is_hidden(part) for part in parts):
        return False
    name = parts[-1].lower()
    return name not in _OTHER_NAMES and not OTHER_SUFFIXES.fullmatch(PurePosixPath(name).suffix)


def _head(path: Path) -> bytes:
    """The first bytes of a file; none if it cannot be read, which whoever opens it will hear."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def _split(name: str) -> tuple[str, str]:
    """A file name without its ending, and the ending, if it is one of an image; a DICOM UID has none."""
    suffix = PurePosixPath(name).suffix
    return (name.removesuffix(suffix), suffix) if suffix.lower() in IMAGE_SUFFIXES else (name, "")


def _safe(name: str) -> str:
    """A name that every file system takes."""
    name = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name)).strip("._- ")
    if len(name.encode()) > _NAME_LENGTH:
        mark = hashlib.sha256(name.encode()).hexdigest()[:10]
        name = f"{name.encode()[: _NAME_LENGTH - 11].decode(errors='ignore')}-{mark}"
    return f"film-{name}" if name.split(".")[0].lower() in _RESERVED else name or "film"


def _names(spots: Sequence[_Spot]) -> list[str]:
    """A case name for each file: the plainest that no other file has, capitals and small letters being alike."""
    choices = [list(spot.names()) for spot in spots]
    level = [0] * len(spots)
    while True:
        names = [options[index] for options, index in zip(choices, level, strict=True)]
        counts = Counter(name.casefold() for name in names)
        clashing = [i for i, name in enumerate(names) if counts[name.casefold()] > 1 and level[i] < 3]
        if not clashing:
            return names
        for index in clashing:
            level[index] += 1
