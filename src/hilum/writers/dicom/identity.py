"""Identifiers that follow from what an object holds: the same inputs and settings give the same object."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from hilum import __version__
from hilum.case import Case
from hilum.writers.result_json import encode_json, label_maps, result

_PACKAGES = ("highdicom", "pydicom", "pillow", "reportlab")
"""Packages that have a hand in the bytes of the objects."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the identifiers of a case's objects are made from.

    Attributes
    ----------
    key : hexadecimal digest of the result, its masks, the settings of the objects and the versions of their makers
    """

    key: str

    def uid(self, *purpose: object) -> str:
        """A DICOM UID for a purpose: a UUID under the root 2.25 (PS3.5, B.2), the same for the same key."""
        text = "\0".join((self.key, *map(str, purpose)))
        return uid_of(text)


def uid_of(text: str) -> str:
    """A UID that follows from a text."""
    made = uuid.UUID(bytes=hashlib.sha256(text.encode(errors="surrogatepass")).digest()[:16], version=5)
    return f"2.25.{made.int}"


def identity(case: Case, *settings: object) -> Identity:
    """The identity of a case's objects.

    Objects of one identifier must be one object: whatever changes their bytes goes into the key.

    Parameters
    ----------
    case : the result; its name and its masks count
    settings : of the objects
    """
    made = hashlib.sha256(encode_json(result(case)))
    for labels in label_maps(case).values():
        for plane in labels.array:
            made.update(plane.tobytes())
    made.update(repr((__version__, *(_version(name) for name in _PACKAGES), *settings)).encode())
    return Identity(made.hexdigest())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
