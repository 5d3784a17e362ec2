"""``hilum evaluate masks``, ``scores`` and ``compare``, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Picture

from hilum.cli.evaluate import command
from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.errors import SettingsError

FILM = (37, 41)


def _save(array: np.ndarray, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Picture.fromarray(array).save(path)
    return path


def _lungs() -> np.ndarray:
    made = np.zeros(FILM, np.uint8)
    made[8:30, 4:16], made[8:28, 24:37] = 1, 2
    return made


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    cases = []
    for n, name in enumerate("ab"):
        film = _save(np.full(FILM, 90 + n, np.uint8), tmp_path / f"truth/{name}.png")
        mask = Mask(_save(_lungs(), tmp_path / f"truth/{name}-lungs.png"), {1: "right-lung", 2: "left-lung"})
        scores = {"six-zone-r": 2.0, "six-zone-d": 3.0}
        cases.append(DatasetCase("made", name, f"p{n}", "CXR", film, {"lungs": mask}, scores, split="test"))
    CaseTable.of(cases).write_csv(tmp_path / "truth/cases.csv")
    return tmp_path / "truth"


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    _save(_lungs(), tmp_path / "ours/a.png")
    _save(_lungs(), tmp_path / "ours/b.png")
    return tmp_path / "ours"


def _run(*words: object):
    return CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)


def test_masks_are_compared_and_written(truth: Path, ours: Path, tmp_path: Path):
    done = _run("masks", "--truth", truth, "--predictions", ours, "--no-distances", "-o", tmp_path / "out", "--json")
    assert done.exit_code == 0
    told = json.loads(done.stdout)
    dice = next(each for each in told["figures"] if (each["structure"], each["measure"]) == ("both-lungs", "dice"))
    assert (dice["prediction"], dice["mean"], dice["n"], dice["missing"]) == ("ours", 1.0, 2, 0)
    assert (tmp_path / "out/cases.csv").is_file()


def test_numbers_may_be_those_of_one_system(truth: Path, ours: Path, tmp_path: Path):
    for name in "ab":
        _save(np.where(_lungs() > 0, 255, 0).astype(np.uint8), tmp_path / f"theirs/{name}.png")
    places = ("--predictions", ours, "--predictions", f"net={tmp_path / 'theirs'}", "--no-distances", "--json")
    done = _run("masks", "--truth", truth, *places, "--labels", "net:lungs:255=lungs")
    assert done.exit_code == 0
    dice = {
        each["prediction"]: (each["mean"], each["missing"])
        for each in json.loads(done.stdout)["figures"]
        if (each["structure"], each["measure"]) == ("both-lungs", "dice")
    }
    assert dice == {"ours": (1.0, 0), "net": (1.0, 0)}
    assert _run("masks", "--truth", truth, *places, "--labels", "lungs:255=lungs").exit_code == 3  # of all


def test_a_missing_mask_ends_with_status_3(truth: Path, ours: Path):
    (ours / "b.png").unlink()
    done = _run("masks", "--truth", truth, "--predictions", f"net={ours}", "--no-distances")
    assert done.exit_code == 3
    assert "- net, made/b, both-lungs, right-lung, left-lung: there is no mask of lungs" in done.stdout


def test_wrong_words_are_refused(truth: Path, ours: Path, tmp_path: Path):
    for words, message in (
        (("--predictions", ours, "--kind", "lung"), "Did you mean 'lungs'"),
        (("--predictions", ours, "--split", "testing"), "Did you mean 'test'"),
        (("--predictions", ours, "--split", "train"), "There are 2 cases, and none in the split 'train'"),
        (("--predictions", ours, "--predictions", ours), "names of their own"),
        (("--predictions", ours, "--labels", "our:lungs:255=lungs"), "Did you mean 'ours'"),
        (("--predictions", f"x={tmp_path / 'none'}"), "There is no"),
    ):
        with pytest.raises(SettingsError, match=message):
            _run("masks", "--truth", truth, *words)
    done = _run("masks", "--truth", truth, "--predictions", ours, "--pictures", 1)
    assert done.exit_code == 2


def test_scores_are_compared_and_written(truth: Path, tmp_path: Path):
    (tmp_path / "s.csv").write_text("case,six-zone\na,2\nb,4\n", encoding="utf-8")
    (tmp_path / "g.csv").write_text("case,geographic\na,0.5\n", encoding="utf-8")
    words = [
        "scores",
        "--truth",
        truth,
        "--predictions",
        tmp_path / "s.csv",
        "--predictions",
        f"geo={tmp_path / 'g.csv'}",
    ]
    done = _run(*words, "--convert", "geo=covid-net-s", "-o", tmp_path / "out", "--json")
    assert done.exit_code == 3
    told = json.loads(done.stdout)
    error = {each["system"]: each["value"] for each in told["figures"] if each["statistic"] == "mae"}
    assert error == {"s": 1.0, "geo": 2.0, "readers": 1.0}
    with pytest.raises(SettingsError, match="Did you mean 'geo'"):
        _run(*words, "--convert", "goe=covid-net-s")


def test_a_page_is_made_of_runs(truth: Path, ours: Path, tmp_path: Path):
    pytest.importorskip("matplotlib")
    _run("masks", "--truth", truth, "--predictions", ours, "--no-distances", "-o", tmp_path / "out")
    done = _run("compare", tmp_path / "out", "-o", tmp_path / "page.html", "--figures", tmp_path / "figures")
    assert done.exit_code == 0
    assert (tmp_path / "figures/boxes.png").read_bytes().startswith(b"\x89PNG")
    assert "Dice" in (tmp_path / "page.html").read_text(encoding="utf-8")
