"""The headers of the DICOM files that an image was read from, as results that go back to the archive need them.

They are read again from the files, without pixels: of the first one everything but private elements, of the others
what tells one slice from another. Memory holds a few kilobytes a slice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import ReadError, UnsupportedFormat

from .content import HEAD_BYTES
from .entries import DEFAULTS, Entry, find
from .spots import Spot, head

if TYPE_CHECKING:
    from pydicom import Dataset

    from .series import Study

_SLICE_KEYWORDS = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID", "Modality"),
    *("Rows", "Columns", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices", "InstanceNumber"),
    *("ImageOrientationPatient", "ImagePositionPatient", "ImageType"),
)
"""What is kept of every file but the first."""

_LONGEST = 1 << 16
"""Values longer than this, in bytes, are pictures or documents of their own and are left out."""


@dataclass(frozen=True, slots=True, eq=False)
class DicomSource:
    """Where an image came from, in DICOM's terms.

    Attributes
    ----------
    headers : one a file, without pixels, in the order of the slices that are first in them
    frames : for each slice, in their order along the normal, its file's place in ``headers`` and its frame there,
        from 0; of a film ``((0, 0),)``
    positions_mm : shape (slices, 3), LPS position of each slice's first pixel; None for a film
    """

    headers: tuple[Dataset, ...]
    frames: tuple[tuple[int, int], ...]
    positions_mm: NDArray[np.float64] | None = None

    @property
    def first(self) -> Dataset:
        """The header that speaks for all: of the patient, the study and the series."""
        return self.headers[0]

    @property
    def instances(self) -> tuple[str, ...]:
        """SOP Instance UIDs of the files."""
        return tuple(str(header.SOPInstanceUID) for header in self.headers)


def dicom_source(source: Entry | Path | str) -> DicomSource:
    """The DICOM headers behind an entry, or behind the one film or CT in a file or folder.

    Raises
    ------
    UnsupportedFormat
        It is no DICOM, or its file does not say of which study, series and instance it is.
    ReadError
        A file cannot be read, or there are several films or CTs in the folder.
    """
    entry = source if isinstance(source, Entry) else _only(Path(source))
    try:
        made = _of_file(entry) if entry.study is None else _of_study(entry.study, entry)
    except (AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise ReadError(
            f"Cannot read the DICOM header of '{entry.path}' again ({type(error).__name__}). Export it again.",
            path=entry.path,
        ) from error
    missing = [
        keyword
        for keyword in ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID")
        if any(not header.get(keyword) for header in made.headers)
    ]
    if missing:
        raise UnsupportedFormat(
            f"Cannot make DICOM results of '{entry.path}': its header states no {' and no '.join(missing)}, and "
            "results have to name what they are of. Export it again with its identifiers, or ask for no DICOM results.",
            path=entry.path,
        )
    return made


def _only(path: Path) -> Entry:
    found = list(find([path], DEFAULTS))
    if len(found) != 1:
        raise ReadError(f"'{path}' holds {len(found)} films or scans, and one is wanted. Name it.", path=path)
    return found[0]


def _of_file(entry: Entry) -> DicomSource:
    """The header of a film."""
    from .dicom import is_dicom

    spot = Spot(entry.path, entry.member, "", ())
    begins = head(entry.path) if entry.member is None else spot.load(entry.settings).head
    if not is_dicom(begins):
        raise UnsupportedFormat(
            f"Cannot make DICOM results of {spot.place}: it is no DICOM file, and results in DICOM name the patient, "
            "the study and the image that they are of. Give the DICOM original, or ask for no DICOM results.",
            path=entry.path,
        )
    return DicomSource((_whole(spot, entry),), ((0, 0),))


def _of_study(study: Study, entry: Entry) -> DicomSource:
    """The headers of the slices that the volume was made of."""
    stack = study.taken.stack
    if stack.lattice is None:
        raise ReadError(f"Cannot make DICOM results of {study.spot.place}: it makes no volume.", path=study.spot.path)
    slices = [stack.slices[index] for index in stack.lattice.slices]
    spots = list(dict.fromkeys(each.spot for each in slices))
    places = {spot: place for place, spot in enumerate(spots)}
    headers = (_whole(spots[0], entry), *(_few(spot, entry) for spot in spots[1:]))
    frames = tuple((places[each.spot], each.frame) for each in slices)
    return DicomSource(headers, frames, np.array([each.position_mm for each in slices], dtype=np.float64))


def _whole(spot: Spot, entry: Entry) -> Dataset:
    """All of a header but private and very long elements."""
    made = _parsed(spot, entry, None)
    made.remove_private_tags()
    for tag in list(_bulky(made)):
        del made[tag]
    return made


def _few(spot: Spot, entry: Entry) -> Dataset:
    return _parsed(spot, entry, _SLICE_KEYWORDS)


def _parsed(spot: Spot, entry: Entry, keywords: Sequence[str] | None) -> Dataset:
    """A file's elements before its pixels; of a file on disk, little more than these is read."""
    import pydicom

    from . import dicom

    is_bare = is_packed = False
    if spot.member is None:
        with spot.path.open("rb") as file:
            begins = file.read(1024)
        is_bare, is_packed = begins[:HEAD_BYTES][128:132] != b"DICM", dicom.is_deflated(begins)
    if spot.member is not None or is_packed:
        content = spot.load(entry.settings)
        dicom.check_deflated(content, entry.settings)
        made = dicom.parse(content.data, keywords=keywords or ())
    else:
        wanted = None if keywords is None else list(keywords)
        made = pydicom.dcmread(spot.path, stop_before_pixels=True, specific_tags=wanted, force=is_bare)
    return made


def _bulky(dataset: Dataset) -> Iterator[Any]:
    """Tags of pixels and of other very long values; sequences are kept."""
    for element in dataset:
        is_picture = element.tag.group == 0x7FE0 or element.tag.group & 0xFF00 == 0x6000
        is_long = element.VR != "SQ" and isinstance(element.value, bytes | str) and len(element.value) > _LONGEST
        if is_picture or is_long:
            yield element.tag
