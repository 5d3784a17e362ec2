"""Masks by networks: only where there are none, marked, reviewed, rejected."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.datasets.annotate import MARK, Annotated, annotate, write_review
from hilum.datasets.annotate.page import reviewed
from hilum.datasets.annotate.run import KINDS, Annotator, read_verdicts, rejected_by
from hilum.datasets.open import open_image, open_mask
from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.datasets.tables import open_tables
from hilum.errors import ReadError
from hilum.image import LUNGS, LabelMap
from hilum.phantom import sample_film
from hilum.settings import ModelSettings, RuntimeSettings
from hilum.writers import write

NAMES = {1: "right-lung", 2: "left-lung"}


@pytest.fixture
def table(tmp_path: Path) -> CaseTable:
    """A film without masks, one with lungs, and a CT."""
    rows: list[DatasetCase] = []
    for number in (0, 1):
        made = sample_film(number, severity=0.3, shape=(150, 140))
        write(made.image, tmp_path / f"film{number}.png")
        write(made.lungs, tmp_path / f"lungs{number}.png")
        masks = {"lungs": Mask(tmp_path / "lungs1.png", NAMES)} if number else {}
        rows.append(DatasetCase("films", f"f{number}", f"p{number}", "CXR", tmp_path / f"film{number}.png", masks))
    rows.append(DatasetCase("scans", "c", "q", "CT", tmp_path / "no-such.nii.gz"))
    return CaseTable.of(rows)


def pretend(case: DatasetCase) -> Annotated | None:
    """A network that sees a box for the right lung in films that have no lungs."""
    if case.modality == "CT" or "lungs" in case.masks:
        return None
    image = open_image(case)
    array = np.zeros(image.array.shape, np.uint8)
    array[30:90, 20:60] = 1
    lungs = LabelMap(array, image.grid, LUNGS, image.origin)
    marked = replace(case, facts={f"{MARK}lungs": "pretender 1.0 abc"})
    return Annotated(marked, image, {"lungs": lungs}, 0.2, "no left-lung found")


def test_only_what_is_lacking_is_made_and_it_is_marked(table: CaseTable, tmp_path: Path) -> None:
    done = annotate(table, tmp_path / "out", pretend)
    first, second, third = open_tables([tmp_path / "out"])
    assert [case.key for case in done] == [case.key for case in table]
    assert first.facts == {f"{MARK}lungs": "pretender 1.0 abc"}
    assert open_mask(first, "lungs").pixels("right-lung") == 60 * 40
    assert second.facts == {}
    assert second.masks["lungs"].path.resolve() == (tmp_path / "lungs1.png").resolve()
    assert third.masks == {}


def test_the_page_shows_what_was_made_and_the_table_takes_verdicts(table: CaseTable, tmp_path: Path) -> None:
    films = [reviewed(made) for case in table if (made := pretend(case)) is not None]
    calm = replace(films[0], key="films/calm", note="", doubt=0.9)
    write_review([calm, *films], tmp_path)
    page = (tmp_path / "review.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 2
    assert page.index("films/f0") < page.index("films/calm")  # what has a note comes first
    assert "no left-lung found" in page
    assert "<script" not in page
    with (tmp_path / "review.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["mask"], row["verdict"]) for row in rows] == [
        ("films/f0", "lungs", ""), ("films/calm", "lungs", "")
    ]  # fmt: skip


def test_a_rejected_mask_is_left_out(table: CaseTable, tmp_path: Path) -> None:
    review = tmp_path / "review.csv"
    review.write_text(
        "case,mask,doubt,note,verdict\nfilms/f0,lungs,0.2,, Reject\nfilms/f1,lungs,0,,ok\n", encoding="utf-8"
    )
    verdicts = read_verdicts(review)
    assert verdicts == {("films/f0", "lungs"): "Reject", ("films/f1", "lungs"): "ok"}
    rejected = rejected_by(verdicts)
    assert rejected == {("films/f0", "lungs")}
    annotate(table, tmp_path / "out", pretend)
    assert list((tmp_path / "out" / "lungs").iterdir())
    first = next(iter(annotate(table, tmp_path / "out", pretend, rejected=rejected)))
    assert first.masks == {}
    assert first.facts == {}
    assert not list((tmp_path / "out" / "lungs").iterdir())  # what an earlier run made went, too


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_what_is_no_review_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.csv"
    path.write_text(text + "x" * bool(text), encoding="utf-8")
    if not text:
        assert read_verdicts(path) == {}
        return
    with pytest.raises(ReadError, match="columns are case, mask, doubt, verdict"):
        read_verdicts(path)


def test_a_film_that_cannot_be_read_passes_and_is_told(table: CaseTable, tmp_path: Path) -> None:
    first, *rest = table
    first.image.write_bytes(b"no film")
    told: list[tuple[str, str]] = []
    done = annotate(
        table, tmp_path / "out", pretend, on_trouble=lambda case, error: told.append((case.key, str(error)))
    )
    assert [case.masks for case in done] == [{}, *(case.masks for case in rest)]
    ((key, text),) = told
    assert key == "films/f0"
    assert "film0.png" in text
    with pytest.raises(ReadError, match=r"film0\.png"):
        annotate(table, tmp_path / "other", pretend)


def test_the_command_keeps_verdicts_and_goes_on_after_trouble(table: CaseTable, tmp_path: Path) -> None:
    broken = replace(next(iter(table)), case="broken", image=tmp_path / "broken.png")
    broken.image.write_bytes(b"no film")
    CaseTable.of([next(iter(table)), broken]).write_csv(tmp_path / "cases.csv")
    told = ["datasets", "annotate", str(tmp_path / "cases.csv"), "-o", str(tmp_path / "out"), "--mask", "lungs"]
    for _ in range(2):
        done = CliRunner().invoke(app, told)
        assert done.exit_code == 3, done.stderr
        assert "films/broken: Cannot read" in done.stderr
        review = tmp_path / "out" / "review.csv"
        text = review.read_text(encoding="utf-8")
        if not text.rstrip().endswith("reject"):
            review.write_text(text.rstrip() + "reject\n", encoding="utf-8")
    assert read_verdicts(review) == {("films/f0", "lungs"): "reject"}
    assert all(not case.masks for case in open_tables([tmp_path / "out"]))


def test_the_shipped_networks_find_lungs_and_lesions(table: CaseTable, tmp_path: Path) -> None:
    annotator = Annotator(KINDS, ModelSettings(), RuntimeSettings(threads=1))
    done = annotate(table, tmp_path / "out", annotator)
    first, second, third = done
    assert set(first.masks) == {"lungs", "lung-fields", "lesions"}
    assert set(second.masks) == {"lungs", "lung-fields", "lesions"}
    assert f"{MARK}lungs" not in second.facts
    assert first.facts[f"{MARK}lungs"].split()[0] != first.facts[f"{MARK}lesions"].split()[0]
    assert third == list(table)[2]
    truth = sample_film(0, severity=0.3, shape=(150, 140)).lungs.mask()
    found = open_mask(first, "lungs").mask()
    assert 2 * (truth & found).sum() / (truth.sum() + found.sum()) > 0.85
