from __future__ import annotations

from pathlib import Path

import computed_films
import films
import numpy as np
import pytest
from PIL import Image


def test_a_budget_is_a_floor_or_a_ceiling() -> None:
    assert films.row("batch", 10.0, films.BUDGETS["batch"])["met"]
    assert not films.row("batch", 9.9, films.BUDGETS["batch"])["met"]
    assert films.row("help", 0.3, films.BUDGETS["help"])["met"]
    assert films.row("help", 0.31, films.BUDGETS["help"])["budget"] == "at most 0.3"
    assert not films.row("help", 0.31, films.BUDGETS["help"])["met"]


def test_a_budget_can_be_changed_by_name() -> None:
    name, budget = films.changed("batch=25")
    assert (name, budget.limit, budget.unit, budget.at_least) == ("batch", 25.0, "films/s", True)
    with pytest.raises(SystemExit, match=r"No budget named 'bach'. Did you mean 'batch'"):
        films.changed("bach=25")


def test_commands_that_only_start_are_within_generous_bounds() -> None:
    figures = dict(films.commands(times=1))
    assert set(figures) == {"help", "import"}
    assert all(0.01 < seconds < 10 for seconds in figures.values())


def test_films_differ_and_are_the_same_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(computed_films, "SIDE_PX", 96)
    monkeypatch.setattr(computed_films, "BODIES", 2)
    first = computed_films.write_films(tmp_path / "a", 5)
    again = computed_films.write_films(tmp_path / "b", 5)
    assert [path.suffix for path in first] == [".png", ".jpg", ".png", ".jpg", ".png"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert len({path.read_bytes() for path in first}) == 5
    with Image.open(first[1]) as image:
        assert (image.size, image.mode) == ((96, 96), "L")
        assert np.asarray(image).std() > 10
