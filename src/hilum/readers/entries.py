"""What there is to read: files, folders and zip files expanded to one entry a film or a CT, each with its own name."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hilum.errors import NotAnImage, ReadError
from hilum.image import Image
from hilum.registry import unknown
from hilum.settings import ReadSettings

from . import archive
from .content import Content
from .formats import read_content
from .spots import FORMATS, Spot, expand, head, image_members, names

if TYPE_CHECKING:
    from .dicom_header import Header
    from .series import Study

log = logging.getLogger(__name__)

DEFAULTS = ReadSettings()


@dataclass(frozen=True, slots=True)
class Entry:
    """One film or CT to be read.

    Attributes
    ----------
    name : case id: safe as a folder name, unique within the run, the same in whatever order the paths were given
    path : the file, the zip file that holds it, or the folder of a study
    member : its name inside the zip file, None for anything else
    settings : limits of the readers
    study : the DICOM study whose CT it is, None for a file that is an image by itself
    """

    name: str
    path: Path
    member: str | None = None
    settings: ReadSettings = field(default=DEFAULTS, repr=False)
    study: Study | None = field(default=None, repr=False)

    def open(self) -> Image:
        """The film or CT; ReadError if it cannot be read."""
        if self.study is not None:
            from .dicom_volume import read_study

            return read_study(self.study, self.settings)
        if self.member is None:
            return _open_file(self.path, self.settings)
        return read_content(archive.load(self.path, self.member, self.settings), self.settings)


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What there is below some paths.

    Attributes
    ----------
    studies : DICOM studies that hold volumes
    films : files that are images by themselves, or may be
    order : of the studies and the films, as they were found
    """

    studies: tuple[Study, ...]
    films: tuple[Spot, ...]
    order: tuple[Study | Spot, ...]


def read(path: Path | str, settings: ReadSettings = DEFAULTS, *, series: str = "") -> Image:
    """The film or CT in a file; or in a folder or zip file that holds no more than one.

    Parameters
    ----------
    path : PNG, JPEG, TIFF, BMP, DICOM, NIfTI, NRRD or MetaImage, told by content; a folder or zip file with one of
        them, or with the DICOM files of one study
    settings : limits of size
    series : UID of the DICOM series to take; empty takes the one that ``hilum series`` names

    Raises
    ------
    UnsupportedFormat
        The file is of another format, or holds several pictures.
    NotAnImage
        It is empty, damaged, or has no pixels; or the folder or zip file holds no images.
    IncompleteSeries
        The slices of a CT make no volume.
    UnsafeArchive
        The zip file is over the limits.
    ReadError
        There is no such file, it may not be read, or there are several films or CTs in it.

    Examples
    --------
    >>> import hilum
    >>> film = hilum.read("film.dcm")  # doctest: +SKIP
    """
    path = Path(path)
    if not path.is_dir() and not path.is_file():
        return _open_file(path, settings)
    found = list(find([path], settings, series=series))
    if len(found) > 1:
        raise ReadError(
            f"'{path}' holds {len(found)} films or scans, and one is wanted. Name one of them, or analyse them all "
            "with 'hilum analyse' or hilum.readers.find().",
            path=path,
        )
    return found[0].open()


def find(paths: Sequence[Path | str], settings: ReadSettings = DEFAULTS, *, series: str = "") -> Iterator[Entry]:
    """One entry for each film and each CT below the paths, in the order of the paths and alphabetically within each.

    Folders are searched to the bottom and zip files opened. Hidden files, ``__MACOSX``, DICOMDIR and files that are
    plainly something else (``.csv``, ``.txt``, ``.py``...) are passed over inside them; every other file is an
    entry, and says what is wrong with it when it is opened. What is given by name is always an entry. A file that
    is reached twice is one entry. The DICOM files of a study that holds a CT are one entry, whatever their folders;
    reports and captures in it are passed over, films in it are entries of their own.

    Parameters
    ----------
    paths : files, folders and zip files
    settings : limits of size
    series : UID of the DICOM series that alone is wanted; empty takes everything, of each study the best series

    Raises
    ------
    ReadError
        A path does not exist, a folder may not be listed, or holds no images; or there is no such series.
    """
    found = survey(paths, settings, series=series)
    if series and not found.studies:
        known = [each.uid for study in survey(paths, settings).studies for each in study.series]
        raise ReadError(f"{unknown('series', series, known)} 'hilum series' tells what there is.", path=Path(paths[0]))
    wanted = found.studies if series else found.order
    spots = [each if isinstance(each, Spot) else each.spot for each in wanted]
    studies = [None if isinstance(each, Spot) else each for each in wanted]
    return (
        Entry(name, spot.path, spot.member, settings, study)
        for name, spot, study in zip(names(spots), spots, studies, strict=True)
    )


def survey(paths: Sequence[Path | str], settings: ReadSettings = DEFAULTS, *, series: str = "") -> Survey:
    """The DICOM studies and single files below the paths; parameters and errors as for :func:`find`."""
    spots = _spots(paths, settings)
    headers = {spot: header for spot in spots if (header := _header(spot, settings)) is not None}
    studies = _studies(list(headers.values()), series)
    belongs: dict[Spot, Study] = {}
    for study in studies:
        for each in (*(header for one in study.series for header in one.headers), *study.passed_over):
            belongs[each.spot] = study
    order = tuple(dict.fromkeys(belongs.get(spot, spot) for spot in spots))
    for study in studies:
        for header in study.passed_over:
            log.info("%s is a %s in the study of a CT and is passed over", header.spot.place, header.title)
    return Survey(studies, tuple(each for each in order if isinstance(each, Spot)), order)


def _spots(paths: Sequence[Path | str], settings: ReadSettings) -> list[Spot]:
    """Every file that may be an image, once, by the way to it that says most of where it lies."""
    if isinstance(paths, str | Path):
        raise TypeError("find() takes a list of paths, not one path")
    given = [Path(path) for path in paths]
    for path in given:
        if not path.exists():
            raise ReadError(f"There is no file or folder '{path}'. Check the path.", path=path)
    spots: dict[str, Spot] = {}
    for spot in (spot for path in given for spot in expand(path, settings)):
        spots[spot.key] = max(spots.get(spot.key, spot), spot, key=lambda way: (len(way.parts), way.root, way.parts))
    return list(spots.values())


def _header(spot: Spot, settings: ReadSettings) -> Header | None:
    """What a DICOM file says of itself; None for any other file."""
    from .dicom import is_dicom

    begins = head(spot.path) if spot.member is None else archive.head(spot.path, spot.member, settings)
    if not is_dicom(begins):
        return None
    from .dicom_header import read_header

    return read_header(spot, settings)


def _studies(headers: Sequence[Header], series: str) -> tuple[Study, ...]:
    if not headers:
        return ()
    from .series import group

    return group(headers, series)


def _open_file(path: Path, settings: ReadSettings) -> Image:
    """The image in a file that is no part of a series; an archive that may not be opened says why."""
    if archive.is_zip(head(path)):
        image_members(path, settings)
        raise NotAnImage(f"The zip file '{path}' holds no images. {FORMATS}.", path=path)
    return read_content(Content.of_file(path), settings)
