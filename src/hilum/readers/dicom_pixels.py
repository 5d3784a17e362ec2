"""From stored DICOM pixels to the picture that is meant to be displayed.

Every pixel of one stored value is displayed alike, and a film has at most 65,536 stored values: modality table,
window and inversion are worked out once for each of them, and looked up.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.encaps import get_frame
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.pixels.processing import apply_color_lut
from pydicom.uid import JPEGExtended12Bit

from hilum.errors import UnsupportedFormat
from hilum.measurement import Finding, Gravity

from . import jpeg_stream
from .content import Content
from .dicom_tags import text, value, whole
from .grey import grey, usable

WINDOW_FLOOR = 0.02
"""A window is ignored if a smaller share of the pixels lies between its ends: it was meant for something else."""

DECODERS = ("pylibjpeg", "pydicom", "pyjpegls", "pillow", "gdcm")
"""Whose decoder is taken, the first that there is: pylibjpeg's for RLE takes a tenth of the time of pydicom's, and GDCM
is the last, since damaged pixels make it end the process."""

_FULL = 65535.0
"""Windowed values are spread over 16 bits, so that no step of the stored values is lost."""


class DamagedTable(ValueError):
    """A lookup table of grey values that the header does not hold whole; its message is the end of a sentence."""


@dataclass(frozen=True, slots=True)
class _Table:
    """A DICOM lookup table: values below the first mapped one get the first entry, those above the last the last."""

    first: int
    entries: NDArray[np.uint16]

    def __call__(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        places = np.clip(np.rint(values) - self.first, 0, len(self.entries) - 1).astype(np.intp)
        return self.entries[places].astype(np.float64)


def syntax(dataset: Dataset) -> str:
    """The transfer syntax in words."""
    return str(dataset.file_meta.TransferSyntaxUID.name)


def displayed(dataset: Dataset, content: Content) -> tuple[NDArray[Any], tuple[Finding, ...]]:
    """The picture, shape (rows, columns), uint8, uint16 or float32, larger as brighter; and what was noticed.

    Modality LUT or rescale, then VOI LUT or the first window, then MONOCHROME1 turned over, then padding made black.

    Raises
    ------
    UnsupportedFormat
        No decoder for the transfer syntax is installed, or the photometric interpretation is unknown.
    """
    decoder, plugin = decoder_of(dataset, content)
    photometric = text(dataset, "PhotometricInterpretation")
    if photometric.startswith("MONOCHROME"):
        return _monochrome(dataset, stored(dataset, decoder, plugin), is_inverse=photometric == "MONOCHROME1")
    _require_sound_jpeg(dataset, plugin)
    with _panics_as_errors():
        samples, properties = decoder.as_array(dataset, decoding_plugin=plugin)
    if photometric == "PALETTE COLOR":
        return grey(apply_color_lut(samples, dataset))
    if str(properties["photometric_interpretation"]) != "RGB":
        raise content.error(
            UnsupportedFormat, f"its pixels are {photometric or 'of no stated kind'}", "Export it in grey or RGB."
        )
    return grey(samples)


def decoder_of(dataset: Dataset, content: Content) -> tuple[Decoder, str]:
    """What decodes the pixels, and whose it is: one of :data:`DECODERS`, empty for pixels that are stored plainly.

    Raises
    ------
    UnsupportedFormat
        Nothing that is installed decodes this transfer syntax.
    """
    uid = dataset.file_meta.TransferSyntaxUID
    with suppress(NotImplementedError):  # pydicom does not know the syntax
        decoder = get_decoder(uid)
        names = [name for name in DECODERS if name in decoder.available_plugins]
        if uid == JPEGExtended12Bit and int(dataset.BitsStored) > 8:
            names = [name for name in names if name == "pylibjpeg"]  # the others know its 8-bit kind only
        if names or not uid.is_encapsulated:
            return decoder, names[0] if names else ""
    raise content.error(
        UnsupportedFormat,
        f"nothing that is installed decodes its transfer syntax, {syntax(dataset)}",
        "Export it uncompressed, or as JPEG 2000, JPEG-LS, JPEG or RLE.",
    )


def _require_sound_jpeg(dataset: Dataset, plugin: str, frame: int = 0, frames: int = 1) -> None:
    if plugin == "gdcm":
        jpeg_stream.require_sound(
            get_frame(dataset.PixelData, frame, number_of_frames=frames),
            rows=int(dataset.Rows),
            columns=int(dataset.Columns),
            samples=int(dataset.SamplesPerPixel),
        )


@contextmanager
def _panics_as_errors() -> Generator[None]:
    """Turn what decoders written in Rust raise about damaged pixels, which is no Exception, into a ValueError."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise ValueError("the decoder broke down") from error


def stored(dataset: Dataset, decoder: Decoder, plugin: str, frame: int = 0) -> NDArray[Any]:
    """The stored values of a frame, without what other data may lie in the unused bits (old overlays do)."""
    _require_sound_jpeg(dataset, plugin, frame, whole(dataset, "NumberOfFrames", 1))
    options: Any = {"correct_unused_bits": False}  # that is done below, for old high bits too
    with _panics_as_errors():
        samples: NDArray[Any] = decoder.as_array(dataset, index=frame, decoding_plugin=plugin, **options)[0]
    allocated, used = 8 * samples.dtype.itemsize, int(dataset.BitsStored)
    is_native = not dataset.file_meta.TransferSyntaxUID.is_encapsulated
    high = whole(dataset, "HighBit", used - 1) if is_native else used - 1
    if used >= allocated or whole(dataset, "BitsAllocated", allocated) == 1:
        return samples
    return (samples << (allocated - 1 - high)) >> (allocated - used)


def _monochrome(
    dataset: Dataset, samples: NDArray[Any], *, is_inverse: bool
) -> tuple[NDArray[Any], tuple[Finding, ...]]:
    low, high = int(np.iinfo(samples.dtype).min), int(np.iinfo(samples.dtype).max)
    bits = int(dataset.BitsStored)
    if bits < 8 * samples.dtype.itemsize:
        low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if low < 0 else (0, (1 << bits) - 1)
    values = _modality(dataset, np.arange(low, high + 1, dtype=np.float64))
    few = samples[:: _step(samples.shape[0]), :: _step(samples.shape[1])]
    shown, findings = _windowed(dataset, values, np.bincount(few.ravel().astype(np.intp) - low, minlength=len(values)))
    if is_inverse:
        shown = shown.min() + shown.max() - shown
    _blacken_padding(dataset, shown, low)
    if low == 0 and np.array_equal(shown, np.arange(high + 1)):
        return usable(samples), findings
    table = usable(shown.astype(np.int64) if (shown == np.rint(shown)).all() else shown)
    return table[samples if low == 0 else samples.astype(np.int32) - low], findings


def _step(side: int) -> int:
    """Enough pixels along a side to judge a window by."""
    return max(1, side // 512)


def _modality(dataset: Dataset, values: NDArray[np.float64]) -> NDArray[np.float64]:
    table = _lookup(dataset, "ModalityLUTSequence", is_signed=values[0] < 0)
    if table is not None:
        return table(values)
    slope, intercept = dataset.get("RescaleSlope"), dataset.get("RescaleIntercept")
    return values * float(1 if slope is None else slope) + float(0 if intercept is None else intercept)


def _windowed(
    dataset: Dataset, values: NDArray[np.float64], counts: NDArray[np.intp]
) -> tuple[NDArray[np.float64], tuple[Finding, ...]]:
    """Values through the VOI table or the first window; as they are if neither is stated or makes sense.

    ``counts`` tells how many pixels, of those that were looked at, have each value.
    """
    table = _lookup(dataset, "VOILUTSequence", is_signed=values.min() < 0)
    if table is not None:
        shown = table(values)
    else:
        window = _window(dataset, values)
        if window is None:
            return values, ()
        shown = window
    inside = (shown > shown.min()) & (shown < shown.max())
    if counts[inside].sum() >= WINDOW_FLOOR * counts.sum():
        return shown, ()
    message = "Its display window leaves hardly any grey between black and white, and was ignored."
    return values, (Finding("window-ignored", Gravity.NOTE, message),)


def _window(dataset: Dataset, values: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Values through the first window, 0 to 65535; None if there is none that the standard allows.

    References
    ----------
    .. [1] DICOM PS3.3, C.11.2.1.2 (linear) and C.11.2.1.3 (sigmoid, linear exact)
    """
    centre, width = _first(dataset, "WindowCenter"), _first(dataset, "WindowWidth")
    function = text(dataset, "VOILUTFunction") or "LINEAR"
    if centre is None or width is None or width < (1 if function == "LINEAR" else 1e-9):
        return None
    if function == "SIGMOID":
        return np.rint(_FULL / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    below, above = values <= centre - width / 2, values > centre + width / 2
    ramp = ((values - centre) / max(width, 1e-9) + 0.5) * _FULL
    return np.rint(np.where(below, 0.0, np.where(above, _FULL, ramp)))


def _first(dataset: Dataset, keyword: str) -> float | None:
    """The first of an element's numbers."""
    try:
        found = value(dataset, keyword)
        return float(found if isinstance(found, int | float | str) else found[0])
    except (TypeError, ValueError, IndexError):
        return None


def _lookup(dataset: Dataset, keyword: str, *, is_signed: bool) -> _Table | None:
    """The first table of a sequence, None if it has none; DamagedTable if it has too few entries."""
    items: Any = dataset.get(keyword)
    if not items:
        return None
    length, first, bits = (int(number) for number in items[0].LUTDescriptor)
    length = length or 65536
    data: Any = items[0].LUTData
    if isinstance(data, bytes):
        order = "<" if dataset.original_encoding[1] in (True, None) else ">"
        data = np.frombuffer(data, dtype=np.uint8 if bits <= 8 and len(data) <= length + 1 else f"{order}u2")
    entries = np.atleast_1d(np.asarray(data)).astype(np.uint16)[:length]
    if len(entries) < length:
        raise DamagedTable(f"its {keyword} has {len(entries)} entries where {length} are stated")
    return _Table(first - 65536 if is_signed and first > 32767 else first, entries)


def _blacken_padding(dataset: Dataset, shown: NDArray[np.float64], low: int) -> None:
    """Give the stored values that stand for "no picture here" the darkest of the displayed values, in place."""
    padding, limit = value(dataset, "PixelPaddingValue"), value(dataset, "PixelPaddingRangeLimit")
    if not isinstance(padding, int):
        return
    ends = sorted((padding, limit if isinstance(limit, int) else padding))
    start, stop = (min(max(end - low, 0), len(shown)) for end in (ends[0], ends[1] + 1))
    shown[start:stop] = shown.min()
