"""What the readers of volumes share: the header is judged before a byte of the voxels is unpacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hilum.errors import NotAnImage, ReadError, UnsupportedFormat
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.measurement import Finding, Gravity
from hilum.provenance import Origin, Step
from hilum.settings import ReadSettings

from .content import Content
from .flow import Flow
from .voxels import hounsfield

CONTRAST_UNKNOWN = Finding(
    "contrast-unknown",
    Gravity.NOTE,
    "The file does not say whether contrast medium was given, which raises the density of vessels and consolidations.",
)
"""What is noted of every file without such an entry."""


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """The voxels of a file as they are stored, and where they lie.

    Attributes
    ----------
    samples : shape (slices, rows, columns) in the file's own order, of the file's own type
    grid : of the samples
    slope, intercept : ``samples * slope + intercept`` are the values that the file means
    findings : what the reader noticed
    apart : the file of the voxels where it is not that of the header
    """

    samples: NDArray[Any]
    grid: VolumeGrid
    slope: float = 1.0
    intercept: float = 0.0
    findings: tuple[Finding, ...] = ()
    apart: Content | None = None

    def origin(self, content: Content) -> Origin:
        """The file, or the header and the file of the voxels that were joined."""
        if self.apart is None:
            return content.source()
        return Step("join-files", {}, (content.source(), self.apart.source()))

    def image(self, content: Content) -> Image:
        """A CT in Hounsfield units."""
        array, findings = hounsfield(self.samples, self.slope, self.intercept)
        noticed = (*self.findings, *findings, CONTRAST_UNKNOWN)
        return Image(array, self.grid, Quantity.HOUNSFIELD, self.origin(content), findings=noticed)


class VolumeReader(Protocol):
    """A reader that can also give the numbers as they are stored, which masks need."""

    @property
    def title(self) -> str:
        """How messages name the format."""
        ...

    def looks_like(self, head: bytes) -> bool:
        """Whether a file that begins so is of this format, packed by gzip or not."""
        ...

    def load(self, content: Content, settings: ReadSettings) -> Volume:
        """The voxels as they are stored."""
        ...

    def read(self, content: Content, settings: ReadSettings) -> Image:
        """The CT in the file."""
        ...


def three(content: Content, sizes: Sequence[int], settings: ReadSettings) -> tuple[int, int, int]:
    """The sizes of a volume along its axes, fastest first, once they have been judged.

    Parameters
    ----------
    content : the file, for messages
    sizes : as its header states them, fastest axis first; further axes must have length 1
    settings : ``max_megavoxels`` is the limit

    Raises
    ------
    UnsupportedFormat
        There are fewer than three axes, or several frames.
    NotAnImage
        A size is not positive.
    ReadError
        It is over the limit.
    """
    shown = "x".join(str(size) for size in sizes)
    if len(sizes) < 3:
        raise content.error(
            UnsupportedFormat,
            f"it has {len(sizes)} axes ({shown or 'no size'}), and a CT volume has three",
            "Give the whole volume; folders of single slices are read with --slices.",
        )
    if min(sizes) < 1:
        raise content.error(NotAnImage, f"its header states a size of {shown} voxels", "Export it again.")
    frames = int(np.prod([int(size) for size in sizes[3:]], dtype=object))
    if frames > 1:
        raise content.error(
            UnsupportedFormat,
            f"it holds {frames} volumes ({shown} voxels), and one is wanted",
            "Save the one that is meant as a file of its own.",
        )
    voxels = int(sizes[0]) * int(sizes[1]) * int(sizes[2])
    if voxels > settings.max_megavoxels * 1_000_000:
        raise content.error(
            ReadError,
            f"it states {shown} voxels ({voxels / 1e6:,.0f} megavoxels), and the limit is "
            f"{settings.max_megavoxels} megavoxels",
            "If it is a real scan, raise the setting read.max_megavoxels.",
        )
    return int(sizes[0]), int(sizes[1]), int(sizes[2])


def grid_of(content: Content, sizes: tuple[int, int, int], affine: NDArray[np.float64]) -> VolumeGrid:
    """The grid of (slices, rows, columns) from that of the file's axes, fastest first, to LPS millimetres.

    Raises
    ------
    NotAnImage
        An axis has no direction or no length, or the three do not span a volume.
    """
    if not np.isfinite(affine).all():
        raise content.error(NotAnImage, "its position in space is not made of numbers", "Export it again.")
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if (lengths == 0).any():
        axis = int(np.flatnonzero(lengths == 0)[0]) + 1
        raise content.error(
            NotAnImage, f"its axis {axis} has no direction or a spacing of 0", "Export it again, with its spacing."
        )
    try:
        return VolumeGrid((sizes[2], sizes[1], sizes[0]), affine[:, [2, 1, 0, 3]])
    except ValueError as error:
        raise content.error(
            NotAnImage, "its three axes do not span a volume: they lie in one plane", "Export it again."
        ) from error


def samples_of(flow: Flow, sizes: tuple[int, int, int], kind: np.dtype[Any]) -> NDArray[Any]:
    """The voxels, shape (slices, rows, columns), in the machine's byte order; no copy if the file's is the same."""
    count = sizes[0] * sizes[1] * sizes[2]
    data = flow.take_exactly(count * kind.itemsize, "the block of voxels")
    samples = np.frombuffer(data, dtype=kind, count=count).reshape(sizes[2], sizes[1], sizes[0])
    return samples if kind.isnative else samples.astype(kind.newbyteorder("="))


def packed_limit(size: int) -> int:
    """Most bytes that so many bytes can become by packing."""
    return size + size // 8 + (1 << 20)


def along(directions: NDArray[np.float64], origin: NDArray[np.float64]) -> NDArray[np.float64]:
    """A 4x4 affine from three columns, one an axis of the file, and the position of the first voxel."""
    affine = np.eye(4)
    affine[:3, :3] = directions
    affine[:3, 3] = origin
    return affine


RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""From right-anterior-superior to left-posterior-superior coordinates, and back."""


def assumed(what: str) -> Finding:
    """A warning that the sides of the patient are not stated."""
    return Finding(
        "orientation-assumed",
        Gravity.WARNING,
        f"The file does not say how the patient lies in it; {what} was assumed. Check that right is right.",
    )
