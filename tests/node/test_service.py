"""The node as senders, destinations and operators see it."""

from __future__ import annotations

import json
import logging
import os
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from io import StringIO
from pathlib import Path

import pydicom
import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.errors import SettingsError
from hilum.node import Node, Queue, watch
from hilum.node.intake import take_file
from hilum.node.log import JsonLines
from hilum.node.log import log as node_log

from .parts import film_file, free_port, node_settings, receiving, running, send, wait_for


def echo(port: int, *, calling: str = "SENDER", called: str = "HILUM", tls=None) -> bool:
    """Whether an association can be had, and C-ECHO is answered."""
    from hilum.node.association import Entity

    entity = Entity(calling)
    entity.add_requested_context("1.2.840.10008.1.1")
    link = entity.associate("127.0.0.1", port, ae_title=called, tls_args=tls)
    if not link.is_established:
        return False
    answer = link.send_c_echo()
    link.release()
    return answer.Status == 0


LOADED = """
import sys
from hilum.node import Node
from hilum.settings import resolve

made = Node(resolve(environment={}, overrides={"node.spool": sys.argv[1]}))
before = set(sys.modules)
import dicomweb_client.web, pynetdicom.ae, pynetdicom.events, pynetdicom.transport, requests

print(sorted(set(sys.modules) - before))
"""


def test_network_libraries_are_loaded_before_the_parts_have_their_threads(tmp_path) -> None:
    made = subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", LOADED, str(tmp_path / "spool")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert made.stdout.strip() == "[]"


def test_a_film_becomes_results_at_the_destination_and_nothing_is_said_of_the_patient(
    films, receiver, tmp_path
) -> None:
    heard = StringIO()
    handler = logging.StreamHandler(heard)
    handler.setFormatter(JsonLines())
    node_log.addHandler(handler)
    node_log.setLevel(logging.INFO)
    port = free_port()
    dataset = pydicom.dcmread(films[0])
    try:
        with running(node_settings(tmp_path / "spool", port=port, deliver=(receiver.address,))) as node:
            assert send([films[0], films[0]], port) == [0, 0]
            wait_for(lambda: len(receiver.got) >= 5)
            wait_for(lambda: not node.deliverer.totals())
        with running(node.settings) as node:
            assert send([films[0]], port) == [0]
            assert [(study.state, study.round) for study in node.queue.studies()] == [("done", 1)]
    finally:
        node_log.removeHandler(handler)
    assert receiver.kinds() == ["pdf", "sc", "seg", "seg", "sr"]  # once each, after a restart too
    assert {study for _, _, study in receiver.got} == {str(dataset.StudyInstanceUID)}
    lines = [json.loads(line) for line in heard.getvalue().splitlines()]
    assert {"started", "study", "delivery-sent", "stopped"} <= {line["event"] for line in lines}
    for secret in (str(dataset.PatientName), dataset.PatientID, str(dataset.StudyInstanceUID), "PHANTOM"):
        assert secret not in heard.getvalue()


def test_only_listed_titles_may_send_and_only_to_our_own(tmp_path) -> None:
    port = free_port()
    with running(node_settings(tmp_path / "spool", port=port, allow_ae=("SENDER",))):
        assert echo(port)
        assert not echo(port, calling="STRANGER")
        assert not echo(port, called="ANOTHER")


@pytest.mark.parametrize(("hosts", "may"), [(("127.0.0.0/8",), True), (("10.0.0.0/8", "192.168.1.5"), False)])
def test_only_listed_addresses_may_connect(hosts, may, tmp_path) -> None:
    port = free_port()
    with running(node_settings(tmp_path / "spool", port=port, allow_hosts=hosts)):
        assert echo(port) is may


def test_broken_objects_and_a_full_spool_are_answered_with_their_status(films, tmp_path) -> None:
    port = free_port()
    broken = pydicom.dcmread(films[1])
    broken.PixelData = broken.PixelData[:100]
    broken.save_as(tmp_path / "broken.dcm", enforce_file_format=True)
    settings = node_settings(tmp_path / "spool", port=port, spool_gb=60e-6, quiet_seconds=100.0)
    with running(settings) as node:
        assert send([tmp_path / "broken.dcm"], port) == [0xC000]
        assert send(films[:3], port) == [0, 0xA700, 0xA700]
        assert len(node.queue.studies()) == 1


def test_results_of_ours_are_of_classes_that_the_listener_does_not_take(tmp_path, films) -> None:
    port = free_port()
    dataset = pydicom.dcmread(films[0])
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    dataset.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    with running(node_settings(tmp_path / "spool", port=port)):
        assert send([tmp_path / "seg.dcm"], port) == [None]


def test_tls_wants_the_certificate_of_the_sender(certificate, tmp_path) -> None:
    cert, key = map(str, certificate)
    port = free_port()
    settings = node_settings(tmp_path / "spool", port=port, tls_cert=cert, tls_key=key, tls_ca=cert)
    known = ssl.create_default_context(cafile=cert)
    known.load_cert_chain(cert, key)
    with running(settings):
        assert echo(port, tls=(known, "localhost"))
        assert not echo(port, tls=(ssl.create_default_context(cafile=cert), "localhost"))
        assert not echo(port)


def test_who_is_slow_at_tls_holds_nobody_up(certificate, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hilum.node.arrivals.HANDSHAKE_SECONDS", 600.0)
    cert, key = map(str, certificate)
    port = free_port()
    settings = node_settings(tmp_path / "spool", port=port, tls_cert=cert, tls_key=key)
    with (
        running(settings),
        socket.create_connection(("127.0.0.1", port)),
        socket.create_connection(("127.0.0.1", port)) as half,
    ):
        half.sendall(b"\x16\x03")
        assert echo(port, tls=(ssl.create_default_context(cafile=cert), "localhost"))


def test_a_study_of_another_modality_is_refused_and_sent_nowhere(films, receiver, tmp_path) -> None:
    port = free_port()
    settings = node_settings(tmp_path / "spool", port=port, deliver=(receiver.address,), modalities=("CT",))
    with running(settings) as node:
        send(films[:1], port)
        wait_for(lambda: node.queue.states().get("refused"))
        (study,) = node.queue.studies()
    assert (study.code, receiver.got) == ("other-modality", [])
    outcomes = json.loads((node.queue.path(study.id) / "results" / "outcomes.json").read_text())["outcomes"]
    assert [each["status"] for each in outcomes] == ["refused"]


def test_a_defect_is_tried_again_and_then_the_study_has_failed(films, tmp_path, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("Doe^Jane")

    monkeypatch.setattr("hilum.node.work.analyse", broken)
    port = free_port()
    with running(node_settings(tmp_path / "spool", port=port, tries=2)) as node:
        send(films[:1], port)
        wait_for(lambda: node.queue.states().get("failed"))
        (study,) = node.queue.studies()
        assert (study.tries, study.code) == (2, "internal-error")
        monkeypatch.undo()
        ran = CliRunner().invoke(app, ["node", "--spool", str(tmp_path / "spool"), "--again", study.id, "--list"])
        assert ran.exit_code == 0
        assert study.id in ran.output
        wait_for(lambda: node.queue.states().get("done"))
        assert node.queue.studies()[0].round == 2


def test_a_destination_that_is_away_gets_everything_when_it_is_back(films, tmp_path) -> None:
    port, away = free_port(), free_port()
    settings = node_settings(
        tmp_path / "spool", port=port, deliver=(f"dicom://DEST@127.0.0.1:{away}",), deliver_tries=1
    )
    with running(settings) as node:
        send(films[:1], port)
        wait_for(lambda: node.deliverer.totals().get("waiting") == 5)
    with receiving(away) as there, running(settings) as node:
        wait_for(lambda: len(there.got) == 5)
        wait_for(lambda: not node.deliverer.totals())


def test_a_destination_that_says_nothing_holds_up_no_other(films, receiver, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("hilum.node.destination.SECONDS", 3600.0)
    port = free_port()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = f"dicom://DEST@127.0.0.1:{silent.getsockname()[1]}"
        with running(node_settings(tmp_path / "spool", port=port, deliver=(away, receiver.address))) as node:
            send(films[:1], port)
            link, _ = silent.accept()
            with link:
                wait_for(lambda: len(receiver.got) == 5)
                wait_for(lambda: node.deliverer.totals() == {"waiting": 5})


def test_objects_that_a_destination_refuses_too_often_are_put_aside_until_asked_for(films, receiver, tmp_path) -> None:
    port, receiver.status = free_port(), 0xC001
    settings = node_settings(tmp_path / "spool", port=port, deliver=(receiver.address,), deliver_tries=2)
    with running(settings) as node:
        send(films[:1], port)
        wait_for(lambda: node.deliverer.totals().get("dead") == 5)
        (study,) = node.queue.studies()
        record = json.loads((node.queue.path(study.id) / "deliveries.json").read_text())["deliveries"]
        assert {(each["state"], each["tries"], each["reason"]) for each in record} == {("dead", 2, "status-C001")}
        receiver.status = 0
        (tmp_path / "spool" / "again" / study.id).touch()
        wait_for(lambda: len(receiver.got) == 5)


def test_a_watched_folder_is_taken_in_and_left_as_it_is(tmp_path) -> None:
    film = film_file(tmp_path / "inbox" / "below", 4)
    (tmp_path / "inbox" / "notes.txt").write_text("hello")
    settings = node_settings(tmp_path / "spool", watch=str(tmp_path / "inbox"))
    with running(settings) as node:
        wait_for(lambda: node.queue.states().get("done") and node.queue.counts["put_aside"])
    assert film.exists()
    assert node.queue.counts["put_aside"] == 1
    with running(settings) as again:
        film_file(tmp_path / "inbox", 5)
        wait_for(lambda: again.queue.counts["objects"])
        assert (again.queue.counts["objects"], again.queue.counts["duplicates"]) == (1, 0)


def test_a_file_that_cannot_be_read_does_not_hold_up_the_others_of_a_watched_folder(tmp_path, monkeypatch) -> None:
    paths = [film_file(tmp_path / "inbox", number) for number in (1, 2, 3)]

    def taking(queue: Queue, path: Path) -> str:
        if path == paths[0]:
            raise PermissionError(13, "no permission", str(path))
        if path == paths[1]:
            path.unlink()  # somebody takes it away just now
        return take_file(queue, path)

    monkeypatch.setattr(watch, "take_file", taking)
    queue = Queue(tmp_path / "spool", limit_bytes=1e9)
    folder = watch.WatchedFolder(queue, tmp_path / "inbox")
    assert folder.step() == 0
    with pytest.raises(PermissionError):
        folder.step()
    assert queue.counts["objects"] == 1
    monkeypatch.setattr(watch, "take_file", take_file)
    assert folder.step() == 1


def test_the_health_page_knows_every_part_before_it_runs(tmp_path, monkeypatch) -> None:
    node = Node(node_settings(tmp_path / "spool", watch=str(tmp_path)))
    with monkeypatch.context() as held:
        held.setattr(threading.Thread, "start", lambda _: None)
        node._run("late", lambda: 0)
    assert node._failures == {"late": 0}  # nothing is added while somebody goes through them
    node._threads.clear()
    node.stop()


def test_health_and_metrics(films, tmp_path) -> None:
    port, page = free_port(), free_port()
    settings = node_settings(tmp_path / "spool", port=port, health_port=page, quiet_seconds=100.0, spool_gb=60e-6)

    def ask(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{page}{path}", timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    with running(settings) as node:
        assert ask("/health") == (200, '{"status": "ok", "troubles": []}')
        send(films[:2], port)
        told = ask("/metrics")[1]
        assert 'hilum_node_studies{state="receiving"} 1' in told
        assert 'hilum_node_arrived_total{fate="refused_full"} 1' in told
        assert ask("/else")[0] == 404
        node.queue.limit_bytes = 0
        assert ask("/health") == (503, '{"status": "trouble", "troubles": ["spool-full"]}')


def test_two_nodes_on_one_spool_are_refused(tmp_path) -> None:
    with running(node_settings(tmp_path / "spool", watch=str(tmp_path))), pytest.raises(SettingsError, match="Another"):
        Node(node_settings(tmp_path / "spool", watch=str(tmp_path)))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "Nothing can arrive"),
        ({"port": 1, "deliver": ("ORTHANC:4242",)}, "expected dicom://AE@host:port"),
        ({"port": 1, "allow_hosts": ("10.1.2",)}, "allow_hosts"),
        ({"port": 11999, "tls_cert": "/nowhere.pem", "tls_key": "/nowhere.pem"}, "certificates"),
        ({"port": 11999, "tls_cert": "/nowhere.pem"}, "both"),
    ],
)
def test_settings_that_cannot_be_used_say_so_at_the_start(values, said, tmp_path) -> None:
    with pytest.raises(SettingsError, match=said), running(node_settings(tmp_path / "spool", **values)):
        pass


def test_the_operator_hears_of_a_study_that_is_not_there(tmp_path) -> None:
    ran = CliRunner().invoke(app, ["node", "--spool", str(tmp_path), "--again", "abc"])
    assert (ran.exit_code, "There is no spool" in ran.output) == (1, True)


def test_what_was_analysed_appears_in_the_worklist_of_a_reader(tmp_path, films) -> None:
    pytest.importorskip("sqlalchemy", reason="the extra 'web' is not installed")
    from sqlalchemy import select

    from hilum.worklist import Database, Study
    from hilum.worklist.store import Store

    reader, inbox = tmp_path / "reader", tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "film.dcm").write_bytes(films[0].read_bytes())
    url = f"sqlite:///{tmp_path / 'worklist.sqlite'}"
    settings = node_settings(tmp_path / "spool", watch=str(inbox), worklist=url, **{"web.folder": str(reader)})
    with running(settings) as node:
        wait_for(lambda: node.queue.states()["done"])
    database = Database(url)
    with database.reading() as session:
        (study,) = session.scalars(select(Study))
    database.close()
    assert (study.state, study.origin, study.modality, study.latest_version) == ("done", "node", "CXR", 0)
    assert study.patient.startswith("P-")
    assert Store(reader).image(study.id).is_file()
    assert Store(reader).versions(study.id) == [0]
    assert (Store(reader).version(study.id, 0) / "layers" / "probability-opacity.nii.gz").is_file()
