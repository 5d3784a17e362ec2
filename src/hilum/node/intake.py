"""What becomes of an object that arrives, whichever way it came: looked at, and taken into the queue or not."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from .log import tell
from .queue import Full, Queue
from .sop import CLASSES, SYNTAXES, UNCOMPRESSED
from .study import short_id

Fate = Literal["stored", "duplicate", "own", "bad", "full"]

_LONGEST = 1 << 12
"""Values longer than this, in bytes, are not read when an object is looked at."""

_TRUNCATED = "truncated: it ends before its pixels do"

_END_OF_SEQUENCE = b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"


@dataclass(frozen=True, slots=True)
class Seen:
    """What an object says of itself.

    Attributes
    ----------
    study_uid, instance_uid : its identifiers
    is_own : it is a result of ours that came back
    trouble : why it cannot be used, a code with a phrase; empty if it can
    """

    study_uid: str = ""
    instance_uid: str = ""
    is_own: bool = False
    trouble: str = ""


@contextmanager
def part_file(queue: Queue) -> Generator[tuple[Path, IO[bytes]]]:
    """A new file in the queue's ``incoming``, synced when the block ends; removed if it ends badly."""
    path = queue.incoming / f"{secrets.token_hex(12)}.part"
    try:
        with path.open("xb") as file:
            yield path, file
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def take_file(queue: Queue, source: Path, *, expected: str = "") -> Fate:
    """Copy a file into the queue, if it is an object that Hilum reads; when this returns, it is safe.

    Parameters
    ----------
    queue : takes it
    source : the file, which is left as it is
    expected : SOP Instance UID that the sender gave; empty for none

    Raises
    ------
    OSError
        The disk does not take it.
    """
    if not queue.room_for(source.stat().st_size):
        queue.counts["refused_full"] += 1
        return "full"
    with part_file(queue) as (part, file), source.open("rb") as given:
        shutil.copyfileobj(given, file, 1 << 20)
    return take_part(queue, part, expected=expected)


def take_part(queue: Queue, part: Path, *, expected: str = "") -> Fate:
    """Judge a synced file in ``incoming`` and take it in, or remove it, or put it aside."""
    seen = look(part)
    if not seen.trouble and expected and expected != seen.instance_uid:
        seen = Seen(trouble="other-instance: its SOP Instance UID is not the one it was sent with")
    if seen.trouble:
        code = seen.trouble.partition(":")[0]
        queue.put_aside(part, seen.trouble)
        tell("object-put-aside", level=logging.WARNING, code=code)
        return "bad"
    if seen.is_own:
        part.unlink(missing_ok=True)
        queue.counts["own"] += 1
        tell("own-result-ignored", study=short_id(seen.study_uid))
        return "own"
    try:
        is_new = queue.add(part, study_uid=seen.study_uid, instance_uid=seen.instance_uid)
    except Full:
        tell("spool-full", level=logging.ERROR, study=short_id(seen.study_uid))
        return "full"
    return "stored" if is_new else "duplicate"


def look(path: Path) -> Seen:
    """What a DICOM file says of itself; its pixels are not read, but that they are all there is seen."""
    import pydicom
    from pydicom.errors import InvalidDicomError
    from pydicom.filereader import read_file_meta_info

    try:
        syntax = str(read_file_meta_info(path).get("TransferSyntaxUID", ""))
        if syntax not in SYNTAXES:
            return Seen(trouble=f"other-syntax: its transfer syntax {syntax or '(none)'} is not read")
        if syntax not in UNCOMPRESSED and not _ends_with_delimiter(path):
            return Seen(trouble=_TRUNCATED)
        dataset = pydicom.dcmread(path, defer_size=_LONGEST)
        uids = [str(dataset.get(f"{each}InstanceUID") or "").strip() for each in ("Study", "Series", "SOP")]
        sop_class = str(dataset.get("SOPClassUID") or "")
        is_own = _is_own(dataset)
        is_whole = _has_all_pixels(dataset, path)
    except InvalidDicomError:
        return Seen(trouble="not-dicom: it is no DICOM file")
    except Exception as error:  # noqa: BLE001 - a foreign parser over foreign bytes
        return Seen(trouble=f"broken-header: its header cannot be read ({type(error).__name__})")
    trouble = ""
    if not all(uids):
        trouble = "no-identifiers: it does not say of which study, series and instance it is"
    elif sop_class not in CLASSES:
        trouble = f"other-class: its SOP class {sop_class or '(none)'} is not read"
    elif not is_whole:
        trouble = _TRUNCATED
    return Seen(uids[0], uids[2], is_own, trouble)


def _is_own(dataset: Any) -> bool:
    """Whether it is an overlay that Hilum made; the other results are of classes that are not taken in."""
    types = [str(part).upper() for part in dataset.get("ImageType") or ()]
    return str(dataset.get("Manufacturer") or "") == "Hilum" and "OVERLAY" in types


def _has_all_pixels(dataset: Any, path: Path) -> bool:
    """Whether the pixel data are there, and as long as the header says."""
    if "PixelData" not in dataset:
        return False
    raw = dataset.get_item("PixelData", keep_deferred=True)
    size = path.stat().st_size
    if str(dataset.file_meta.TransferSyntaxUID) not in UNCOMPRESSED:
        return True  # the delimiter was there
    wanted = (int(dataset.Rows) * int(dataset.Columns) * int(dataset.get("SamplesPerPixel") or 1)
              * int(dataset.get("NumberOfFrames") or 1) * int(dataset.BitsAllocated) + 7) // 8  # fmt: skip
    return raw.length >= wanted and raw.value_tell + raw.length <= size


def _ends_with_delimiter(path: Path) -> bool:
    """Whether the end of the compressed pixels is in the last bytes of a file."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - (1 << 16)))
        return _END_OF_SEQUENCE in file.read()
