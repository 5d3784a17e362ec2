"""The numbers that the files of data sets hold, as they are stored: pictures, arrays, volumes, and planes of these.

A ``form`` says how a file is read where its content does not:

=================  ==================================================================================
``slice:K``        plane K, as stored, of a volume
``h5:NAME``        a data set of an HDF5 file, ``h5:NAME:K`` its plane K
``jsrt``           the raw films of the JSRT database
``scale:N``        a picture whose pixels are N x N pixels of the image
``at:ROW,COLUMN``  a picture that was cut out of the image, its first pixel lying there
``darwin:A,B``     polygons in JSON, number 1 for class A, 2 for B (:mod:`hilum.datasets.drawn`)
``supervisely:A``  bitmaps and polygons in JSON, likewise
=================  ==================================================================================
"""

from __future__ import annotations

import struct
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum.errors import MissingExtra, ReadError
from hilum.geometry import VolumeGrid
from hilum.image import Image
from hilum.wording import counted

JSRT_SIDE = 2048
"""Rows and columns of the films of JSRT."""

JSRT_WHITE = 4095
"""Their largest number, which is the darkest: they are stored as optical density."""

_DAMAGED = (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error)
"""What Pillow raises for files that are damaged, by their formats."""

_VOLUMES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".dcm")


def is_volume(path: Path) -> bool:
    """The file's name is that of a volume, and not of a picture."""
    return path.name.lower().endswith(_VOLUMES)


def stack(path: Path) -> Image:
    """A volume whose planes are images of their own; the last one is kept, as they are asked for one after another.

    Raises
    ------
    ReadError
        The file cannot be read, or is a film.
    """
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ReadError(f"Cannot open {str(path)!r}: {error.strerror or error}.", path=path) from error
    image = _kept(path, changed)
    if not isinstance(image.grid, VolumeGrid):
        raise ReadError(f"{str(path)!r} is a film; a volume was expected.", path=path)
    return image


@lru_cache(maxsize=1)
def _kept(path: Path, changed: int) -> Image:
    from hilum.readers import read

    del changed  # a part of the key: a file that is written anew is read anew
    return read(path)


def plane_of(path: Path, index: int) -> Image:
    """One plane of a volume file, as stored: a volume of one slice.

    Raises
    ------
    ReadError
        The file cannot be read, or has no such plane.
    """
    image = stack(path)
    count, rows, columns = image.volume.shape
    if not 0 <= index < count:
        has = counted(count, "slice")
        raise ReadError(f"{str(path)!r} has {has}, and number {index} of them was asked for.", path=path)
    grid = image.volume.cropped((index, 0, 0), (1, rows, columns))
    return Image(image.array[index : index + 1], grid, image.quantity, image.origin, findings=image.findings)


def picture(path: Path, *, as_grey: bool) -> NDArray[Any]:
    """The numbers of a picture of one channel, shape (rows, columns).

    Parameters
    ----------
    path : PNG, GIF, TIFF, BMP, JPEG or a NumPy array
    as_grey : take what is seen, and not the numbers that a palette hides: levels 0 to 255

    Raises
    ------
    ReadError
        The file is none, or has colours.
    """
    if path.suffix == ".npy":
        return _array(path)
    from PIL import Image as Pictures

    try:
        with Pictures.open(path) as opened:
            if as_grey:
                return np.asarray(opened.convert("L"))
            mode, array = opened.mode, np.asarray(opened)
    except (*_DAMAGED, Pictures.DecompressionBombError) as error:
        raise ReadError(f"Cannot read the picture {str(path)!r}: {error}.", path=path) from error
    if array.ndim == 3 and (array[..., :1] == array[..., : min(3, array.shape[2])]).all():
        array = array[..., 0]
    if array.ndim != 2:
        raise ReadError(f"Cannot read the numbers of {str(path)!r}: its pixels are {mode}, not one number.", path=path)
    return array


def _array(path: Path) -> NDArray[Any]:
    array = saved_array(path)
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ReadError(f"{str(path)!r} holds {array.dtype} of shape {array.shape}, not one plane.", path=path)
    return array


def saved_array(path: Path) -> NDArray[Any]:
    """What a file of NumPy holds; ReadError if it is none, is damaged or would run code."""
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ReadError(f"Cannot read the array {str(path)!r}: {error}.", path=path) from error


def jsrt_film(path: Path) -> NDArray[np.uint16]:
    """A raw film of JSRT, larger as brighter, shape (2048, 2048), 12 bits.

    The files are big-endian 16-bit numbers without a header and darker as larger (Shiraishi et al. 2000,
    doi 10.2214/ajr.174.1.1740071; read so by imlab-uiip/lung-segmentation-2d, preprocess_JSRT.py).

    Raises
    ------
    ReadError
        The file has another length, or larger numbers.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"Cannot open {str(path)!r}: {error.strerror or error}.", path=path) from error
    if len(data) != 2 * JSRT_SIDE * JSRT_SIDE:
        raise ReadError(
            f"{str(path)!r} has {len(data):,} bytes; a film of JSRT has {2 * JSRT_SIDE * JSRT_SIDE:,}.", path=path
        )
    density = np.frombuffer(data, dtype=">u2").reshape(JSRT_SIDE, JSRT_SIDE)
    if density.max() > JSRT_WHITE:
        raise ReadError(f"{str(path)!r} holds {density.max()}; a film of JSRT has 12 bits.", path=path)
    return (JSRT_WHITE - density).astype(np.uint16)


def h5_shape(path: Path, name: str) -> tuple[int, ...]:
    """The shape of a data set of an HDF5 file; errors as for :func:`h5_array`."""
    with _h5(path) as file:
        return tuple(_h5_set(file, path, name).shape)


def h5_array(path: Path, name: str, index: int | None = None) -> NDArray[Any]:
    """A data set of an HDF5 file, or a plane of it along its first axis.

    Raises
    ------
    MissingExtra
        h5py is not installed.
    ReadError
        The file is none, or lacks the data set; the message names what it has.
    """
    with _h5(path) as file:
        found = _h5_set(file, path, name)
        if index is None:
            return np.asarray(found[()])
        if not 0 <= index < found.shape[0]:
            raise ReadError(f"{name!r} in {str(path)!r} has {found.shape[0]} planes, not a plane {index}.", path=path)
        return np.asarray(found[index])


@contextmanager
def _h5(path: Path) -> Generator[Any]:
    """The open file; ReadError if it is none, or what is read from it is damaged."""
    try:
        import h5py  # pyright: ignore[reportMissingTypeStubs]
    except ImportError as error:
        raise MissingExtra("Reading HDF5 files", "data") from error
    try:
        opened: Any = h5py.File(path, "r")
    except OSError as error:
        raise ReadError(f"Cannot read {str(path)!r}: it is no HDF5 file ({error}).", path=path) from error
    try:
        with opened:
            yield opened
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise ReadError(f"Cannot read {str(path)!r}: it is damaged ({error}). Download it again.", path=path) from error


def _h5_set(file: Any, path: Path, name: str) -> Any:
    if name not in file or not hasattr(file[name], "shape"):
        known = ", ".join(sorted(file)) or "nothing"
        raise ReadError(f"{str(path)!r} has no data set {name!r}; it has {known}.", path=path)
    return file[name]


def h5_names(path: Path) -> tuple[str, ...]:
    """What an HDF5 file holds at its top; errors as for :func:`h5_array`."""
    with _h5(path) as file:
        return tuple(sorted(file))
