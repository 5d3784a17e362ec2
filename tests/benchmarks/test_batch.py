from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import batch
import batch_scale
import computed_films
import pytest
from PIL import Image

from hilum.batch.journal import JOURNAL


def test_every_way() -> None:
    found = [(way.name, way.command, way.workers) for way in batch.ways([1, 2], with_ray=True)]
    kinds = [("processes", "batch"), ("threads", "analyse"), ("Ray", "batch")]
    assert found == [(*kind, count) for count in (1, 2) for kind in kinds]
    assert not any("--ray" in way.options for way in batch.ways([1, 2, 7], with_ray=False))


def test_the_start_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def run(way: batch.Way, films: list[Path]) -> float:
        runs.append(len(films))
        return 3 + 0.25 * len(films) + 0.5 * (len(runs) % 2)

    monkeypatch.setattr(batch, "_run", run)
    assert batch.rate(batch.Way("threads", workers=2), [Path("a")] * 60, 2) == pytest.approx(4.0)
    assert runs == [40, 40, 60, 60]


def row(workers: int, times: float, way: str = "processes") -> dict[str, object]:
    return {"way": way, "workers": workers, "times": times}


def test_two_workers_have_to_gain_enough() -> None:
    assert batch.reaches([row(1, 1.0), row(2, 1.81)])
    assert not batch.reaches([row(1, 1.0), row(2, 1.79), row(2, 1.95, "threads"), row(4, 3.0)])
    assert batch.reaches([row(1, 1.0)])


def test_cost_is_hours_of_cores() -> None:
    rows = batch.cost(10.0, 1.0, 0.05)
    assert rows[0]["hours"] == pytest.approx(27.78, abs=0.01)
    assert rows[1]["hours"] == pytest.approx(27.78 / 8, abs=0.01)
    assert {round(each["price"], 3) for each in rows} == {1.389}


def test_what_grows_with_the_cohort_is_found_out() -> None:
    rows = [{"records": 10, "write µs each": 1.0}, {"records": 100, "write µs each": 1.9}]
    assert batch_scale.is_linear(rows)
    assert not batch_scale.is_linear([*rows, {"records": 1000, "write µs each": 10.0}])


def test_the_journal_alone() -> None:
    (found,) = batch_scale.journal([300])
    assert found["records"] == 300
    assert 0 < found["write µs each"] < 10_000
    assert 200 < found["memory bytes each"] < 2000


def test_what_hilum_adds_to_a_case(tmp_path: Path) -> None:
    first, second = batch_scale.overhead(tmp_path, [7, 13])
    assert (first["cases"], second["cases"]) == (7, 13)
    assert 0 < second["run again, ms a case"] < 1000
    assert len((tmp_path / "none-13" / JOURNAL).read_text().splitlines()) == 13


def finished(output: Path, names: list[str], journal: list[str]) -> Path:
    for name in names:
        (output / name).mkdir(parents=True)
        (output / name / "result.json").touch()
    (output / JOURNAL).write_text("".join(json.dumps({"case": name}) + "\n" for name in journal))
    (output / "results.csv").write_text("".join(f"{name},{status}\n" for name, status in [("case", "status"), *DONE]))
    return output


DONE = [("a", "done"), ("b", "done"), ("c", "done")]


def test_every_case_has_to_be_there_once(tmp_path: Path) -> None:
    names = ["a", "b", "c"]
    assert set(batch_scale.check(finished(tmp_path / "good", names, names), 3)) == set(names)
    with pytest.raises(SystemExit, match=r"The journal of .* holds 4 of 3 cases, and 3 went in"):
        batch_scale.check(finished(tmp_path / "twice", names, ["a", "b", "b", "c"]), 3)
    with pytest.raises(SystemExit, match="The folders"):
        batch_scale.check(finished(tmp_path / "lost", names[:2], names), 3)


def test_a_drawing_is_whole_and_thinned() -> None:
    plot = batch.memory_plot([(number, 300.0 + number % 7) for number in range(5000)])
    assert plot is not None
    drawn = ET.fromstring(batch.svg([plot, plot]))
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}circle"))) <= 2 * 400
    assert list(batch_scale.thinned([(1, 2.0)])) == [(1, 2.0)]


def test_films_of_another_size(tmp_path: Path) -> None:
    (film,) = computed_films.write_films(tmp_path, 1, side_px=131)
    with Image.open(film) as opened:
        assert opened.size == (131, 131)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for memory in /proc")
def test_a_cohort_killed_and_resumed(tmp_path: Path) -> None:
    ((row,), samples) = batch_scale.scale(tmp_path, [5], side_px=160, kills=1)
    assert (row["cases"], row["kills"]) == (5, 1)
    assert row["peak MB"] > 100
    assert max(done for done, _ in samples) <= 5
