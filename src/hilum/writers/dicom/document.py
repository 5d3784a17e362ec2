"""The report of a case as an encapsulated PDF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hilum.image import Code

from .frame import Frame, coded, highdicom, reference

if TYPE_CHECKING:
    from pydicom import Dataset

PDF_CLASS = "1.2.840.10008.5.1.4.1.1.104.1"
"""Encapsulated PDF Storage."""


def encapsulated_pdf(pdf: bytes, frame: Frame, number: int) -> Dataset:
    """A PDF file as an Encapsulated PDF.

    Parameters
    ----------
    pdf : the whole file
    frame : of the case
    number : of the series
    """
    from pydicom.uid import ExplicitVRLittleEndian

    made = highdicom().SOPClass(
        sop_class_uid=PDF_CLASS,
        modality="DOC",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **frame.series("report", number),
        **frame.study(),
    )
    made.copy_patient_and_study_information(frame.source.first)
    made.ConversionType = "SYN"
    made.BurnedInAnnotation = "NO" if frame.is_deidentified else "YES"
    made.DocumentTitle = "Hilum: severity of lung opacity, for research only"
    made.ConceptNameCodeSequence = [coded(Code("18748-4", "LN", "Diagnostic imaging study"))]
    made.AcquisitionDateTime = ""
    made.MIMETypeOfEncapsulatedDocument = "application/pdf"
    made.EncapsulatedDocument = pdf + b"\0" * (len(pdf) % 2)
    made.EncapsulatedDocumentLength = len(pdf)
    made.SourceInstanceSequence = [reference(frame.source.first)]
    frame.settle(made, "Hilum report", "report")
    return made
