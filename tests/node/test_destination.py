"""Results on their way: over TLS, and to services that ask who one is."""

from __future__ import annotations

import base64
import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hilum.errors import SettingsError
from hilum.node.destination import Unreachable, destination
from hilum.settings import NodeSettings

from .parts import receiving
from .test_outbox import result


@pytest.fixture
def report(tmp_path) -> Path:
    result(tmp_path, "1.2.3")
    return tmp_path / "results" / "case" / "sr.dcm"


def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*certificate)
    return made


def test_a_listener_with_tls_is_sent_to_if_its_certificate_is_known(report, certificate) -> None:
    with receiving(tls=server_side(certificate)) as receiver:
        address = f"dicoms://DEST@localhost:{receiver.port}"
        (answer,) = destination(address, NodeSettings(tls_ca=str(certificate[0]))).send([report])
        assert (answer.path, answer.reason) == (report, "")
        assert receiver.kinds() == ["sr"]
        with pytest.raises(Unreachable):
            list(destination(address, NodeSettings()).send([report]))
        with pytest.raises(Unreachable):
            list(destination(address.replace("dicoms", "dicom"), NodeSettings()).send([report]))
        assert receiver.kinds() == ["sr"]


@contextmanager
def stow(certificate: tuple[Path, Path], status: int = 200) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """A service over https that knows one user; its address, and who asked and was answered what."""
    heard: list[tuple[str, int]] = []

    class Service(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            scheme, _, token = self.headers.get("Authorization", "").partition(" ")
            name = base64.b64decode(token).decode() if scheme == "Basic" else ""
            answer = status if name == "hilum:secret:with:colons" else 401
            heard.append((name, answer))
            body = b"{}" if answer == 200 else b""
            self.send_response(answer)
            self.send_header("Content-Type", "application/dicom+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
    server.socket = server_side(certificate).wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # of handshakes that are to fail
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://localhost:{server.server_address[1]}/dicom-web", heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("named", ["", "/nowhere/certificates.pem"])
def test_a_web_service_over_https_is_sent_to_with_our_credentials(
    named, report, certificate, tmp_path, monkeypatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", named)  # of other programs: node.tls_ca goes before it
    credentials = tmp_path / "credentials"
    credentials.write_text("hilum:secret:with:colons\n")
    settings = NodeSettings(tls_ca=str(certificate[0]), web_credentials=str(credentials))
    with stow(certificate) as (address, heard):
        (answer,) = destination(address, settings).send([report])
        assert answer.reason == ""
        assert heard == [("hilum:secret:with:colons", 200)]
        with pytest.raises(Unreachable, match="http-401"):
            list(destination(address, NodeSettings(tls_ca=str(certificate[0]))).send([report]))
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(Unreachable, match="no connection"):
            list(destination(address, NodeSettings(web_credentials=str(credentials))).send([report]))
    assert len(heard) == 2  # the service with an unknown certificate heard nothing


@pytest.mark.parametrize(("status", "reason"), [(409, "http-409"), (415, "http-415")])
def test_an_object_that_a_service_does_not_want_is_the_objects_own_trouble(
    report, certificate, tmp_path, status, reason
) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text("hilum:secret:with:colons")
    settings = NodeSettings(tls_ca=str(certificate[0]), web_credentials=str(credentials))
    with stow(certificate, status) as (address, _):
        (answer,) = destination(address, settings).send([report])
    assert answer.reason == reason


@pytest.mark.parametrize("text", ["", "no-colon"])
def test_credentials_are_a_user_and_a_password(text, certificate, tmp_path) -> None:
    credentials = tmp_path / "credentials"
    credentials.write_text(text)
    with pytest.raises(SettingsError, match="has to hold user:password"):
        destination("https://localhost/dicom-web", NodeSettings(web_credentials=str(credentials)))
