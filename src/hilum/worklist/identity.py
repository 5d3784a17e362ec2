"""Whose study it is and of when, as far as DICOM says and the settings allow."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, datetime
from pathlib import Path

from hilum.settings import Settings

from .store import Store


def identity(path: Path, store: Store, settings: Settings) -> tuple[str, date | None]:
    """Patient and date of a study.

    Parameters
    ----------
    path : one of its files
    store : whose salt makes pseudonyms
    settings : ``web.identities`` takes both as they are; otherwise a pseudonym, and no date

    Returns
    -------
    The number or pseudonym, empty if the file is no DICOM or states none; the date, None if it states none.
    """
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["PatientID", "StudyDate"])
        number, day = str(header.get("PatientID") or "").strip(), str(header.get("StudyDate") or "")
    except (InvalidDicomError, OSError, ValueError, TypeError, AttributeError, KeyError, NotImplementedError):
        return "", None
    if settings.web.identities:
        return "".join(each for each in number if each.isprintable())[:100], _day(day)
    return pseudonym(number, store.salt()), None


def pseudonym(number: str, salt: bytes) -> str:
    """What stands for a patient's number: the same for the same one, and not to be turned back without the salt."""
    return f"P-{hmac.new(salt, number.encode(), hashlib.sha256).hexdigest()[:10]}" if number else ""


def _day(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
    except ValueError:
        return None
