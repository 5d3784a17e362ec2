"""The queue on disk: states, rounds, kills between any two steps, room."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.node import Full, Queue
from hilum.node.queue import AGAIN
from hilum.node.study import load, save, short_id


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(tmp_path, clock) -> Queue:
    return Queue(tmp_path / "spool", limit_bytes=10_000, clock=clock)


def arrive(queue: Queue, study: str = "1.2", instance: str = "1.2.1", size: int = 10) -> bool:
    part = queue.incoming / "x.part"
    part.write_bytes(b"x" * size)
    return queue.add(part, study_uid=study, instance_uid=instance)


def only(queue: Queue):
    (study,) = queue.studies()
    return study


def test_a_study_goes_from_receiving_to_done(queue, clock) -> None:
    assert arrive(queue)
    assert arrive(queue, instance="1.2.2")
    assert only(queue).state == "receiving"
    assert queue.settle(30) == []
    clock.now += 31
    assert [each.state for each in queue.settle(30)] == ["ready"]
    study = queue.claim()
    assert study is not None
    assert (study.state, study.tries, len(queue.files(study))) == ("working", 1, 2)
    assert queue.claim() is None
    assert queue.finish(study.id, "done").state == "done"
    assert load(queue.path(study.id)) == only(queue)


def test_a_late_object_puts_off_the_work(queue, clock) -> None:
    arrive(queue)
    clock.now += 29
    arrive(queue, instance="1.2.2")
    clock.now += 29
    assert queue.settle(30) == []
    clock.now += 1
    assert len(queue.settle(30)) == 1
    arrive(queue, instance="1.2.3")
    assert only(queue).state == "receiving"


def test_a_duplicate_is_stored_once_and_changes_nothing(queue, clock) -> None:
    arrive(queue)
    queue.settle(0)
    study = queue.claim()
    queue.finish(study.id, "done")
    assert not arrive(queue)
    assert (only(queue).state, only(queue).round, queue.counts["duplicates"]) == ("done", 1, 1)
    assert list(queue.incoming.iterdir()) == []


@pytest.mark.parametrize("state", ["done", "refused", "failed"])
def test_an_object_for_a_study_that_ended_opens_a_new_round(queue, state) -> None:
    arrive(queue)
    queue.settle(0)
    queue.finish(queue.claim().id, state, code="why")
    arrive(queue, instance="1.2.2")
    assert (only(queue).state, only(queue).round, only(queue).tries, only(queue).code) == ("receiving", 2, 0, "")


def test_an_object_that_comes_during_the_work_opens_a_new_round_after_it(queue) -> None:
    arrive(queue)
    queue.settle(0)
    study = queue.claim()
    arrive(queue, instance="1.2.2")
    assert (only(queue).state, only(queue).objects) == ("working", study.objects)
    queue.finish(study.id, "done")
    assert (only(queue).state, only(queue).round) == ("receiving", 2)
    queue.settle(0)
    assert len(queue.claim().objects) == 2


def test_a_study_that_is_to_be_tried_again_waits(queue, clock) -> None:
    arrive(queue)
    queue.settle(0)
    queue.finish(queue.claim().id, "ready", code="model-error", not_before=clock.now + 5)
    assert queue.claim() is None
    clock.now += 6
    assert queue.claim().tries == 2


def test_the_operator_has_a_study_done_again(queue) -> None:
    arrive(queue)
    queue.settle(0)
    study = queue.claim()
    queue.finish(study.id, "failed", code="model-error")
    (queue.folder / AGAIN / study.id).touch()
    (queue.folder / AGAIN / "nothing").touch()
    assert [each.state for each in queue.settle(30)] == ["ready"]
    assert (only(queue).round, list((queue.folder / AGAIN).iterdir())) == (2, [])


def test_an_object_beyond_the_limit_is_not_taken(queue) -> None:
    arrive(queue, size=6000)
    before = queue.bytes
    with pytest.raises(Full):
        arrive(queue, instance="1.2.2", size=6000)
    assert queue.bytes == before
    assert list(queue.incoming.iterdir()) == []


def test_removing_a_study_frees_its_room(queue) -> None:
    arrive(queue, size=6000)
    queue.settle(0)
    assert queue.remove(queue.studies()) == 0  # it has not ended
    queue.finish(queue.claim().id, "done")
    assert queue.remove(queue.studies()) == 1
    assert queue.studies() == ()
    assert arrive(queue, size=6000)


def test_names_in_the_spool_are_not_those_of_the_objects(queue) -> None:
    arrive(queue, study="1.2.840.1", instance="1.2.840.1.5")
    paths = [path.relative_to(queue.folder).as_posix() for path in queue.folder.rglob("*")]
    assert not any("840" in path for path in paths)
    assert short_id("1.2.840.1") in "".join(paths)


# kills


def restarted(queue: Queue, clock: Clock) -> Queue:
    return Queue(queue.folder, limit_bytes=queue.limit_bytes, clock=clock)


def test_work_that_was_killed_is_ready_again_and_counts_as_a_try(queue, clock) -> None:
    arrive(queue)
    queue.settle(0)
    queue.claim()
    again = restarted(queue, clock)
    assert (only(again).state, again.claim().tries) == ("ready", 2)


def test_killed_before_the_state_was_written_the_object_is_still_there(queue, clock) -> None:
    arrive(queue)
    (queue.path(only(queue).id) / "state.json").unlink()
    assert (only(restarted(queue, clock)).state, len(list(queue.folder.rglob("*.dcm")))) == ("receiving", 1)


def test_killed_before_the_first_object_had_its_name_there_is_no_study(queue, clock) -> None:
    (queue.folder / "studies" / "abc" / "objects").mkdir(parents=True)
    (queue.incoming / "x.part").write_bytes(b"half")
    again = restarted(queue, clock)
    assert again.studies() == ()
    assert list(again.incoming.iterdir()) == []
    assert again.bytes == 0


def test_killed_between_an_object_and_the_state_of_a_study_that_is_done_a_round_is_opened(queue, clock) -> None:
    arrive(queue)
    queue.settle(0)
    done = queue.finish(queue.claim().id, "done")
    arrive(queue, instance="1.2.2")
    save(queue.path(done.id), done)
    assert (only(restarted(queue, clock)).state, only(restarted(queue, clock)).round) == ("receiving", 2)


STEPS = st.lists(st.sampled_from(["new", "same", "wait", "claim", "done", "fail", "kill"]), max_size=25)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_whatever_happens_every_object_is_kept_and_ends(steps, tmp_path_factory) -> None:
    folder, clock = tmp_path_factory.mktemp("spool"), Clock()
    queue = Queue(folder, limit_bytes=1e9, clock=clock)
    names: list[str] = []
    for number, step in enumerate(steps):
        clock.now += 1
        working = [each for each in queue.studies() if each.state == "working"]
        if step == "new":
            names.append(f"1.2.{number}")
            assert arrive(queue, study=f"1.{number % 3}", instance=names[-1])
        elif step == "same" and names:
            earlier = int(names[-1].split(".")[2])
            assert not arrive(queue, study=f"1.{earlier % 3}", instance=names[-1])
        elif step == "wait":
            queue.settle(1)
        elif step == "claim":
            queue.claim()
        elif step in ("done", "fail") and working:
            queue.finish(working[0].id, "done" if step == "done" else "ready")
        elif step == "kill":
            queue = Queue(folder, limit_bytes=1e9, clock=clock)
    queue = Queue(folder, limit_bytes=1e9, clock=clock)
    clock.now += 1e12  # the objects' own times are those of the real clock
    queue.settle(1)
    while (study := queue.claim()) is not None:
        queue.finish(study.id, "done")
    assert {each.state for each in queue.studies()} <= {"done"}
    kept = {name for each in queue.studies() for name in each.objects}
    assert kept == {f"{short_id(name)}.dcm" for name in names}
    shutil.rmtree(folder)
