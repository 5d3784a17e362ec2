"""What is removed of studies that have ended, and what never is."""

from __future__ import annotations

import time

import pytest

from hilum.node import Queue
from hilum.node.retention import sweep
from hilum.settings import NodeSettings

DAY = 86400.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def queue(tmp_path) -> Queue:
    """Six studies of 1,000 bytes: four done 4, 3, 2 and 1 days ago, one failed and one refused 5 days ago."""
    clock = Clock()
    made = Queue(tmp_path / "spool", limit_bytes=100_000, clock=clock)
    for name, state, days in [("a", "done", 4), ("b", "done", 3), ("c", "done", 2), ("d", "done", 1),
                              ("e", "failed", 5), ("f", "refused", 5)]:  # fmt: skip
        clock.now = time.time() - days * DAY
        part = made.incoming / "x.part"
        part.write_bytes(b"x" * 1000)
        made.add(part, study_uid=name, instance_uid=f"{name}.1")
        made.settle(0)
        study = made.claim()
        assert study is not None
        made.finish(study.id, state)
    return made


def left(queue: Queue) -> list[str]:
    return sorted(study.study_uid for study in queue.studies())


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (NodeSettings(keep_days=7), "abcdef"),
        (NodeSettings(keep_days=2.5), "cde"),
        (NodeSettings(keep_days=0), "e"),
        (NodeSettings(keep_days=7, keep_gb=2.5e-6), "cde"),
        (NodeSettings(keep_days=7, keep_gb=0), "e"),
    ],
)
def test_the_oldest_go_first_and_failed_ones_stay(queue, settings, names) -> None:
    before = queue.bytes
    removed = sweep(queue, settings, lambda _: False)
    assert left(queue) == list(names)
    assert removed == 6 - len(names)
    assert before - queue.bytes >= 1000 * removed


def test_results_that_were_not_delivered_keep_their_study(queue) -> None:
    owed = next(study.id for study in queue.studies() if study.study_uid == "a")
    sweep(queue, NodeSettings(keep_days=0), lambda study: study == owed)
    assert left(queue) == ["a", "e"]


def test_what_the_operator_removes_of_objects_put_aside_gives_its_room_back(queue) -> None:
    before = queue.bytes
    for number in range(2):
        part = queue.incoming / "y.part"
        part.write_bytes(b"y" * (5000 + number))
        queue.put_aside(part, "not-dicom: it is no DICOM file")
    assert queue.bytes >= before + 10_001
    for path in queue.aside.iterdir():
        path.unlink()
    assert sweep(queue, NodeSettings(), lambda _: False) == 0
    assert queue.bytes == before


def test_a_spool_that_fills_up_is_cleared_before_its_time(queue) -> None:
    queue.limit_bytes = queue.bytes  # a tenth over what it may hold, and so one study too many
    sweep(queue, NodeSettings(), lambda _: False)
    assert left(queue) == list("abcde")
