"""Where results go: a DICOM listener by C-STORE, or a DICOMweb service by STOW."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from hilum.errors import SettingsError
from hilum.settings import NodeSettings

from .secure import client_context, web_client

_ADDRESS = re.compile(r"(dicoms?)://([^@/\s]{1,16})@([^:/\s]+|\[[0-9a-fA-F:]+\]):(\d{1,5})/?")

_WARNINGS = (0xB000, 0xB006, 0xB007)
"""Status of C-STORE by which an object was stored, if not to the letter."""

SECONDS = 60.0
"""Longest wait for an answer of the other side."""


class Unreachable(Exception):
    """The other side cannot be spoken to now; says nothing about the objects."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said to one object: an empty reason if it has stored it."""

    path: Path
    reason: str = ""


class Destination(Protocol):
    """What takes results."""

    def send(self, paths: Sequence[Path]) -> Iterator[Answer]:
        """Send objects, and tell for each what became of it as soon as that is known.

        Raises
        ------
        Unreachable
            The other side cannot be spoken to; nothing is known of the objects that were not told of.
        """
        ...


def destination(address: str, settings: NodeSettings) -> Destination:
    """The destination that an address names.

    Raises
    ------
    SettingsError
        It is no address of one.
    """
    if found := _ADDRESS.fullmatch(address):
        scheme, title, host, port = found.groups()
        return CStore(title, host.strip("[]"), int(port), is_tls=scheme == "dicoms", settings=settings)
    parts = urlsplit(address)
    if parts.scheme in ("http", "https") and parts.hostname:
        return Stow(address, settings)
    raise SettingsError(
        f"Results cannot be sent to {address!r}: expected dicom://AE@host:port, dicoms://AE@host:port, or the http or "
        "https address of a DICOMweb service. Change node.deliver."
    )


class CStore:
    """A DICOM listener."""

    def __init__(self, title: str, host: str, port: int, *, is_tls: bool, settings: NodeSettings) -> None:
        self._title, self._host, self._port = title, host, port
        self._is_tls, self._settings = is_tls, settings

    def send(self, paths: Sequence[Path]) -> Iterator[Answer]:
        """As :meth:`Destination.send`, all in one association."""
        import pydicom

        from .association import Entity

        entity = Entity(ae_title=self._settings.ae_title)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = SECONDS
        entity.connection_timeout = 10
        classes: dict[str, set[str]] = {}
        for path in paths:
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["SOPClassUID"])
            classes.setdefault(str(header.SOPClassUID), set()).add(str(header.file_meta.TransferSyntaxUID))
        for sop_class, syntaxes in classes.items():
            entity.add_requested_context(sop_class, sorted(syntaxes))
        tls = (client_context(self._settings), self._host) if self._is_tls else None
        link = entity.associate(self._host, self._port, ae_title=self._title, tls_args=tls)
        if not link.is_established:
            raise Unreachable("association was rejected" if link.is_rejected else "no connection")
        try:
            for path in paths:
                yield _store(link, path)
        finally:
            link.release()


def _store(link: object, path: Path) -> Answer:
    """Send one object over an association."""
    try:
        status = link.send_c_store(path)  # type: ignore[attr-defined]  # of pynetdicom's Association
    except ValueError:  # its SOP class was not accepted
        return Answer(path, "class-not-accepted")
    except RuntimeError as error:
        raise Unreachable("association was lost") from error
    if "Status" not in status:
        raise Unreachable("no answer")
    code = int(status.Status)
    return Answer(path, "" if code == 0 or code in _WARNINGS else f"status-{code:04X}")


class Stow:
    """A DICOMweb service."""

    def __init__(self, address: str, settings: NodeSettings) -> None:
        self._client = web_client(address, settings)

    def send(self, paths: Sequence[Path]) -> Iterator[Answer]:
        """As :meth:`Destination.send`, one request an object."""
        for path in paths:
            yield Answer(path, self._one(path))

    def _one(self, path: Path) -> str:
        import pydicom
        import requests

        try:
            response = self._client.store_instances([pydicom.dcmread(path)])
        except requests.HTTPError as error:
            code = 0 if error.response is None else error.response.status_code
            if code in (400, 409, 413, 415, 422):
                return f"http-{code}"
            raise Unreachable(f"http-{code}") from error
        except requests.RequestException as error:
            raise Unreachable("no connection") from error
        failed = response.get("FailedSOPSequence") or ()
        return f"status-{int(failed[0].get('FailureReason') or 0):04X}" if failed else ""
