"""Where images may be: files below folders and inside zip files, and names that are safe for their cases."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path, PurePosixPath

from hilum.errors import ReadError
from hilum.settings import ReadSettings

from . import archive
from .content import HEAD_BYTES, Content

FORMATS = "Films are read from PNG, JPEG, TIFF, BMP and DICOM, CT from DICOM, NIfTI, NRRD and MetaImage"
"""What messages say where nothing was found."""

IMAGE_SUFFIXES = (
    *(".nii.gz", ".png", ".jpg", ".jpeg", ".jpe", ".tif", ".tiff", ".bmp", ".dcm", ".dicom", ".ima"),
    *(".nii", ".nrrd", ".nhdr", ".mha", ".mhd", ".hdr"),
)
"""Endings that are left out of a case's name, longer ones first."""

OTHER_SUFFIXES = re.compile(
    r"\.(csv|tsv|txt|jsonl?|md|rst|py|ipynb|html?|xml|ya?ml|toml|ini|cfg|log|pdf|docx?|xlsx?|ods|pptx?|rtf|sh|bat|css|js"
    r"|exe|dll|db|sqlite|np[yz]|pkl|pt|onnx|z?raw)"
)
"""Files with these endings are passed over inside folders and zip files; given by name, they are read by content."""

_OTHER_NAMES = {"thumbs.db", "desktop.ini", "dicomdir", "license", "readme", "makefile"}

_NAME_LENGTH = 120
"""Longest case name; file systems allow 255 bytes, and the outputs add their own."""

_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
"""Names that Windows keeps for devices."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A place where there may be an image: a file, a file inside a zip file, or the folder of a study.

    Attributes
    ----------
    path : the file or folder, or the zip file that holds it
    member : its name inside the zip file, None for what lies on disk
    root : name of the folder or archive below which it was found
    parts : its path below that
    study : tells a DICOM study from others in the same folder; empty for single files
    """

    path: Path
    member: str | None
    root: str
    parts: tuple[str, ...]
    study: str = ""

    @property
    def key(self) -> str:
        """What it is, whichever way it was found."""
        return f"{self.path.resolve().as_posix()}\0{self.member or ''}\0{self.study}"

    @property
    def place(self) -> str:
        """How messages name it, quotes included, such as ``'a.png' in 'films.zip'``."""
        return f"'{self.path}'" if self.member is None else f"'{self.member}' in '{self.path}'"

    def load(self, settings: ReadSettings) -> Content:
        """Its bytes; ReadError if they cannot be had."""
        if self.member is None:
            return Content.of_file(self.path)
        return archive.load(self.path, self.member, settings)

    def names(self) -> Iterator[str]:
        """Case names, the plainest first, the last one its own without doubt."""
        *folders, last = self.parts or (self.root,)
        stem, suffix = (last, _digest(self.study, 8)) if self.study else _split(last)
        unique = _digest(self.key, 10)
        yield _safe("-".join((*folders, stem)))
        yield _safe("-".join((*folders, stem, suffix.lstrip("."))))
        yield _safe("-".join((self.root, *folders, stem)))
        yield _safe(f"{'-'.join((*folders, stem))[: _NAME_LENGTH - 20]}-{unique}")


def expand(path: Path, settings: ReadSettings) -> Iterator[Spot]:
    """The files below one path that was given: itself, or what a folder or zip file holds.

    Raises
    ------
    ReadError
        A folder may not be listed, or holds no images.
    """
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
            f"The folder '{path}' holds no images. {FORMATS}, and from zip files of these.",
            path=path,
        )


def common(spots: Sequence[Spot], study: str) -> Spot:
    """The nearest folder, or zip file, that holds all of several spots; a single spot is itself."""
    first = spots[0]
    if len(spots) == 1:
        return first
    is_one_root = len({spot.root for spot in spots}) == 1
    levels = zip(*(spot.parts[:-1] for spot in spots), strict=False) if is_one_root else ()
    shared = [level[0] for level in takewhile(lambda level: len(set(level)) == 1, levels)]
    if any(spot.member is not None for spot in spots) and len({spot.path for spot in spots}) == 1:
        path = first.path
    else:
        path = Path(os.path.commonpath([spot.path.parent.absolute() for spot in spots]))
        path = first.path.parent if path == first.path.parent.absolute() else path
    return Spot(path, None, first.root, tuple(shared), study)


def head(path: Path) -> bytes:
    """The first bytes of a file; none if it cannot be read, which whoever opens it will hear."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def image_members(path: Path, settings: ReadSettings) -> tuple[str, ...]:
    """Names of the files in a zip file that may be images; errors as of :func:`.archive.members`."""
    return tuple(name for name in archive.members(path, settings) if is_candidate(_member_parts(name)))


def names(spots: Sequence[Spot]) -> list[str]:
    """A case name for each spot: the plainest that no other has, capitals and small letters being alike."""
    choices = [list(spot.names()) for spot in spots]
    level = [0] * len(spots)
    while True:
        made = [options[index] for options, index in zip(choices, level, strict=True)]
        counts = Counter(name.casefold() for name in made)
        clashing = [i for i, name in enumerate(made) if counts[name.casefold()] > 1 and level[i] < 3]
        if not clashing:
            return made
        for index in clashing:
            level[index] += 1


def _file_or_archive(path: Path, given: Path, settings: ReadSettings) -> Iterator[Spot]:
    """A file itself; the files in it if it is a zip file that may be opened. ``given`` is itself or a folder above."""
    is_given = path == given
    if archive.is_zip(head(path)):
        try:
            members = image_members(path, settings)
        except ReadError:
            members = ()  # the entry of the whole archive says it again when it is opened
        if members:
            root = path.stem if is_given else given.resolve().name
            above = () if is_given else path.relative_to(given).with_suffix("").parts
            yield from (Spot(path, name, root, (*above, *_member_parts(name))) for name in members)
            return
    if is_given:
        yield Spot(path, None, path.resolve().parent.name, (path.name,))
    else:
        yield Spot(path, None, given.resolve().name, path.relative_to(given).parts)


def _member_parts(name: str) -> tuple[str, ...]:
    return PurePosixPath(name.replace("\\", "/")).parts


def _files(folder: Path) -> Iterator[Path]:
    """Regular files below a folder, and links that lead nowhere: those fail when they are opened, not unseen.

    Folders that are links are searched last, and none twice.
    """

    def cannot_list(error: OSError) -> None:
        raise ReadError(
            f"Cannot list the folder '{error.filename}': {error.strerror}. Check that you may read it.",
            path=error.filename,
        ) from error

    seen: set[str] = set()
    waiting = deque([folder])
    while waiting:
        for place, folders, files in os.walk(waiting.popleft(), onerror=cannot_list):
            here = os.path.realpath(place)
            if here in seen:
                folders.clear()
                continue
            seen.add(here)
            below = [Path(place, name) for name in sorted(folders) if not _is_hidden(name)]
            waiting += [path for path in below if path.is_symlink()]
            folders[:] = [path.name for path in below if not path.is_symlink()]
            for name in sorted(files):
                path = Path(place, name)
                if is_candidate((name,)) and _may_be_opened(path):
                    yield path


def _may_be_opened(path: Path) -> bool:
    """False for pipes, sockets and devices, which would keep us waiting."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return True


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def is_candidate(parts: tuple[str, ...]) -> bool:
    """Whether a file inside a folder or archive may be an image, by its path alone."""
    if not parts or any(_is_hidden(part) for part in parts):
        return False
    name = parts[-1].lower()
    return name not in _OTHER_NAMES and not OTHER_SUFFIXES.fullmatch(PurePosixPath(name.removesuffix(".gz")).suffix)


def _split(name: str) -> tuple[str, str]:
    """A file name without its ending, and the ending, if it is one of an image; a DICOM UID has none."""
    for suffix in IMAGE_SUFFIXES:
        if name.lower().endswith(suffix):
            return name[: -len(suffix)], name[-len(suffix) :]
    return name, ""


def _safe(name: str) -> str:
    """A name that every file system takes."""
    name = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name)).strip("._- ")
    if len(name.encode()) > _NAME_LENGTH:
        name = f"{name.encode()[: _NAME_LENGTH - 11].decode(errors='ignore')}-{_digest(name, 10)}"
    return f"film-{name}" if name.split(".")[0].lower() in _RESERVED else name or "film"


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:length]
