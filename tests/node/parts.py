"""What tests of the node start and send: nodes, senders, receivers, Orthanc, phantoms."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import socket
import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hilum.phantom import sample_film, write_dicom
from hilum.settings import Settings, resolve

RESULT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "seg",
    "1.2.840.10008.5.1.4.1.1.88.34": "sr",
    "1.2.840.10008.5.1.4.1.1.7": "sc",
    "1.2.840.10008.5.1.4.1.1.104.1": "pdf",
}


_PORTS = itertools.count(12_000 + os.getpid() % 300 * 60)


def free_port() -> int:
    """A port that nobody listens at, and that nobody is given who asks the system for any.

    The system gives ports of its own choice, to connections too, from above 32767: one of those could be taken by the
    time it is listened at. Every process of the tests looks among others.
    """
    while True:
        port = next(_PORTS)
        with contextlib.suppress(OSError), socket.socket() as found:
            found.bind(("127.0.0.1", port))
            return port


def wait_for(is_so: Callable[[], object], seconds: float = 600.0) -> None:
    """Until something holds; a failure if it does not within so many seconds."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            pytest.fail(f"not so after {seconds} s")
        time.sleep(0.05)


def node_settings(spool: Path, **values: Any) -> Settings:
    """Settings of a quick node on this machine."""
    chosen: dict[str, Any] = {
        "node.spool": str(spool),
        "node.port": 0,
        "node.health_port": 0,
        "node.quiet_seconds": 0.3,
        "node.retry_seconds": 0.2,
        "runtime.threads": 1,
        "ct.preset": "fast",
        "output.report": False,
        "output.overlay": False,
    }
    chosen.update({f"node.{key}" if "." not in key else key: value for key, value in values.items()})
    return resolve(environment={}, overrides=chosen)


def film_file(folder: Path, number: int, **options: Any) -> Path:
    """A small phantom film, of a study of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    made = sample_film(number, severity=0.6, shape=(131, 128))
    return write_dicom(made, folder / f"film-{number}.dcm", **options)


def copied(path: Path, to: Path, number: int) -> Path:
    """The same film as of another patient's study."""
    import pydicom

    dataset = pydicom.dcmread(path)
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, f"{getattr(dataset, keyword)[:50]}.{number}")
    dataset.PatientName, dataset.PatientID = f"PHANTOM^COPY{number}", f"PHANTOM-{number}"
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(to, enforce_file_format=True)
    return to


def send(paths, port: int, *, title: str = "HILUM", calling: str = "SENDER") -> list[int | None]:
    """Send files by C-STORE, and tell the status of each; None where there was no answer."""
    import pydicom

    from hilum.node.association import Entity

    entity = Entity(calling)
    for path in paths:
        header = pydicom.dcmread(path, stop_before_pixels=True)
        entity.add_requested_context(header.SOPClassUID, header.file_meta.TransferSyntaxUID)
    link = entity.associate("127.0.0.1", port, ae_title=title)
    statuses: list[int | None] = []
    for path in paths:
        try:
            answer = link.send_c_store(path) if link.is_established else {}
        except (RuntimeError, ValueError):
            answer = {}
        statuses.append(answer.Status if "Status" in answer else None)
    if link.is_established:
        link.release()
    return statuses


@dataclass
class Receiver:
    """A DICOM listener that remembers what came, and answers as it is told."""

    port: int
    status: int = 0
    got: list[tuple[str, str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"dicom://DEST@127.0.0.1:{self.port}"

    def kinds(self) -> list[str]:
        return sorted(kind for kind, _, _ in self.got)


@contextmanager
def receiving(port: int | None = None, *, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A listener at ``port``, or any that is free, until the block ends."""
    import pydicom
    from pynetdicom import _config, evt
    from pynetdicom.transport import ThreadedAssociationServer

    from hilum.node.association import Entity, Handler

    _config.STORE_RECV_CHUNKED_DATASET = True  # as the node itself sets it
    made = Receiver(port or 0)

    def store(event) -> int:
        if made.status == 0:
            study = str(pydicom.dcmread(event.dataset_path, stop_before_pixels=True).StudyInstanceUID)
            uid = str(event.request.AffectedSOPInstanceUID)
            made.got.append((RESULT_CLASSES[event.request.AffectedSOPClassUID], uid, study))
        return made.status

    entity = Entity("DEST")
    for sop_class in RESULT_CLASSES:
        entity.add_supported_context(sop_class)
    server: Any = entity.make_server(
        ("127.0.0.1", made.port), evt_handlers=[(evt.EVT_C_STORE, store)], ssl_context=tls,
        server_class=ThreadedAssociationServer, request_handler=Handler,
    )  # fmt: skip
    entity._servers.append(server)  # as of pynetdicom's start_server
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        entity.shutdown()
        thread.join()


@contextmanager
def running(settings: Settings) -> Iterator[Any]:
    """A node in this process."""
    from hilum.node import Node

    node = Node(settings)
    node.start()
    try:
        yield node
    finally:
        node.stop()


@dataclass
class Orthanc:
    """A running Orthanc, spoken to by its own interface."""

    http_port: int
    dicom_port: int
    node_port: int

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    @property
    def address(self) -> str:
        return f"dicom://ORTHANC@127.0.0.1:{self.dicom_port}"

    def ask(self, path: str, data: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=data)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def upload(self, path: Path) -> str:
        """Give it a file; its id of the object."""
        return self.ask("/instances", path.read_bytes())["ID"]

    def send(self, *ids: str) -> Any:
        """Have it send objects to the node by C-STORE."""
        order = {"Resources": list(ids), "Synchronous": True, "Permissive": True}
        return self.ask("/modalities/hilum/store", json.dumps(order).encode())

    def results(self, study_uid: str) -> list[str]:
        """Kinds of the results that it holds of a study."""
        (study,) = self.ask("/tools/lookup", study_uid.encode())
        kinds = []
        for instance in self.ask(f"/studies/{study['ID']}/instances"):
            tags = self.ask(f"/instances/{instance['ID']}/simplified-tags")
            if tags["Manufacturer"] == "Hilum" and tags.get("ManufacturerModelName") == "Hilum":
                kinds.append(RESULT_CLASSES[tags["SOPClassUID"]])
        return sorted(kinds)


def answers(orthanc: Orthanc) -> bool:
    try:
        return bool(orthanc.ask("/system"))
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False
