"""Cohorts on Ray without Ray: what a worker does, when it refuses, and how many there is room for."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hilum import cluster
from hilum.batch import ray as module
from hilum.batch.cohort import fingerprints
from hilum.batch.inputs import cohort_of
from hilum.batch.journal import JOURNAL
from hilum.batch.local import Outcome
from hilum.batch.ray import RayCluster
from hilum.errors import Error, MissingExtra, WriteError
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.phantom.dicom_series import write_series
from hilum.provenance import Source
from hilum.readers import Entry
from hilum.settings import FilmSettings, RuntimeSettings, Settings

FILM = Entry("a", Path("a.png"))


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / JOURNAL).touch()
    return tmp_path


@pytest.fixture(autouse=True)
def _stays_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path.cwd())  # undone when the test ends, whoever changed it
    monkeypatch.setattr(module, "keep_memory", lambda: True)


def worker(output: Path, settings: Settings, home: Path | None = None) -> Any:
    (output / "notes").mkdir(exist_ok=True)
    return module._Worker(output, settings, home or Path.cwd(), fingerprints(Settings()), output / "notes")


def asked(made: Any, entry: Entry) -> Outcome | str:
    (place,), (packed,) = made({"place": [7], "entry": [pickle.dumps(entry)]}).values()
    assert place == 7
    return pickle.loads(packed)


def test_a_worker_gives_an_outcome_without_scores(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def analyse_one(entry: Entry, *, settings: Settings, **_: object) -> Outcome:
        assert settings.runtime.workers == 1
        return Outcome(entry.name, str(entry.path), "done", scores={"a": lambda: None}, modality="cxr")  # type: ignore[dict-item]

    monkeypatch.setattr(module, "analyse_one", analyse_one)
    _, settings, home, *_ = module._arguments(output, Settings(runtime=RuntimeSettings(workers=64)), output)
    assert (settings.runtime.workers, settings.runtime.threads) == (1, 1)
    assert asked(worker(output, settings, home), FILM) == Outcome("a", "a.png", "done", modality="cxr")
    assert not list((output / "notes").iterdir())


def test_a_case_over_which_workers_died_is_left_alone(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def analyse_one(entry: Entry, **_: object) -> Outcome:
        begun.append(entry.name)
        raise KeyboardInterrupt  # as near to a death as a test can come

    monkeypatch.setattr(module, "analyse_one", analyse_one)
    for _ in range(module.TRIES):
        with pytest.raises(KeyboardInterrupt):
            asked(worker(output, Settings()), FILM)
    failed = asked(worker(output, Settings()), FILM)
    assert isinstance(failed, Outcome)
    assert (failed.status, failed.code, failed.source) == ("failed", "worker-died", "a.png")
    assert "Analyse it alone" in failed.message
    assert begun == ["a"] * module.TRIES


def test_a_worker_works_where_the_run_was_started(output: Path, tmp_path: Path) -> None:
    worker(output, Settings(), tmp_path)
    assert Path.cwd() == tmp_path
    worker(output, Settings(), tmp_path / "none")
    assert Path.cwd() == tmp_path


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path: Path) -> None:
    said = asked(worker(tmp_path, Settings()), FILM)
    assert isinstance(said, str)
    assert "does not see the cohort's folder. Share the folder" in said


def test_a_worker_that_would_make_other_results_says_so(output: Path) -> None:
    said = asked(worker(output, Settings(film=FilmSettings(mirrored="always"))), FILM)
    assert isinstance(said, str)
    assert "Install the same on all machines" in said


def test_entries_of_studies_can_be_sent(tmp_path: Path) -> None:
    grid = VolumeGrid.of_spacing((7, 64, 65), (2, 3, 3))
    image = Image(_noise(grid.shape), grid, Quantity.HOUNSFIELD, Source("phantom", "0" * 64))
    write_series(image, tmp_path / "ct")
    (entry,) = cohort_of([tmp_path / "ct"], Settings()).entries
    there: Entry = pickle.loads(pickle.dumps(entry))
    assert there.open().array.tobytes() == entry.open().array.tobytes()


def _noise(shape: tuple[int, int, int]) -> Any:
    import numpy as np

    return np.random.default_rng(7).integers(-1000, 400, shape).astype(np.float32)


def test_room_is_by_processors_memory_and_gpus_of_each_machine() -> None:
    machines = [
        {"Alive": True, "Resources": {"CPU": 8.0, "memory": 3e9, "GPU": 1.0}},
        {"Alive": True, "Resources": {"CPU": 2.0, "memory": 9e9}},
        {"Alive": False, "Resources": {"CPU": 99.0, "memory": 9e12, "GPU": 9.0}},
    ]
    ray = SimpleNamespace(nodes=lambda: machines)
    assert module._room(ray, {"num_cpus": 1, "memory": 1e9}) == 3 + 2
    assert module._room(ray, {"num_cpus": 4, "memory": 1e9}) == 2
    assert module._room(ray, {"num_cpus": 1, "memory": 1e9, "num_gpus": 0.5}) == 2


def test_workers_on_volumes_have_memory_set_aside_for_one() -> None:
    films, volumes = ([FILM], [FILM, Entry("b", Path("b.nii.gz"))])
    few, much = (RayCluster("local", gpus=0.5)._needs(entries, 2) for entries in (films, volumes))
    assert (few["num_cpus"], few["num_gpus"]) == (2, 0.5)
    assert much["memory"] - few["memory"] > 1e9
    assert "num_gpus" not in RayCluster("local")._needs(films, 1)


def test_without_ray_the_extra_is_named(output: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(cluster, "import_module", missing)
    run = RayCluster("local")([FILM], output, Settings(), record=print)
    with pytest.raises(MissingExtra, match=r"hilum\[cluster\]"):
        next(run)
    assert list(RayCluster("local")([], output, Settings(), record=print)) == []


@pytest.mark.parametrize(("address", "verb"), [("there:1", "reach"), ("local", "start")])
def test_a_cluster_that_is_not_there(address: str, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(address: str, **_: object) -> None:
        raise Exception(f"nobody answers at {address}")

    monkeypatch.setattr(cluster, "import_module", lambda _: SimpleNamespace(is_initialized=lambda: False, init=init))
    message = f"Cannot {verb} the Ray cluster '{address}': nobody answers at {address}"
    with pytest.raises(Error, match=message), cluster.on_cluster(address):
        pass


@pytest.mark.parametrize(("address", "own"), [("auto", {}), ("local", {"num_cpus": 7})])
def test_processors_are_those_of_a_cluster_of_its_own(
    address: str, own: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def init(address: str, **options: Any) -> None:
        asked.append((address, {name: options[name] for name in options if name.startswith("num")}))

    ray = SimpleNamespace(is_initialized=lambda: bool(asked), init=init, shutdown=lambda: asked.append("ended"))
    monkeypatch.setattr(cluster, "import_module", lambda _: ray)
    with cluster.on_cluster(address, cpus=7), cluster.on_cluster(address, cpus=7):
        assert asked == [(address, own)]
    assert asked == [(address, own), "ended"]


@pytest.fixture
def fake_ray(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A Ray that gives the rows of a function of the entries' places."""

    def made(run: Callable[[list[int]], Iterator[tuple[int, Any]]]) -> Any:
        def map_batches(rows: list[Any]) -> Any:
            found = run([row["place"] for row in rows])
            packed = ({"place": place, "outcome": pickle.dumps(outcome)} for place, outcome in found)
            return SimpleNamespace(iter_rows=lambda: packed)

        def from_items(rows: list[Any], override_num_blocks: int) -> Any:
            assert override_num_blocks == 2
            return SimpleNamespace(context=SimpleNamespace(), map_batches=lambda worker, **how: map_batches(rows))

        data = SimpleNamespace(from_items=from_items, ActorPoolStrategy=dict)
        ray = SimpleNamespace(cloudpickle=pickle, exceptions=SimpleNamespace(RayError=LookupError), nodes=list)
        monkeypatch.setattr(module, "import_module", lambda _: data)
        return module._Work(ray, {"num_cpus": 1}, (), 2)

    return made


ENTRIES = {place: Entry(str(place), Path(f"{place}.png")) for place in range(11)}


def test_outcomes_come_with_the_places_of_their_entries(fake_ray: Callable[..., Any]) -> None:
    def run(places: list[int]) -> Iterator[tuple[int, Any]]:
        return ((place, Outcome(str(place), f"{place}.png", "done")) for place in reversed(places))

    assert [(place, outcome.name) for place, outcome in fake_ray(run).each(ENTRIES)] == [
        (place, str(place)) for place in reversed(range(11))
    ]


def test_what_a_worker_refuses_ends_the_run(fake_ray: Callable[..., Any]) -> None:
    with pytest.raises(WriteError, match="not seen"):
        list(fake_ray(lambda places: iter([(0, "It is not seen.")])).each(ENTRIES))


def test_a_cluster_that_breaks_off_is_an_error_of_ours(fake_ray: Callable[..., Any]) -> None:
    def broken(_: list[int]) -> Iterator[tuple[int, Any]]:
        yield 0, Outcome("0", "0.png", "done")
        raise LookupError("the head is gone")

    with pytest.raises(Error, match="broke off: the head is gone"):
        list(fake_ray(broken).each(ENTRIES))


def test_without_room_nothing_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "import_module", lambda _: None)
    ray = SimpleNamespace(nodes=lambda: [{"Alive": True, "Resources": {"CPU": 1.0}}])
    with pytest.raises(Error, match="2 processors, 470 MB and 0 GPUs are wanted"):
        module._Work(ray, RayCluster("local")._needs([FILM], 2), (), 0)


def test_the_working_directory_is_given() -> None:
    assert module._arguments(Path("out"), Settings(), Path("notes"))[2] == Path(os.getcwd())  # noqa: PTH109 - told by another way
