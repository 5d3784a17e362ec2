"""A node that is killed in the middle of its work loses nothing, and does nothing twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hilum.node import Queue
from hilum.node.study import load

from .parts import Receiver, free_port, send, wait_for

pytestmark = pytest.mark.slow

PROGRAM = "from hilum.cli.app import main; main()"


class Process:
    """``hilum node`` as a program of its own."""

    def __init__(self, spool: Path, port: int, receiver: Receiver) -> None:
        options = [
            *("--spool", str(spool), "--port", str(port), "--health-port", "0", "--quiet-seconds", "0.3"),
            *("--deliver", receiver.address, "--dicom", "sr", "--set", "node.retry_seconds=0.2"),
            *("--set", "runtime.threads=1", "--set", "output.report=false", "--set", "output.overlay=false"),
        ]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self.log = spool.with_suffix(".log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "node", *options], env=environment, stderr=self.log, stdout=self.log
        )

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.log.close()

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(600)


def states(spool: Path) -> list[str]:
    folders = list((spool / "studies").iterdir()) if (spool / "studies").is_dir() else []
    return [study.state for folder in folders if (study := load(folder)) is not None]


def send_all(paths, port: int, stop: threading.Event, answered: set[Path]) -> None:
    """As a modality does: what was not answered is sent again, until all is."""
    while not stop.is_set() and len(answered) < len(paths):
        for path in paths:
            if path not in answered and not stop.is_set() and send([path], port) == [0]:
                answered.add(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL on Windows")
def test_killed_during_twenty_arriving_studies_all_end_once(films, receiver, tmp_path) -> None:
    spool, port = tmp_path / "spool", free_port()
    stop, answered = threading.Event(), set[Path]()
    sender = threading.Thread(target=send_all, args=(films, port, stop, answered))
    first = Process(spool, port, receiver)
    try:
        sender.start()
        wait_for(lambda: len(answered) >= 8 and "done" in states(spool))
    finally:
        first.kill()
    acknowledged = len(answered)
    second = Process(spool, port, receiver)
    try:
        wait_for(lambda: len(answered) == 20)
        wait_for(lambda: len({uid for _, uid, _ in receiver.got}) >= 20)
        wait_for(lambda: states(spool) == ["done"] * 20)
        assert second.stop() == 0
    finally:
        stop.set()
        sender.join()
        second.kill()
    assert 8 <= acknowledged <= 20
    queue = Queue(spool, limit_bytes=1e12)
    assert [study.state for study in queue.studies()] == ["done"] * 20
    assert {study.round for study in queue.studies()} == {1}
    assert {len(list((queue.path(study.id) / "objects").iterdir())) for study in queue.studies()} == {1}
    of_study = {study: uid for _, uid, study in receiver.got}
    assert len(of_study) == len({uid for _, uid, _ in receiver.got}) == 20  # one report a study, whoever sent it
    assert "PHANTOM" not in spool.with_suffix(".log").read_text()
