"""Phantoms, a receiver and a real Orthanc, on free ports."""

from __future__ import annotations

import gc
import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hilum.phantom import Lesion, default_grid, thorax, write_series

from .parts import Orthanc, Receiver, answers, copied, film_file, free_port, receiving, wait_for

for library in ("pynetdicom", "dicomweb_client", "highdicom"):
    pytest.importorskip(library, reason="the extra 'dicom' is not installed")


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """What is left to the garbage collector is collected in the test that left it, once pynetdicom's threads let go."""
    yield
    for thread in threading.enumerate():
        if type(thread).__module__.startswith("pynetdicom"):
            thread.join(60)
    gc.collect()


@pytest.fixture(scope="session")
def films(tmp_path_factory) -> tuple[Path, ...]:
    """Twenty films that differ in nothing but their identifiers, since phantoms take time."""
    folder = tmp_path_factory.mktemp("films")
    first = film_file(folder, 1)
    return (first, *(copied(first, folder / f"copy-{number}.dcm", number) for number in range(1, 20)))


@pytest.fixture(scope="session")
def phantom():
    lesion = Lesion("consolidation", "left-lower", 200, seed=5)
    return thorax(5, grid=default_grid(5, spacing_mm=(8.0, 5.0, 5.0)), lesions=[lesion])


@pytest.fixture(scope="session")
def ct_series(phantom, tmp_path_factory) -> Callable[..., tuple[Path, ...]]:
    """A small CT series; ``elements`` as of the phantom's writer."""

    def make(**elements: Any) -> tuple[Path, ...]:
        return write_series(phantom, tmp_path_factory.mktemp("ct"), elements=elements)

    return make


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def certificate(tmp_path) -> tuple[Path, Path]:
    """A certificate of this machine that signs itself, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, which makes the certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        [
            "openssl",
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return cert, key


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory) -> Iterator[Orthanc]:
    program = shutil.which("Orthanc")
    plugin = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
    if program is None or not plugin.exists():
        pytest.skip("Orthanc is not installed; Debian has it in the packages orthanc and orthanc-dicomweb")
    folder = tmp_path_factory.mktemp("orthanc")
    made = Orthanc(free_port(), free_port(), free_port())
    (folder / "orthanc.json").write_text(
        json.dumps(
            {
                "StorageDirectory": str(folder / "db"),
                "IndexDirectory": str(folder / "db"),
                "HttpPort": made.http_port,
                "DicomPort": made.dicom_port,
                "DicomAet": "ORTHANC",
                "RemoteAccessAllowed": False,
                "AuthenticationEnabled": False,
                "DicomAlwaysAllowStore": True,
                "DicomModalities": {"hilum": ["HILUM", "127.0.0.1", made.node_port]},
                "Plugins": [str(plugin)],
                "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
            }
        )
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, str(folder / "orthanc.json")], stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(lambda: answers(made) or process.poll() is not None)
        if process.poll() is not None:
            pytest.fail((folder / "log").read_text()[-2000:])
        yield made
    finally:
        process.kill()  # nothing of it is looked at any more
        process.wait()
