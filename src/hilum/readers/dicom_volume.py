"""The pixels of a DICOM series as one volume in Hounsfield units, read slice by slice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from hilum.errors import IncompleteSeries, NotAnImage, ReadError, UnsupportedFormat
from hilum.image import Image, Quantity
from hilum.measurement import Finding, Gravity
from hilum.provenance import DicomUids, Source
from hilum.settings import ReadSettings

from . import dicom, dicom_pixels
from .content import Content
from .dicom_header import Slice, group, numbers
from .dicom_tags import BROKEN, text, value, whole
from .lattice import Lattice
from .series import Study
from .spots import Spot

AIR_HU = -1024
"""What padding becomes: no scanner's air is darker."""

PADDING_HU = (-900.0, 3072.0)
"""Padding that lies between these is tissue by its own scale: the entry is wrong and is ignored."""

_STEEPEST = 1e6
"""No slope, its inverse and no intercept reaches this; such figures count as none."""

Plane = NDArray[np.int16]

_RANGE = np.iinfo(np.int16)


def read_study(study: Study, settings: ReadSettings) -> Image:
    """The CT of a study: int16 Hounsfield units on the scanner's own grid, slices along their normal.

    Memory holds the volume, allocated once, and one or two slices (of an enhanced CT: its file).

    Raises
    ------
    IncompleteSeries
        The slices make no volume, or one of them is not what its header promised.
    Refused
        It is no CT.
    ReadError
        It states more voxels than the limit, or a file cannot be read or decoded.
    """
    taken = study.taken
    lattice = taken.stack.lattice
    if lattice is None or taken.refusal:
        raise taken.error(study.spot.place, len(study.series) - 1)
    _require_size(study, lattice, settings)
    reader = _SliceReader([taken.stack.slices[index] for index in lattice.slices], settings)
    volume = np.empty(lattice.grid.shape, dtype=np.int16)
    for plane, made in zip(volume, reader.planes(lattice.places), strict=True):
        plane[...] = made
    findings = (*study.findings(), *lattice.findings, *reader.findings)
    uids = DicomUids(study.uid, taken.uid, reader.instances)
    source = Source(study.spot.path.resolve().name, reader.digest(), uids)
    return Image(volume, lattice.grid, Quantity.HOUNSFIELD, source, findings=findings)


def _require_size(study: Study, lattice: Lattice, settings: ReadSettings) -> None:
    slices, rows, columns = lattice.grid.shape
    if slices * rows * columns > settings.max_megavoxels * 1_000_000:
        raise ReadError(
            f"Cannot read {study.taken.name} in {study.spot.place}: it states {columns}x{rows}x{slices} voxels "
            f"({slices * rows * columns / 1e6:.0f} megavoxels), and the limit is {settings.max_megavoxels} megavoxels. "
            "If it is a real scan, raise the setting read.max_megavoxels.",
            path=study.spot.path,
        )


class _SliceReader:
    """Reads slices in their order, each file once, and keeps no more than it needs.

    Parameters
    ----------
    slices : in the order in which they are read
    settings : limits of the readers
    """

    def __init__(self, slices: Sequence[Slice], settings: ReadSettings) -> None:
        self._slices = slices
        self._settings = settings
        self._hashes: dict[Spot, str] = {}
        self._found: dict[str, Finding] = {}
        self._are_scaled: bool | None = None
        self._file: tuple[Spot, Content, Dataset] | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed while reading."""
        return tuple(self._found.values())

    @property
    def instances(self) -> tuple[str, ...]:
        """SOP Instance UIDs of the files, in the order of their first slices."""
        return tuple(dict.fromkeys(each.instance for each in self._slices))

    def digest(self) -> str:
        """SHA-256 of the SHA-256 of the files, in the order of their first slices; of a single file, its own."""
        hashes = list(self._hashes.values())
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    def planes(self, places: NDArray[np.float64]) -> Iterator[NDArray[np.int16]]:
        """The slices at places in the row; those between two are mixed linearly."""
        kept: dict[int, Plane] = {}
        for place in places.tolist():
            low, share = int(place), place % 1
            needed = (low,) if share == 0 else (low, low + 1)
            kept = {index: kept[index] if index in kept else self._plane(index) for index in needed}
            if share == 0:
                yield kept[low]
            else:
                mixed = kept[low] * np.float32(1 - share) + kept[low + 1] * np.float32(share)
                yield np.rint(mixed).astype(np.int16)

    def _plane(self, index: int) -> Plane:
        wanted = self._slices[index]
        content, dataset = self._open(wanted.spot)
        try:
            made, findings = hounsfield(dataset, content, wanted.frame)
        except BROKEN as error:
            raise content.error(
                IncompleteSeries,
                f"its pixels, stored as {dicom_pixels.syntax(dataset)}, cannot be decoded: they are damaged or cut "
                f"short ({type(error).__name__}), and a slice of the series is missing with them",
                "Export the series again.",
            ) from error
        if made.shape != wanted.shape:
            raise content.error(
                IncompleteSeries, f"its slice has the shape {made.shape}, not {wanted.shape}", "Export it again."
            )
        self._require_one_scale(content, findings)
        self._found |= {finding.code: finding for finding in findings if finding.code not in self._found}
        return made

    def _require_one_scale(self, content: Content, findings: Sequence[Finding]) -> None:
        """Raise IncompleteSeries if some slices say what their numbers mean and others do not."""
        is_scaled = all(finding.code != "rescale-missing" for finding in findings)
        if self._are_scaled not in (None, is_scaled):
            raise content.error(
                IncompleteSeries,
                f"it {'says' if is_scaled else 'does not say'} how its numbers become Hounsfield units (rescale slope "
                f"and intercept), and other slices of its series do{' not' if is_scaled else ''}",
                "Export the series again.",
            )
        self._are_scaled = is_scaled

    def _open(self, spot: Spot) -> tuple[Content, Dataset]:
        """A file and its elements; the last one is kept, since several slices may be in it."""
        if self._file is not None and self._file[0] == spot:
            return self._file[1:]
        self._file = None
        content = spot.load(self._settings)
        try:
            dicom.check_deflated(content, self._settings)
            dataset = dicom.parse(content.data)
        except BROKEN as error:
            raise content.error(
                NotAnImage, f"it is damaged or cut short ({type(error).__name__})", "Export it again."
            ) from error
        _check(dataset, content)
        self._hashes.setdefault(spot, hashlib.sha256(content.data).hexdigest())
        content = replace(content, data=b"")  # its pixels are in the data set, and once is enough
        self._file = (spot, content, dataset)
        return content, dataset


def _check(dataset: Dataset, content: Content) -> None:
    if "PixelData" not in dataset:
        if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
            raise content.error(UnsupportedFormat, "it holds floating-point pixels", "CT has integers.")
        raise content.error(IncompleteSeries, "it holds no pixels, or was cut short before them", "Export it again.")
    samples, depth = whole(dataset, "SamplesPerPixel", 1), whole(dataset, "BitsAllocated", 0)
    if samples != 1 or depth not in (8, 16):
        raise content.error(
            UnsupportedFormat,
            f"it has {samples} samples of {depth} bits a pixel",
            "CT has one, of 16 bits; choose another series.",
        )


def hounsfield(dataset: Dataset, content: Content, frame: int) -> tuple[Plane, tuple[Finding, ...]]:
    """One slice, shape (rows, columns), int16: its own slope and intercept applied, padding made air.

    Raises
    ------
    UnsupportedFormat
        Nothing that is installed decodes its pixels.
    """
    decoder, plugin = dicom_pixels.decoder_of(dataset, content)
    samples = dicom_pixels.stored(dataset, decoder, plugin, frame)
    slope, intercept, findings = _rescale(dataset, frame)
    if slope.is_integer() and intercept.is_integer() and max(abs(slope), abs(intercept)) < 1 << 14:
        values = samples.astype(np.int32) * np.int32(slope) + np.int32(intercept)
    else:
        values = np.rint(samples.astype(np.float32) * np.float32(slope) + np.float32(intercept))
    made = np.clip(values, _RANGE.min, _RANGE.max).astype(np.int16)
    _pad(dataset, samples, made, slope, intercept)
    if text(dataset, "LossyImageCompression") == "01":
        message = "The scan was compressed with losses; fine textures and densities are not the scanner's."
        findings = (*findings, Finding("lossy-compression", Gravity.NOTE, message))
    return made, findings


def _rescale(dataset: Dataset, frame: int) -> tuple[float, float, tuple[Finding, ...]]:
    """Slope and intercept of a frame, and a warning if the file has none."""
    frames: Sequence[Dataset] = value(dataset, "PerFrameFunctionalGroupsSequence") or ()
    shared: Sequence[Dataset] = value(dataset, "SharedFunctionalGroupsSequence") or ()
    place = group((*frames[frame : frame + 1], *shared), "PixelValueTransformationSequence", dataset)
    slope, intercept = numbers(place, "RescaleSlope", 1), numbers(place, "RescaleIntercept", 1)
    if slope and intercept and 1 / _STEEPEST < abs(slope[0]) < _STEEPEST and abs(intercept[0]) < _STEEPEST:
        return slope[0], intercept[0], ()
    message = (
        "The file does not say how its numbers become Hounsfield units (rescale slope and intercept); they were taken "
        "as they are stored."
    )
    return 1.0, 0.0, (Finding("rescale-missing", Gravity.WARNING, message),)


def _pad(dataset: Dataset, samples: NDArray[Any], made: Plane, slope: float, intercept: float) -> None:
    """Make air, in place, of the stored values that stand for "no picture here"."""
    padding, limit = value(dataset, "PixelPaddingValue"), value(dataset, "PixelPaddingRangeLimit")
    if not isinstance(padding, int):
        return
    ends = [padding, limit if isinstance(limit, int) else padding]
    low, high = sorted(_as_stored(end, samples.dtype) for end in ends)
    if any(PADDING_HU[0] < end * slope + intercept < PADDING_HU[1] for end in (low, high)):
        return
    made[(samples >= low) & (samples <= high)] = AIR_HU


def _as_stored(number: int, kind: np.dtype[Any]) -> int:
    """A number of the header as the pixels would store it: files write it signed for unsigned pixels, and back."""
    bits = 8 * kind.itemsize
    if kind.kind == "u":
        return number % (1 << bits)
    return number - (1 << bits) if number >= 1 << (bits - 1) else number
