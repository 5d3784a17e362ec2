"""TLS on both sides, and the client of DICOMweb services with its credentials."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hilum.errors import MissingExtra, SettingsError
from hilum.settings import NodeSettings

if TYPE_CHECKING:
    from dicomweb_client.web import DICOMwebClient

LIBRARIES = ("dicomweb_client.web", "pynetdicom.ae", "pynetdicom.transport", "requests")
"""Modules of the extra that the parts of the node take."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def require_extra() -> None:
    """Load the network libraries; MissingExtra unless they are installed.

    Modules of pynetdicom import each other in a circle: two threads that begin to import it at the same time can each
    meet a half-loaded module of the other's. So all of it is loaded here, before a part of the node has its thread.
    """
    try:
        for name in LIBRARIES:
            import_module(name)
    except ImportError as error:
        raise MissingExtra("hilum node", "dicom") from error


def server_context(settings: NodeSettings) -> ssl.SSLContext | None:
    """TLS of the listener, None if no certificate is set; with ``tls_ca`` senders need a certificate of their own.

    Raises
    ------
    SettingsError
        A certificate cannot be read, or there is one without its key.
    """
    if not settings.tls_cert and not settings.tls_key:
        return None
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(made, settings)
    if settings.tls_ca:
        made.verify_mode = ssl.CERT_REQUIRED
    return made


def client_context(settings: NodeSettings) -> ssl.SSLContext:
    """TLS of what we connect to: judged by ``tls_ca``, or by the system's certificates; errors as above."""
    made = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    _load(made, settings)
    return made


def _load(context: ssl.SSLContext, settings: NodeSettings) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise SettingsError("TLS needs both node.tls_cert and node.tls_key, and one of them is empty.")
    try:
        if settings.tls_cert:
            context.load_cert_chain(settings.tls_cert, settings.tls_key)
        if settings.tls_ca:
            context.load_verify_locations(settings.tls_ca)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"Cannot read the certificates of TLS ({error.strerror or error}): node.tls_cert and node.tls_key are "
            "files in PEM that belong together, node.tls_ca one of certificates."
        ) from error


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks; SettingsError if a text is none."""
    try:
        return tuple(ipaddress.ip_network(text, strict=False) for text in texts)
    except ValueError as error:
        raise SettingsError(f"node.allow_hosts: {error}; expected such as 10.1.2.3 or 10.1.0.0/16.") from error


def is_allowed(address: str, allowed: Sequence[Network]) -> bool:
    """Whether an address is in one of the networks; any is if there are none."""
    if not allowed:
        return True
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in allowed)


def web_client(address: str, settings: NodeSettings) -> DICOMwebClient:
    """A client of a DICOMweb service that does not try again by itself.

    Raises
    ------
    SettingsError
        The credentials or certificates cannot be read.
    """
    import requests
    from dicomweb_client.web import DICOMwebClient

    class Session(requests.Session):
        """Judges by ``tls_ca`` also where the environment names other certificates, which requests puts first."""

        def merge_environment_settings(self, *args: Any, **others: Any) -> Any:
            merged = super().merge_environment_settings(*args, **others)
            return {**merged, "verify": settings.tls_ca} if settings.tls_ca else merged

    session: Any = Session()
    if settings.web_credentials:
        session.auth = _credentials(Path(settings.web_credentials))
    if settings.tls_cert:
        session.cert = (settings.tls_cert, settings.tls_key)
    client = DICOMwebClient(address.rstrip("/"), session=session, timeout=60)
    client.set_http_retry_params(retry=False)
    return client


def _credentials(path: Path) -> tuple[str, str]:
    try:
        user, colon, password = path.read_text(encoding="utf-8").strip().partition(":")
    except OSError as error:
        raise SettingsError(f"Cannot read node.web_credentials {path}: {error.strerror}.") from error
    if not colon:
        raise SettingsError(f"The file {path} of node.web_credentials has to hold user:password.")
    return user, password
