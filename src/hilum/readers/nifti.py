"""NIfTI-1 and NIfTI-2 in one file, packed by gzip or not; the header through nibabel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, UnsupportedFormat
from hilum.image import Image
from hilum.measurement import Finding, Gravity
from hilum.settings import ReadSettings

from .content import Content
from .flow import Flow, unpacked_head
from .volume import RAS_TO_LPS, Volume, along, assumed, grid_of, samples_of, three

_SIZES = {348: 1, 540: 2}
"""Version of the format by the length of its header."""

UNITS_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""Millimetres in the header's unit of length: unknown, metre, millimetre, micrometre."""

UNPLACED = assumed("columns towards the left, rows towards the front, slices towards the head")
"""What is noted of an image whose header states no position."""

_DISAGREEMENT_MM = 1.0
"""From here on the two positions that a header states (sform and qform) are told apart."""


class Nifti:
    """The reader of NIfTI."""

    title = "NIfTI"

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is NIfTI, packed by gzip or not."""
        head = unpacked_head(head)
        version = _version(head)
        return (version == 1 and head[344:347] in (b"n+1", b"ni1")) or (version == 2 and head[4:7] in (b"n+2", b"ni2"))

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The CT in the file; errors as for :meth:`load`."""
        return self.load(content, settings).image(content)

    def load(self, content: Content, settings: ReadSettings) -> Volume:
        """The voxels as they are stored.

        The position is the sform's if it has a code, else the qform's; without either it is assumed, with a warning,
        as nibabel does it. A qform stands in, with a warning, for a sform that is none.

        Raises
        ------
        UnsupportedFormat
            It is the header of a pair of files, holds several volumes, or no real numbers.
        NotAnImage
            It is damaged, cut short, or its position in space is none.
        ReadError
            It states more voxels than the limit.
        """
        flow = Flow.of(content)
        header, length = _header(content, flow)
        sizes = three(content, [int(size) for size in header["dim"][1 : 1 + int(header["dim"][0])]], settings)
        kind = _kind(content, header)
        slope, intercept = _scaling(content, header)
        affine, findings = _affine(content, header, sizes)
        grid = grid_of(content, sizes, affine)
        skip = float(header["vox_offset"]) - length
        if not 0 <= skip <= 1 << 30:
            raise content.error(NotAnImage, "its header says that the voxels begin within it", "Export it again.")
        flow.take_exactly(int(skip), "what stands before the voxels")
        return Volume(samples_of(flow, sizes, kind), grid, slope, intercept, findings)


def _version(head: bytes) -> int:
    """1 or 2 by the length that a header states of itself, in either byte order; 0 for neither."""
    return _SIZES.get(int.from_bytes(head[:4], "little"), 0) or _SIZES.get(int.from_bytes(head[:4], "big"), 0)


def _header(content: Content, flow: Flow) -> tuple[Any, int]:
    """The header, and its length."""
    import nibabel

    start = bytes(flow.take(4))
    length = 540 if _version(start) == 2 else 348
    block = start + bytes(flow.take_exactly(length - 4, "the header"))
    kind: Any = nibabel.Nifti2Header if length == 540 else nibabel.Nifti1Header
    header = kind(block, check=False)
    if header["magic"].item().startswith(b"ni"):
        raise content.error(
            UnsupportedFormat,
            "it is the header of a pair of NIfTI files (.hdr and .img)",
            "Save them as one file, .nii or .nii.gz.",
        )
    if not 1 <= int(header["dim"][0]) <= 7:
        raise content.error(NotAnImage, f"its header states {int(header['dim'][0])} axes", "Export it again.")
    return header, length


def _kind(content: Content, header: Any) -> np.dtype[Any]:
    from nibabel.spatialimages import HeaderDataError

    code = int(header["datatype"])
    try:
        kind = np.dtype(header.get_data_dtype())
    except (HeaderDataError, KeyError) as error:
        raise content.error(
            NotAnImage, f"its header states a kind of number that there is not ({code})", "Export it again."
        ) from error
    if kind.kind not in "iuf" or kind.itemsize > 8:
        raise content.error(
            UnsupportedFormat,
            f"its voxels are colours, complex or very wide numbers (NIfTI datatype {code})",
            "Give the scan itself, in Hounsfield units.",
        )
    return kind


def _scaling(content: Content, header: Any) -> tuple[float, float]:
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if slope == 0 or not np.isfinite(slope):
        return 1.0, 0.0
    if not np.isfinite(intercept):
        raise content.error(NotAnImage, f"its header states the intercept {intercept}", "Export it again.")
    return slope, intercept


def _affine(
    content: Content, header: Any, sizes: tuple[int, int, int]
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """From the file's axes to LPS millimetres, and what was noticed about it."""
    scale = np.diag([*[UNITS_MM.get(int(header["xyzt_units"]) % 8, 1.0)] * 3, 1.0])
    findings: tuple[Finding, ...] = ()
    affine = np.eye(4)
    affine[:3] = [header["srow_x"], header["srow_y"], header["srow_z"]]
    if int(header["sform_code"]) > 0 and int(header["qform_code"]) > 0 and not _spans_a_volume(affine):
        affine, findings = _qform(content, header), (_SFORM_IS_NONE,)
    elif int(header["sform_code"]) > 0:
        findings = _disagreement(content, header, affine, sizes)
    elif int(header["qform_code"]) > 0:
        affine = _qform(content, header)
    else:
        affine = _unplaced(content, header, sizes)
        findings = (UNPLACED,)
    return RAS_TO_LPS @ scale @ affine, findings


_SFORM_IS_NONE = Finding(
    "geometry-conflict",
    Gravity.WARNING,
    "The header states two positions (sform and qform), of which the sform is none (zeros, or no numbers); the qform "
    "was used. Check that right is right.",
)


def _spans_a_volume(affine: NDArray[np.float64]) -> bool:
    return bool(np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 0)


def _spacing(content: Content, header: Any) -> NDArray[np.float64]:
    spacing = np.array(header["pixdim"][1:4], dtype=np.float64)
    if not np.isfinite(spacing).all() or (spacing < 0).any():
        shown = ", ".join(f"{value:g}" for value in spacing)
        raise content.error(NotAnImage, f"its header states a spacing of {shown}", "Export it again.")
    return spacing


def _qform(content: Content, header: Any) -> NDArray[np.float64]:
    """From the file's axes to RAS, by the quaternion; the third axis is turned by the sign of ``pixdim[0]``."""
    spacing = _spacing(content, header)
    if float(header["pixdim"][0]) == -1.0:
        spacing[2] *= -1
    b, c, d = (float(header[f"quatern_{letter}"]) for letter in "bcd")
    rest = 1.0 - (b * b + c * c + d * d)
    if not rest > -1e-5:
        raise content.error(NotAnImage, "its quaternion is not that of a rotation", "Export it again.")
    a = np.sqrt(max(rest, 0.0))
    turn = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    ) / (a * a + b * b + c * c + d * d)
    return along(turn * spacing, np.array([float(header[f"qoffset_{letter}"]) for letter in "xyz"]))


def _unplaced(content: Content, header: Any, sizes: tuple[int, int, int]) -> NDArray[np.float64]:
    """From the file's axes to RAS where the header does not say: about the middle, as nibabel assumes it."""
    spacing = _spacing(content, header) * (-1.0, 1.0, 1.0)
    return along(np.diag(spacing), -spacing * (np.array(sizes) - 1) / 2)


def _disagreement(
    content: Content, header: Any, sform: NDArray[np.float64], sizes: tuple[int, int, int]
) -> tuple[Finding, ...]:
    """A warning if the header states two positions that are not one."""
    if int(header["qform_code"]) <= 0:
        return ()
    try:
        qform = _qform(content, header)
    except NotAnImage:
        return ()  # a broken qform beside a sform is of no use, and of no harm
    corners = np.array(np.meshgrid(*[(0, size - 1) for size in sizes], [1])).reshape(4, -1)
    drift = float(np.abs((sform - qform)[:3] @ corners).max())
    if not drift > _DISAGREEMENT_MM:
        return ()
    message = (
        f"The header states two positions (sform and qform) that lie up to {drift:.0f} mm apart; the sform was used. "
        "Check that right is right."
    )
    return (Finding("geometry-conflict", Gravity.WARNING, message),)
