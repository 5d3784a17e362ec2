"""The overlay of a case as a secondary capture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hilum.case import Case
from hilum.geometry import PlaneGrid
from hilum.writers import contact_sheet, overlay

from .frame import Frame, highdicom, reference

if TYPE_CHECKING:
    from pydicom import Dataset


def drawn(case: Case) -> NDArray[np.uint8]:
    """The overlay of a film, or the contact sheet of a volume: uint8, (rows, columns, 3)."""
    return overlay.render(case) if isinstance(case.image.grid, PlaneGrid) else contact_sheet.render(case)


def secondary_capture(case: Case, picture: NDArray[np.uint8], frame: Frame, number: int) -> Dataset:
    """A picture of a case as a Secondary Capture Image that names the images it was made from.

    Parameters
    ----------
    case : of a film or a volume
    picture : uint8, (rows, columns, 3)
    frame : of the case
    number : of the series
    """
    made = highdicom().sc.SCImage(
        pixel_array=picture,
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),
        **frame.series("overlay", number),
        **frame.study(),
    )
    made.copy_patient_and_study_information(frame.source.first)
    if not isinstance(case.image.grid, PlaneGrid):
        made.PatientOrientation = ""  # cuts of three directions
    made.BodyPartExamined = "CHEST"
    made.ImageType = ["DERIVED", "SECONDARY", "OVERLAY"]
    made.BurnedInAnnotation = "YES"
    made.DerivationDescription = "Outlines of lungs and lesions by Hilum, for research only"
    made.SourceImageSequence = [reference(header) for header in frame.source.headers]
    frame.settle(made, "Hilum overlay", "overlay")
    return made
