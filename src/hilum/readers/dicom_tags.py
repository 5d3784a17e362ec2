"""What a film's DICOM header says of its geometry, its view and itself."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from pydicom import Dataset
from pydicom.errors import BytesLengthException
from pydicom.uid import UID

from hilum.geometry import UPRIGHT, PlaneOrientation, SpacingAt
from hilum.measurement import Finding, Gravity
from hilum.provenance import DicomUids

BROKEN = (
    ArithmeticError,
    AttributeError,
    BytesLengthException,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom and its decoders raise about a damaged file."""

MODALITIES = {
    "BMD": "bone densitometry",
    "CT": "computed tomography",
    "DOC": "a document",
    "ECG": "an electrocardiogram",
    "ES": "endoscopy",
    "GM": "microscopy",
    "IO": "a dental film",
    "IVUS": "ultrasound",
    "MG": "mammography",
    "MR": "magnetic resonance",
    "NM": "nuclear medicine",
    "OCT": "optical coherence tomography",
    "OP": "ophthalmology",
    "PT": "positron emission tomography",
    "PX": "a dental panorama",
    "SM": "microscopy",
    "US": "ultrasound",
    "XA": "angiography",
}
"""DICOM modalities that are no chest film, in words. Codes outside this table pass: equipment invents them."""

CHEST_WORDS = ("CHEST", "THORA", "TORA", "LUNG", "PULM", "POUMON", "BRUST")
"""A body part that has one of these in it is a chest."""

VIEWS = {"PA": "PA", "AP": "AP", "LL": "LATERAL", "RL": "LATERAL", "LAT": "LATERAL", "LATERAL": "LATERAL"}
"""View Position, as far as it matters here."""

OBLIQUE_VIEWS = {"LAO", "RAO", "LPO", "RPO", "LLO", "RLO"}
"""View Positions in which the two lungs overlap in part."""

VIEW_CODES = {
    "272479007": "PA",
    "399348003": "AP",
    "399067008": "LATERAL",
    "399173006": "LATERAL",
    "399198007": "LATERAL",
    "R-10214": "PA",
    "R-10206": "AP",
    "R-10228": "LATERAL",
    "R-10232": "LATERAL",
    "R-10236": "LATERAL",
}
"""View Code Sequence (context group 4010), in SNOMED CT and in the SNOMED RT codes of older files."""

_SPACING_LIMIT_MM = 10.0
"""No film has pixels this large; a larger figure is a slip of the sender."""


def value(dataset: Dataset, keyword: str) -> Any:
    """An element's value; None if there is none, or if it breaks the rules of its kind."""
    try:
        return dataset.get(keyword)
    except BROKEN:
        return None


def text(dataset: Dataset, keyword: str) -> str:
    """An element's value in capitals without blanks around it; empty if there is none."""
    found = value(dataset, keyword)
    return "" if found is None else str(found).strip().upper()


def whole(dataset: Dataset, keyword: str, default: int) -> int:
    """An element's whole number; the default if there is none or it is none."""
    try:
        return int(value(dataset, keyword) or default)
    except (TypeError, ValueError):
        return default


def kind(dataset: Dataset) -> str:
    """The kind of DICOM object, as messages name it."""
    uid = str(value(dataset, "SOPClassUID") or "")
    return f"DICOM object ({UID(uid).name})" if uid else "DICOM object"


def uids(dataset: Dataset) -> DicomUids | None:
    """The identifiers of study, series and image; None if any is missing."""
    study, series, instance = (
        str(value(dataset, keyword) or "") for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    )
    return DicomUids(study, series, (instance,)) if study and series and instance else None


def spacing(dataset: Dataset) -> tuple[tuple[float, float] | None, SpacingAt]:
    """Spacing of (rows, columns) in mm, and the plane at which it holds.

    Pixel Spacing is the patient's if the file says that it was calibrated, or if it differs from Imager Pixel
    Spacing; equal to it, it is the detector's; alone, nobody can tell. Without it, Imager Pixel Spacing is divided
    by the estimated magnification if the file states one, and is the detector's else; the pitch of a scanned film
    is that of the plane of its cassette.

    References
    ----------
    .. [1] DICOM PS3.3, 10.7.1.3, Pixel Spacing Calibration Type
    """
    patient, detector = _pair(dataset, "PixelSpacing"), _pair(dataset, "ImagerPixelSpacing")
    if patient is not None:
        if text(dataset, "PixelSpacingCalibrationType") in ("GEOMETRY", "FIDUCIAL"):
            return patient, SpacingAt.PATIENT
        if detector is None:
            return patient, SpacingAt.UNKNOWN
        is_same = all(math.isclose(a, b, rel_tol=1e-3) for a, b in zip(patient, detector, strict=True))
        return patient, SpacingAt.DETECTOR if is_same else SpacingAt.PATIENT
    if detector is not None:
        magnification = _number(value(dataset, "EstimatedRadiographicMagnificationFactor"))
        if magnification is not None and 1.0 < magnification < 3.0:
            return (detector[0] / magnification, detector[1] / magnification), SpacingAt.PATIENT
        return detector, SpacingAt.DETECTOR
    scanned = _pair(dataset, "NominalScannedPixelSpacing")
    return scanned, SpacingAt.UNKNOWN if scanned is None else SpacingAt.DETECTOR


def orientation(dataset: Dataset) -> tuple[PlaneOrientation, tuple[Finding, ...]]:
    """Which way the axes run by Patient Orientation, and a note if the file does not tell.

    A value such as ``FR`` (feet, a little to the right) counts by its first letter. A lateral film (``A`` or ``P``)
    keeps the upright orientation.
    """
    letters = _orientation_letters(dataset)
    try:
        return PlaneOrientation(columns=letters[0], rows=letters[1]), ()
    except (IndexError, ValueError):
        pass
    if _is_sideways(letters):
        return UPRIGHT, ()
    stated = "\\".join(letters) or "nothing"
    message = (
        f"The file says {stated} of the patient's orientation; the film was taken to be upright, with the patient's "
        "right at the left edge."
    )
    return UPRIGHT, (Finding("orientation-assumed", Gravity.NOTE, message),)


def view(dataset: Dataset) -> str:
    """``PA``, ``AP``, ``LATERAL`` or empty, by View Position, View Code Sequence or Patient Orientation."""
    stated = text(dataset, "ViewPosition")
    if stated in VIEWS:
        return VIEWS[stated]
    for item in value(dataset, "ViewCodeSequence") or ():
        code = str(item.get("CodeValue", "")).strip()
        if code in VIEW_CODES:
            return VIEW_CODES[code]
    return "LATERAL" if _is_sideways(_orientation_letters(dataset)) else ""


def findings(dataset: Dataset) -> Iterator[Finding]:
    """What the header says that the input gate or the reader of the report should know."""
    modality = text(dataset, "Modality")
    if modality in MODALITIES:
        message = (
            f"Its header says that it is {MODALITIES[modality]} (modality {modality}), and a film is wanted "
            "(CR, DX or a secondary capture)."
        )
        yield Finding("not-a-film", Gravity.ERROR, message)
    part = text(dataset, "BodyPartExamined")
    if part and not any(word in part for word in CHEST_WORDS):
        message = f"Its header says that it shows another part of the body ({part}); a chest film is wanted."
        yield Finding("other-body-part", Gravity.WARNING, message)
    if text(dataset, "ViewPosition") in OBLIQUE_VIEWS:
        message = "Its header says that it is an oblique view; lungs and scores are meant for frontal films."
        yield Finding("oblique-view", Gravity.WARNING, message)
    if text(dataset, "PresentationIntentType") == "FOR PROCESSING":
        message = "It is the detector's raw image (FOR PROCESSING), not the one made for reading; give that if you can."
        yield Finding("for-processing", Gravity.WARNING, message)
    if text(dataset, "BurnedInAnnotation") == "YES":
        message = "Its header says that text is burnt into the picture: it may name the patient, on the overlay too."
        yield Finding("burned-in-annotation", Gravity.NOTE, message)


def _orientation_letters(dataset: Dataset) -> list[str]:
    """The first letter of each value of Patient Orientation."""
    found = value(dataset, "PatientOrientation")
    parts: list[Any] = [] if found is None else [found] if isinstance(found, str) else list(found)
    return [str(part).strip().upper()[:1] for part in parts if str(part).strip()]


def _is_sideways(letters: list[str]) -> bool:
    """Whether an axis runs between the patient's front and back."""
    return any(letter in ("A", "P") for letter in letters)


def _number(found: Any) -> float | None:
    try:
        made = float(found)
    except (TypeError, ValueError):
        return None
    return made if math.isfinite(made) else None


def _pair(dataset: Dataset, keyword: str) -> tuple[float, float] | None:
    """Two lengths that a film can have; None else."""
    found = value(dataset, keyword)
    if found is None or isinstance(found, str | float) or len(found) != 2:
        return None
    rows, columns = _number(found[0]), _number(found[1])
    if rows is None or columns is None or min(rows, columns) <= 0 or max(rows, columns) > _SPACING_LIMIT_MM:
        return None
    return rows, columns
