"""``hilum datasets``: list, fetch and split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.datasets import fetch
from hilum.datasets.catalogue import catalogue
from hilum.datasets.schema import CaseTable, DatasetCase
from hilum.errors import FetchError


def run(*arguments: str | Path):
    return CliRunner().invoke(app, ["datasets", *map(str, arguments)])


def test_list_names_the_sets_that_are_asked_for() -> None:
    told = run("list", "--modality", "ct", "--labels", "lesion").stdout
    assert "zenodo-3757476  rf  CT      20 volumes; lesion, lung\n" in told
    assert "brixia" not in told


def test_list_as_json_tells_everything() -> None:
    rows = json.loads(run("list", "--modality", "CT", "--labels", "lesion", "--json").stdout)
    zenodo = next(row for row in rows if row["id"] == "zenodo-3757476")
    assert zenodo["licence"].startswith("CC BY 4.0")
    assert zenodo["files"][0]["checksum"].startswith("sha256:")
    assert zenodo["can_be_fetched"]
    assert len(json.loads(run("list", "--json").stdout)) == len(catalogue())


def test_list_tells_about_one_set_and_what_was_not_checked() -> None:
    told = run("list", "ralo", "shenzhen").stdout
    for fact in (
        "Licence    unknown",
        "(not checked)",
        "hilum datasets fetch ralo -o FOLDER",
        "doi:10.7759/cureus.9448",
    ):
        assert fact in told


def test_list_of_nothing() -> None:
    assert "No data set" in run("list", "--modality", "CXR", "--labels", "slice-finding").stdout
    assert run("list", "--labels", "lesoin").exit_code == 1
    assert "Did you mean 'mosmed'" in run("list", "mosmd").stderr


def test_fetch_tells_the_terms_and_gives_the_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "fetch", lambda _entry, folder, **_: (folder / "a.nii.gz",))
    got = run("fetch", "medseg-1", "-o", tmp_path)
    assert got.stdout == f"{tmp_path / 'a.nii.gz'}\n"
    assert "Licence: CC0" in got.stderr
    assert run("fetch", "medseg-1", "-q", "-o", tmp_path).stderr == ""


def test_fetch_of_a_set_behind_an_account_tells_where_it_is(tmp_path: Path) -> None:
    got = run("fetch", "mosmed", "-o", tmp_path)
    assert got.exit_code == 1
    assert "Ask on its home page" in got.stderr
    assert "https://mosmed.ai" in got.stderr


def test_fetch_off_line_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise FetchError("Cannot fetch it: there is no connection.")

    monkeypatch.setattr(fetch, "fetch", fail)
    got = run("fetch", "medseg-1", "-o", tmp_path)
    assert (got.exit_code, got.stderr.splitlines()[-1]) == (1, "Error: Cannot fetch it: there is no connection.")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    cases = [
        DatasetCase("films", f"{patient}-{number}", str(patient), "CXR", tmp_path / "img" / f"{patient}-{number}.png")
        for patient in range(10)
        for number in range(2)
    ]
    CaseTable.of(cases).write_csv(tmp_path / "cases.csv")
    return tmp_path


def test_split_into_parts_written_and_told(table: Path) -> None:
    got = run("split", table / "cases.csv", "-o", table / "split.json", "--fractions", "0.6,0.2,0.2", "--seed", "5")
    assert got.exit_code == 0
    assert got.stdout.splitlines() == [
        "train         6 patients      12 cases",
        "val           2 patients       4 cases",
        "test          2 patients       4 cases",
    ]
    made = json.loads((table / "split.json").read_text(encoding="utf-8"))
    assert made["made"] == {
        "seed": 5,
        "stratified_by": ["source", "severity"],
        "shares": {"train": "3/5", "val": "1/5", "test": "1/5"},
    }


def test_one_patient_is_not_told_in_the_plural(table: Path) -> None:
    text = json.dumps({"TRAINING": ["3-0"], "VALIDATION": ["4-0", "4-1"]})
    (table / "theirs.json").write_text(text, encoding="utf-8")
    got = run("split", table, "--from", table / "theirs.json")
    assert got.stdout.splitlines() == [
        "train         1 patient        1 case",
        "val           1 patient        2 cases",
        "17 cases are in no part.",
    ]


def test_split_takes_a_folder_and_writes_the_format_of_others(table: Path) -> None:
    got = run("split", table, "--folds", "5", "--as", "miscnn", "-o", table / "folds", "--json")
    assert json.loads(got.stdout)["parts"]["fold-4"] == {"patients": 2, "cases": 4}
    again = run("split", table, "--from", table / "folds", "--json")
    assert json.loads(again.stdout)["parts"] == json.loads(got.stdout)["parts"]
    assert json.loads(again.stdout)["divided"] == []


def test_a_split_by_image_does_not_hold(table: Path) -> None:
    names = [case.case for case in CaseTable.read_csv(table / "cases.csv")]
    text = json.dumps({"TRAINING": names[:3], "VALIDATION": names[3:5]})
    (table / "theirs.json").write_text(text, encoding="utf-8")
    got = run("split", table, "--from", table / "theirs.json")
    assert got.exit_code == 1
    assert "Patient films/1 is in train and val." in got.stdout
    assert "1 patient is in more than one part: this split does not hold." in got.stdout
    assert "15 cases are in no part." in got.stdout


def test_the_split_that_the_sources_state_is_checked(table: Path) -> None:
    assert "states a split" in run("split", table, "--stated").stderr
    cases = CaseTable.read_csv(table / "cases.csv")
    stated = [replace(case, split="test" if number < 3 else "train") for number, case in enumerate(cases)]
    CaseTable.of(stated).write_csv(table / "cases.csv")
    got = run("split", table, "--stated", "--json")
    assert got.exit_code == 1
    assert json.loads(got.stdout)["divided"] == [{"patient": "films/1", "parts": ["test", "train"]}]
    assert json.loads(got.stdout)["made"] == {"stated_by": ["films"]}
    assert run("split", table, "--stated", "--from", table / "cases.csv").exit_code == 2


@pytest.mark.parametrize("wrong", ["0.8,0.2", "a,b,c", "1/0,0,1"])
def test_shares_that_are_none(table: Path, wrong: str) -> None:
    got = run("split", table, "--fractions", wrong)
    assert got.exit_code == 2
    assert "three numbers" in got.stderr


def test_strata_of_the_help_are_those_there_are(table: Path) -> None:
    from hilum.cli.datasets_split import _FORMS, _STRATA
    from hilum.datasets.split import FORMATS, STRATA

    assert set(_STRATA) == set(STRATA)
    assert set(_FORMS) == set(FORMATS)
    assert "Did you mean 'severity'" in run("split", table, "--stratify", "severty").stderr


def test_tables_that_cannot_be_put_together(table: Path, tmp_path: Path) -> None:
    assert "films/0-0" in run("split", table, table / "cases.csv").stderr
    (tmp_path / "empty").mkdir()
    assert "no layout that Hilum reads" in run("split", tmp_path / "empty").stderr
    assert "absent" in run("split", tmp_path / "absent.csv").stderr


def test_help_names_what_there_is() -> None:
    assert {"list", "fetch", "split"} <= set(run("--help").stdout.split())
    assert run("no-such-command").exit_code == 2


def test_every_entry_has_a_page() -> None:
    for name in catalogue():
        entry = replace(catalogue()[name])
        assert run("list", name).stdout.startswith(f"{name}: {entry.name}")


def test_read_makes_one_table_of_folders(table: Path) -> None:
    got = run("read", table, "-o", table / "all.csv")
    assert got.exit_code == 0
    assert got.stdout.splitlines() == [
        "cases     films 20",
        "patients  all 10",
        "modality  CXR 20",
        "masks     none",
        "scored    all 0",
        "split     none 20",
    ]
    assert CaseTable.read_csv(table / "all.csv") == CaseTable.read_csv(table / "cases.csv")


def test_read_fills_the_split(table: Path) -> None:
    run("split", table, "--folds", "5", "-o", table / "folds.json")
    got = run("read", table, "--split", table / "folds.json", "--fold", "2", "--json", "-o", table / "all.csv")
    assert json.loads(got.stdout)["split"] == {"train": 16, "val": 4}
    held_out = {case.patient for case in CaseTable.read_csv(table / "all.csv") if case.split == "val"}
    assert len(held_out) == 2
    assert "name one of 0 to 4" in run("read", table, "--split", table / "folds.json").stderr


def test_read_of_a_layout_that_does_not_exist(table: Path) -> None:
    assert "Did you mean 'mosmed'" in run("read", table, "--source", "mosmd").stderr
