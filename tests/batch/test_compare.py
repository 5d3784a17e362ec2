"""Changes between results: every quantity, and verdicts only beyond a known error."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hilum.batch.compare import CHANGE_PER_ERROR, Change, compare, write_changes
from hilum.cli.app import app
from hilum.errors import ReadError
from hilum.models.catalogue import card

LESIONS = card("cxr-lesions")
ERROR = CHANGE_PER_ERROR * next(m.high for m in LESIONS.metrics if (m.figure, m.split) == ("brixia-error", "test"))


def write(folder: Path, brixia: Any, *, sha256: str = LESIONS.sha256, modality: str = "cxr", pixels: int = 10) -> Path:
    parts = {"right-upper": brixia if isinstance(brixia, dict) else brixia / 6}
    score = {"value": brixia, "unit": "points", "parts": parts}
    model = {"name": LESIONS.name, "version": LESIONS.version, "sha256": sha256}
    measure = {"id": "volume", "structure": "lung", "region": "both", "method": "masks", "value": 4000, "unit": "ml"}
    result = {
        "modality": modality,
        "scores": {"brixia": score},
        "structures": {"lungs": {"right-lung": {"pixels": 200}}, "lesions": {"ground-glass": {"pixels": pixels}}},
        "provenance": {"nodes": [{"kind": "source"}, {"model": model}]},
    }
    if modality == "ct":
        result["measures"] = [measure]
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps(result))
    return folder


def by_key(changes: tuple[Change, ...]) -> dict[tuple[str, str], Change]:
    return {(each.what, each.region): each for each in changes}


def test_the_error_of_a_change_follows_from_that_of_a_measurement() -> None:
    assert math.isclose(CHANGE_PER_ERROR, 3.474, abs_tol=1e-3)


@pytest.mark.parametrize(
    ("first", "last", "verdict"),
    [(1, 1 + ERROR + 0.1, "more"), (ERROR + 1.1, 1, "less"), (1, 1 + ERROR - 0.1, "within error")],
)
def test_a_verdict_only_beyond_the_error(tmp_path: Path, first: float, last: float, verdict: str) -> None:
    found = by_key(compare([write(tmp_path / "a", first), write(tmp_path / "b", 7), write(tmp_path / "c", last)]))
    whole = found["brixia", "whole"]
    assert (whole.verdict, whole.values) == (verdict, (first, 7, last))
    assert whole.error == pytest.approx(ERROR)
    assert whole.change == pytest.approx(last - first)
    assert whole.of_error == pytest.approx((last - first) / ERROR)
    assert whole.spreads == pytest.approx([ERROR / math.sqrt(2)] * 3)
    assert (found["brixia", "right-upper"].verdict, found["brixia", "right-upper"].error) == ("", None)


def test_classes_of_films_are_shares_of_the_lungs(tmp_path: Path) -> None:
    found = by_key(compare([write(tmp_path / "a", 1), write(tmp_path / "b", 1, pixels=50)]))
    assert found["share:ground-glass", "whole"].values == (5.0, 25.0)


@pytest.mark.parametrize("sha256", ["0" * 64, ""])
def test_other_weights_than_the_cards_give_no_verdict(tmp_path: Path, sha256: str) -> None:
    results = [write(tmp_path / "a", 0, sha256=sha256), write(tmp_path / "b", 18, sha256=sha256)]
    assert by_key(compare(results))["brixia", "whole"].verdict == ""


def test_results_of_two_networks_give_no_verdict(tmp_path: Path) -> None:
    results = [write(tmp_path / "a", 0), write(tmp_path / "b", 18, sha256="0" * 64)]
    assert by_key(compare(results))["brixia", "whole"].error is None


def test_what_was_not_measured_has_no_change(tmp_path: Path) -> None:
    found = by_key(compare([write(tmp_path / "a", {"not_measured": "no lung"}), write(tmp_path / "b", 18)]))
    whole = found["brixia", "whole"]
    assert (whole.values, whole.change, whole.verdict) == ((None, 18.0), None, "")


def test_measures_of_ct_are_judged_by_the_sum_of_their_own_uncertainties(tmp_path: Path) -> None:
    volumes = {"a": (4000, 60.0), "b": (4101, 40.0), "c": (4099, 40.0), "d": (9000, None)}
    for name, (volume, uncertainty) in volumes.items():
        path = write(tmp_path / name, 1, modality="ct") / "result.json"
        result = json.loads(path.read_text())
        result["measures"][0]["value"] = volume
        if uncertainty is not None:
            result["measures"][0]["uncertainty"] = uncertainty
        path.write_text(json.dumps(result))
    for last, change, error, verdict in (
        ("b", 101, 100, "more"),
        ("c", 99, 100, "within error"),
        ("d", 5000, None, ""),
    ):
        found = by_key(compare([tmp_path / "a", tmp_path / last]))
        volume = found["volume:lung", "both"]
        assert (volume.change, volume.error, volume.verdict, volume.unit) == (change, error, verdict, "ml")
        assert volume.spreads == (60, volumes[last][1])
        assert not any(what.startswith("share:") for what, _ in found)


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    film, ct = write(tmp_path / "film", 1), write(tmp_path / "ct", 1, modality="ct")
    (tmp_path / "other.json").write_text("[]")
    (tmp_path / "torn.json").write_text("{")
    for folders, message in (
        ([film], "Two or more"),
        ([film, ct], "do not compare"),
        ([film, tmp_path], "Cannot read"),
        ([film, tmp_path / "other.json"], "no result of Hilum"),
        ([film, tmp_path / "torn.json"], "Cannot read"),
    ):
        with pytest.raises(ReadError, match=message):
            compare(folders)


def test_the_table_as_csv(tmp_path: Path) -> None:
    write_changes([Change("brixia", "whole", "points", (1.0, None), 2.0)], tmp_path / "t.csv", ["a", "=b"])
    (row,) = csv.DictReader((tmp_path / "t.csv").read_text().splitlines())
    assert row == {
        "what": "brixia",
        "region": "whole",
        "unit": "points",
        "a": "1",
        "'=b": "",
        "change": "",
        "error": "2",
        "of_error": "",
        "verdict": "",
    }


def test_the_command_prints_the_table_and_writes_it(tmp_path: Path) -> None:
    first, last = write(tmp_path / "january", 0), write(tmp_path / "march", 18)
    result = CliRunner().invoke(app, ["compare", str(first), str(last), "-o", str(tmp_path / "changes.csv")])
    assert result.exit_code == 0, result.stderr
    heads, brixia, zone, share, lesions = (" ".join(line.split()) for line in result.stdout.splitlines())
    assert heads == "what region january march change error of error unit verdict"
    assert brixia == f"brixia whole 0 18 +18 ± {ERROR:.3g} {18 / ERROR:+.2f} points more"
    assert zone == "brixia right-upper 0 3 +3 not known points"
    assert share.startswith("share:ground-glass whole 5 5 +0 not known")
    assert lesions.startswith("Single lesions were not compared.")
    assert len((tmp_path / "changes.csv").read_text().splitlines()) == 4
