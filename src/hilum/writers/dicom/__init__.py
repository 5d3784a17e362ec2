"""Results as DICOM objects, for the archive that the images came from.

Segmentations of lungs and lesions, a structured report (TID 1500) linked to their segments, the overlay as a secondary
capture and the report as an encapsulated PDF. The same result and settings give the same objects, byte for byte.
``docs/dicom.md`` describes them. This needs the extra ``dicom``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hilum.case import Case
from hilum.errors import WriteError
from hilum.geometry import PlaneGrid
from hilum.provenance import sources
from hilum.readers.dicom_source import DicomSource, dicom_source
from hilum.readers.entries import Entry
from hilum.registry import unknown
from hilum.writers.whole import whole_file

if TYPE_CHECKING:
    from pydicom import Dataset

    from .frame import Frame
    from .segmentation import Kind

__all__ = ["OBJECTS", "Object", "require_dicom", "write_dicom"]

Object = Literal["seg", "sr", "sc", "pdf"]

OBJECTS: tuple[Object, ...] = ("seg", "sr", "sc", "pdf")
"""What there is: Segmentations, a structured report, a secondary capture of the overlay, an encapsulated PDF."""


def write_dicom(
    case: Case,
    source: DicomSource | Entry | Path | str,
    folder: Path | str,
    *,
    objects: Sequence[Object] = OBJECTS,
    deidentify: bool = False,
    segments: Kind = "binary",
) -> tuple[Path, ...]:
    """Write a case as DICOM objects into a folder, each file whole or not at all, and give back their paths.

    The files are ``seg-lungs.dcm`` and ``seg-lesions.dcm`` (each only if something was found), ``sr.dcm``,
    ``overlay.dcm`` and ``report.dcm``. They belong to the study of the source, each in a series of its own.

    Parameters
    ----------
    case : of a film or a CT that was read from DICOM
    source : the entry, file or folder that the case was read from, or its headers
    folder : made if need be; files of these names are replaced
    objects : which to write; the links of the report to the segments need both
    deidentify : take over nothing from the source by which the patient could be known
    segments : how masks are stored: ``binary``, or ``labelmap``, which fewer programs read

    Raises
    ------
    UnsupportedFormat
        The source is no DICOM.
    ReadError
        Its headers cannot be read again.
    WriteError
        The headers are not those of the case; or the file says that text is burnt into the picture, and a picture
        without the patient is wanted; or the folder cannot be written to.
    MissingExtra
        The extra ``dicom`` is not installed.
    ValueError
        There is no such object.
    """
    if strange := [name for name in objects if name not in OBJECTS]:
        raise ValueError(unknown("DICOM object", strange[0], OBJECTS))
    require_dicom(objects)
    headers = source if isinstance(source, DicomSource) else dicom_source(source)
    _require_same(case, headers)
    _require_clean(headers, objects, deidentify=deidentify)
    folder = Path(folder)
    written: list[Path] = []
    for name, made in _objects(case, headers, tuple(objects), deidentify=deidentify, segments=segments):
        with whole_file(folder / name) as unfinished:
            made.save_as(unfinished, enforce_file_format=True)
        written.append(folder / name)
    return tuple(written)


def require_dicom(objects: Sequence[Object]) -> None:
    """Raise MissingExtra unless the libraries that make these objects are installed."""
    from .frame import highdicom

    highdicom()
    if "pdf" in objects:
        from .pdf import require_reportlab

        require_reportlab()


def _require_same(case: Case, headers: DicomSource) -> None:
    """The headers are those of the files that the case was made from."""
    stated = [each.uids.instances for each in sources(case.image.origin) if each.uids is not None]
    if not any(set(instances) <= set(headers.instances) for instances in stated):
        raise WriteError(
            f"Cannot write DICOM results of the case {case.name!r}: it was not made from the DICOM files that were "
            "given with it. Give the file or folder that it was read from."
        )


def _require_clean(headers: DicomSource, objects: Sequence[Object], *, deidentify: bool) -> None:
    """Pictures without the patient are made of pictures that do not name the patient."""
    burnt = str(headers.first.get("BurnedInAnnotation") or "").strip().upper() == "YES"
    if deidentify and burnt and {"sc", "pdf"} & set(objects):
        raise WriteError(
            "Cannot write an overlay or a report without patient data: the header says that text is burnt into the "
            "picture, and it may name the patient. Ask for seg and sr only."
        )


def _objects(
    case: Case, headers: DicomSource, objects: tuple[Object, ...], *, deidentify: bool, segments: Kind
) -> Iterator[tuple[str, Dataset]]:
    """The names of the files, and their objects, one after the other."""
    from .confidential import without_patient
    from .frame import Frame
    from .identity import identity
    from .segmentation import SegmentationObject, segmentation
    from .structured import structured_report

    is_film = isinstance(case.image.grid, PlaneGrid)
    key = identity(case, deidentify, segments)
    source = without_patient(headers) if deidentify else headers
    frame = Frame.of(source, key, is_film=is_film, is_deidentified=deidentify)
    made: dict[str, SegmentationObject] = {}
    if "seg" in objects:
        for number, (content, labels) in enumerate((("lungs", case.lungs), ("lesions", case.lesions)), 1):
            found = segmentation(labels, frame, content, number, segments)
            if found is not None:
                made[content] = found
                yield f"seg-{content}.dcm", found.dataset
    if "sr" in objects:
        yield "sr.dcm", structured_report(case, frame, made, 3)
    if {"sc", "pdf"} & set(objects):
        yield from _pictures(case, frame, objects)


def _pictures(case: Case, frame: Frame, objects: tuple[Object, ...]) -> Iterator[tuple[str, Dataset]]:
    """The overlay and the report, from one drawing."""
    from .document import encapsulated_pdf
    from .pictures import drawn, secondary_capture

    picture = drawn(case)
    if "sc" in objects:
        yield "overlay.dcm", secondary_capture(case, picture, frame, 4)
    if "pdf" in objects:
        from .pdf import render_pdf

        yield "report.dcm", encapsulated_pdf(render_pdf(case, picture, frame), frame, 5)
