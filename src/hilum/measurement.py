"""Values that may be absent: unknown is not zero."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """Why a value is absent.

    Attributes
    ----------
    reason : a phrase a reader of the report understands, such as "the left lung was not found"
    """

    reason: str


class Gravity(Enum):
    """How far a finding of the input gate goes."""

    NOTE = "note"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """Something the input gate, or a stage after it, noticed about an image.

    Attributes
    ----------
    code : stable, such as ``cropped-lungs``
    gravity : an ``ERROR`` means that the image was not analysed
    message : a sentence for the reader of the report
    """

    code: str
    gravity: Gravity
    message: str
