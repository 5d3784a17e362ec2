"""Every exception that Hilum raises about the world: files, models, data, settings.

A caller's slip in an argument is a ``ValueError`` or ``TypeError``; everything else is one of these::

    Error
    ├── ReadError
    │   ├── UnsupportedFormat     not a format that Hilum reads
    │   ├── NotAnImage            readable, but there are no usable pixels in it
    │   ├── Refused               an image, but not one that may be analysed (carries the gate's finding)
    │   ├── UnknownLabels         a mask whose numbers or names are of another tool than the one named
    │   ├── UnsafeArchive         a zip file over the limits, or with paths that leave it
    │   └── IncompleteSeries      a CT series with gaps, duplicates or mixed orientation
    ├── ModelError
    │   ├── UnknownModel
    │   ├── CorruptModel          the weights are not the ones that the card describes
    │   └── ModelMismatch         the network's inputs or outputs are not those of its card
    ├── GridMismatch              two images do not lie on one grid
    ├── WrongQuantity             a radiograph where Hounsfield units were expected, and the like
    ├── SettingsError
    ├── UnknownName               a registry has no such entry (names the nearest)
    ├── WriteError
    ├── FetchError                a data set could not be downloaded
    ├── ServiceError              a reader (hilum serve) does not answer, or does not grant what was asked
    └── MissingExtra              an optional part is not installed (also an ImportError)

Messages are sentences: what could not be done, to what; what was found; what was expected; what to do.
"""

from __future__ import annotations

import re
from pathlib import Path


class Error(Exception):
    """Base of everything that Hilum raises about files, models, data and settings."""


class ReadError(Error):
    """A file could not be read as an image.

    Parameters
    ----------
    message : the sentence for the person who must act on it
    path : the file concerned, None for an array in memory
    """

    def __init__(self, message: str, *, path: Path | str | None = None) -> None:
        super().__init__(message)
        self.path = path


class UnsupportedFormat(ReadError):
    """The content of the file is of no format that Hilum reads."""


class NotAnImage(ReadError):
    """The file's format is known, but it holds no pixels that could be read."""


class Refused(ReadError):
    """An image that the input gate does not let through.

    Parameters
    ----------
    message : the sentence for the person who must act on it
    code : the gate's code, such as ``not-a-film``
    path : the file concerned
    """

    def __init__(self, message: str, *, code: str, path: Path | str | None = None) -> None:
        super().__init__(message, path=path)
        self.code = code


class UnknownLabels(ReadError):
    """A mask whose numbers, names or sides are not those of the tool that is said to have made it.

    The message ends with the advice to say what they mean, which a command goes on with its option for that.
    """

    def named_by(self, option: str) -> UnknownLabels:
        """The same with the option that names the tool, such as ``--labels lungmask``."""
        return UnknownLabels(f"{str(self).removesuffix('.')}, as in {option}.", path=self.path)


class UnsafeArchive(ReadError):
    """A zip file over the limits of size, ratio or count, or with a path that leaves it."""


class IncompleteSeries(ReadError):
    """A CT series from which no regular volume can be built."""


class ModelError(Error):
    """A network, its card or its runtime cannot be used."""


class UnknownModel(ModelError):
    """No model of that name in the catalogue."""


class CorruptModel(ModelError):
    """The weights' hash is not the one on the card."""


class ModelMismatch(ModelError):
    """The network's inputs or outputs are not those that its card declares."""


class GridMismatch(Error):
    """Two images were used together that do not lie on one grid."""


class WrongQuantity(Error):
    """An image holds another quantity than the function needs."""


class SettingsError(Error):
    """A settings file, environment variable or flag is not understood."""


class UnknownName(Error):
    """A registry has no entry of that name."""


class WriteError(Error):
    """A result could not be written; nothing was left under its final name.

    Parameters
    ----------
    message : the sentence for the person who must act on it
    path : the file or folder concerned, None if there is none
    """

    def __init__(self, message: str, *, path: Path | str | None = None) -> None:
        super().__init__(message)
        self.path = path


class FetchError(Error):
    """A data set could not be downloaded: no connection, no public file, or not the file it should be."""


class ServiceError(Error):
    """A reader (``hilum serve``) that was asked does not answer, or does not grant what was asked.

    Parameters
    ----------
    message : the sentence for the person who must act on it
    code : of the service, such as ``no-such-study``; ``unreachable`` if it does not answer
    status : of HTTP; 0 if it does not answer
    """

    def __init__(self, message: str, *, code: str, status: int = 0) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class MissingExtra(Error, ImportError):
    """An optional part of Hilum is not installed.

    Parameters
    ----------
    feature : what was asked for, such as ``hilum train``
    extra : the extra that brings it, such as ``train``
    """

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs packages that are not installed. Install them with: pip install 'hilum[{extra}]'"
        )
        self.feature = feature
        self.extra = extra


def code_of(error: Error) -> str:
    """The input gate's code, or the name of the error: ``UnsupportedFormat`` is ``unsupported-format``."""
    if isinstance(error, Refused):
        return error.code
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__).lower()
