"""Batches: every case has an outcome, in order, whatever happens to the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hilum.batch import local
from hilum.batch.local import INTERNAL_ERROR, Outcome, analyse_all, require_writable
from hilum.errors import GridMismatch, IncompleteSeries, NotAnImage, Refused, UnsafeArchive, WriteError
from hilum.geometry import Grid, PlaneGrid, VolumeGrid
from hilum.settings import OutputSettings, RuntimeSettings, Settings

Tables = list[tuple[Outcome, ...]]


FILM = PlaneGrid((7, 11))
VOLUME = VolumeGrid.of_spacing((7, 11, 13), (1, 1, 1))


@dataclass(frozen=True)
class FakeEntry:
    """An entry whose image does what its ``action`` does when it is read."""

    name: str
    action: Callable[[], Any] = object
    member: str | None = None
    ending: str = ".png"
    study: object = None
    grid: Grid = FILM

    @property
    def path(self) -> Path:
        return Path(f"{self.name}{self.ending}")

    def open(self) -> Any:
        self.action()
        return SimpleNamespace(grid=self.grid)


def failing(error: BaseException) -> Callable[[], Any]:
    def action() -> None:
        raise error

    return action


def sleeping(seconds: float) -> Callable[[], Any]:
    def action() -> None:
        time.sleep(seconds)

    return action


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> Tables:
    """A pipeline that does nothing; gives what was written as results.csv."""
    written: Tables = []

    def write_results(outcomes: Sequence[Outcome], output: Path) -> Path:
        written.append(tuple(outcomes))
        return output / "results.csv"

    monkeypatch.setattr(local, "open_networks", lambda settings, many: SimpleNamespace(many=many))
    monkeypatch.setattr(local, "analyse", lambda image, **_: SimpleNamespace(scores={}, findings=()))
    monkeypatch.setattr(local, "write_case", lambda case, output, settings, source: output / "case")
    monkeypatch.setattr(local, "write_results", write_results)
    return written


def run(entries: Sequence[Any], output: Path, *, workers: int = 2, **options: Any) -> local.Summary:
    return analyse_all(entries, output, Settings(runtime=RuntimeSettings(workers=workers)), **options)


def test_outcomes_keep_the_order_of_the_entries(tables: Tables, tmp_path: Path) -> None:
    entries = [FakeEntry(f"film-{n}", sleeping(0.02 if n % 3 == 0 else 0)) for n in range(13)]
    told: list[str] = []
    summary = run(entries, tmp_path, workers=4, on_done=lambda outcome: told.append(outcome.name))
    names = [entry.name for entry in entries]
    assert [outcome.name for outcome in summary.outcomes] == names
    assert told == names
    assert [[outcome.name for outcome in table] for table in tables] == [names]
    assert summary.failed == ()
    assert summary.table == tmp_path / "results.csv"


def test_more_entries_than_the_queue_holds(tables: Tables, tmp_path: Path) -> None:
    count = local.QUEUE_PER_WORKER * 2 + 5
    summary = run([FakeEntry(str(n)) for n in range(count)], tmp_path, workers=1)
    assert [outcome.name for outcome in summary.outcomes] == [str(n) for n in range(count)]


def test_no_more_than_the_workers_are_in_work(tables: Tables, tmp_path: Path) -> None:
    lock, in_work, most = threading.Lock(), 0, 0
    together = threading.Barrier(3)

    def action() -> None:
        nonlocal in_work, most
        with lock:
            in_work += 1
            most = max(most, in_work)
        together.wait(60)
        with lock:
            in_work -= 1

    run([FakeEntry(str(n), action) for n in range(12)], tmp_path, workers=3)
    assert most == 3


class InWork:
    """Counts how many of something are between entering and leaving at once."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Lock(), 0, 0

    def enter(self) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)

    def leave(self) -> None:
        with self.lock:
            self.now -= 1


@pytest.mark.parametrize(
    "looks", [{"ending": ".nii.gz"}, {"ending": ".MHA"}, {"study": "a study"}, {"ending": ".zip", "member": "a/b.nrrd"}]
)
def test_volumes_are_read_and_analysed_one_at_a_time(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: dict[str, Any]
) -> None:
    volumes = InWork()

    def write_case(*_: object, source: object) -> Path:
        time.sleep(0.002)
        volumes.leave()
        return tmp_path

    monkeypatch.setattr(local, "write_case", write_case)
    summary = run([FakeEntry(str(n), volumes.enter, grid=VOLUME, **looks) for n in range(7)], tmp_path, workers=3)
    assert summary.failed == ()
    assert (volumes.most, volumes.now) == (1, 0)


def test_a_folder_of_slices_is_a_volume(tmp_path: Path) -> None:
    assert local.is_likely_volume(FakeEntry(str(tmp_path), ending=""))  # type: ignore[arg-type]
    assert not local.is_likely_volume(FakeEntry("film"))  # type: ignore[arg-type]


def test_the_stages_of_volumes_are_told(tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def analyse(image: Any, progress: Callable[[str, int, int], None], **_: object) -> Any:
        progress("lungs", 3, 7)
        return SimpleNamespace(scores={}, findings=())

    monkeypatch.setattr(local, "analyse", analyse)
    told: list[tuple[str, int, int]] = []
    run([FakeEntry("a"), FakeEntry("b")], tmp_path, within=lambda *stage: told.append(stage))
    assert told == [("lungs", 3, 7)] * 2


def test_volumes_that_show_themselves_late_are_analysed_one_at_a_time(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volumes = InWork()

    def analyse(image: Any, **_: object) -> Any:
        volumes.enter()
        time.sleep(0.002)
        volumes.leave()
        return SimpleNamespace(scores={}, findings=())

    monkeypatch.setattr(local, "analyse", analyse)
    assert run([FakeEntry(str(n), grid=VOLUME) for n in range(7)], tmp_path, workers=3).failed == ()
    assert volumes.most == 1


def test_a_volume_that_fails_gives_its_turn_back(tables: Tables, tmp_path: Path) -> None:
    entries = [FakeEntry("bad", failing(NotAnImage("It is cut short.")), ending=".nii"), FakeEntry("b", ending=".nii")]
    assert [outcome.status for outcome in run(entries, tmp_path).outcomes] == ["failed", "done"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("It is a cat.", code="not-a-film"), "not-a-film"),
        (NotAnImage("It is cut short."), "not-an-image"),
        (UnsafeArchive("It is a bomb."), "unsafe-archive"),
        (GridMismatch("They differ."), "grid-mismatch"),
    ],
)
def test_our_errors_are_outcomes(tables: Tables, tmp_path: Path, error: Any, code: str) -> None:
    summary = run([FakeEntry("good"), FakeEntry("bad", failing(error)), FakeEntry("better")], tmp_path)
    good, bad, better = summary.outcomes
    assert (good.status, bad.status, better.status) == ("done", "failed", "done")
    assert (bad.code, bad.message, bad.folder, bad.source) == (code, str(error), None, "bad.png")
    assert summary.failed == (bad,)


def test_what_is_wrong_with_an_image_is_told_before_what_its_headers_lack(tables: Tables, tmp_path: Path) -> None:
    settings = Settings(output=OutputSettings(dicom=("sr",)))
    entries = [FakeEntry("gap", failing(IncompleteSeries("A slice is missing.")))]
    summary = analyse_all(entries, tmp_path, settings)
    assert [outcome.code for outcome in summary.failed] == ["incomplete-series"]


def test_defects_are_outcomes_and_logged(tables: Tables, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    summary = run([FakeEntry("bad", failing(ZeroDivisionError("oh"))), FakeEntry("good")], tmp_path)
    assert summary.outcomes[0].code == INTERNAL_ERROR
    assert "ZeroDivisionError: oh" in summary.outcomes[0].message
    assert "Traceback" in caplog.text
    assert summary.outcomes[1].status == "done"


def test_what_cannot_be_written_is_the_outcome_of_its_case(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_case(*_: object, source: object) -> Path:
        raise WriteError("The disk is full.", path=tmp_path)

    monkeypatch.setattr(local, "write_case", write_case)
    assert [outcome.code for outcome in run([FakeEntry("a"), FakeEntry("b")], tmp_path).outcomes] == ["write-error"] * 2


def test_members_of_archives_are_named_with_the_archive(tables: Tables, tmp_path: Path) -> None:
    assert run([FakeEntry("films", member="a/b.dcm")], tmp_path).outcomes[0].source == "films.png/a/b.dcm"


def test_interrupt_writes_what_is_ready_and_drops_the_rest(tables: Tables, tmp_path: Path) -> None:
    opened: list[str] = []

    def entry(name: str) -> FakeEntry:
        return FakeEntry(name, lambda: (opened.append(name), time.sleep(0.01)))

    def interrupt(outcome: Outcome) -> None:
        if outcome.name == "2":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run([entry(str(n)) for n in range(200)], tmp_path, on_done=interrupt)
    (table,) = tables
    assert [outcome.name for outcome in table] == sorted(opened, key=int)
    assert 3 <= len(table) <= 3 + 2 * local.QUEUE_PER_WORKER


def test_engines_are_chosen_for_one_or_for_many(
    tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(local, "open_networks", lambda settings, many: asked.append(many))
    run([FakeEntry("a")], tmp_path)
    run([FakeEntry("a"), FakeEntry("b")], tmp_path)
    assert asked == [False, True]


def test_unwritable_output_is_found_out_before_any_work(tables: Tables, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(WriteError, match="taken") as caught:
        run([FakeEntry("a", failing(AssertionError("it was opened")))], tmp_path / "taken")
    assert caught.value.path == tmp_path / "taken"
    assert tables == []


def test_the_check_leaves_nothing_behind(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
