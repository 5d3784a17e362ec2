"""Single lesions of two times: the same, new, gone, grown, joined and parted; negative twins of each match."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hilum.batch.alignment import Alignment, Quality, Scan
from hilum.batch.alignment.lesions import LesionChange, lesions_of_films, lesions_of_scans, summary
from hilum.batch.followup import film_of, follow_up, write_follow_up
from hilum.cli.app import app
from hilum.geometry import PlaneGrid, PlaneOrientation
from hilum.image import LESIONS, LUNGS, LabelMap
from hilum.provenance import Step
from hilum.scoring.film_lesions import film_lesions
from hilum.scoring.instances import find_instances
from hilum.settings import ReadSettings
from hilum.writers import write

STAYS_PUT = Alignment("rigid", False, lambda points: points, Quality(1, 1, 0, 0, 0, 0, 0))
SHAPE = (110, 130)
Film = tuple[LabelMap, LabelMap]
Box = tuple[int, int, int, int]


def film(*lesions: Box, shift: int = 0, orientation: PlaneOrientation | None = None) -> Film:
    """Two lungs of 80 by 40 pixels and lesions (row, column, rows, columns), as one that was taken ``shift`` off."""
    lungs, opacity = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    lungs[10:90, 13:53], lungs[10:90, 73:113] = 1, 2
    for row, column, rows, columns in lesions:
        opacity[row : row + rows, column : column + columns] = 1
    orientation = orientation or PlaneOrientation()
    made = [orientation.from_upright(np.roll(each, (shift, shift), axis=(0, 1))) for each in (lungs, opacity)]
    grid = PlaneGrid(made[0].shape, orientation=orientation)
    return (
        LabelMap(np.ascontiguousarray(made[0]), grid, LUNGS, Step("draw")),
        LabelMap(np.ascontiguousarray(made[1]), grid, LESIONS, Step("draw")),
    )


def fates(changes: tuple[LesionChange, ...]) -> list[tuple[str, str, tuple[int, ...], tuple[int, ...]]]:
    return [(each.fate, each.region, each.first, each.second) for each in changes]


RIGHT, LEFT, LOW = (20, 20, 20, 20), (20, 80, 10, 20), (70, 80, 10, 10)


def test_films_one_grew_one_went_one_came() -> None:
    first, later = film(RIGHT, LEFT), film((20, 20, 20, 30), LOW, shift=9)
    changes = lesions_of_films(first, later, "may")
    assert fates(changes) == [
        ("persists", "right-upper", (1,), (1,)),
        ("gone", "left-upper", (2,), ()),
        ("new", "left-lower", (), (2,)),
    ]
    assert [each.change for each in changes] == pytest.approx([100 * 200 / 6400, -100 * 200 / 6400, 100 * 100 / 6400])
    assert {(each.error, each.verdict, each.later, each.unit) for each in changes} == {(None, "", "may", "% of lungs")}
    assert [each.overlap for each in changes] == [1, 0, 0]
    assert summary(changes) == "1 new, 1 gone, 1 there at both times"


@pytest.mark.parametrize(("columns", "fate"), [((18, 32), "persists"), ((13, 32), "gone")])
def test_a_tenth_of_the_smaller_one_makes_lesions_the_same(columns: tuple[int, int], fate: str) -> None:
    first, later = (film((30, column, 20, 20)) for column in columns)
    if fate == "gone":
        assert {each.fate for each in lesions_of_films(first, later, "x")} == {"gone", "new"}
    else:
        (only,) = lesions_of_films(first, later, "x")
        assert (only.fate, only.overlap) == ("persists", pytest.approx(0.3))


def test_films_two_become_one_and_one_becomes_two() -> None:
    parted, joined = film((20, 20, 30, 10), (20, 40, 30, 8)), film((20, 20, 30, 28))
    (one,) = lesions_of_films(parted, joined, "x")
    (other,) = lesions_of_films(joined, parted, "x")
    assert (one.first, one.second, one.fate) == ((1, 2), (1,), "persists")
    assert (other.first, other.second) == ((1,), (1, 2))
    assert one.change == pytest.approx(-other.change)


def test_the_same_place_in_the_other_lung_is_another_lesion() -> None:
    changes = lesions_of_films(film(RIGHT), film((20, 80, 20, 20)), "x")
    assert {(each.fate, each.region) for each in changes} == {("gone", "right-upper"), ("new", "left-upper")}


@pytest.mark.parametrize("orientation", [PlaneOrientation("R", "F"), PlaneOrientation("H", "R")])
def test_a_film_that_lies_on_its_side_is_matched_upright(orientation: PlaneOrientation) -> None:
    later = film(RIGHT, LEFT, LOW, orientation=orientation)
    changes = lesions_of_films(film(RIGHT, LEFT), later, "x")
    listed = {each.number: each.zone for each in film_lesions(*later)}
    assert [(each.fate, each.region) for each in changes] == [
        ("persists", "right-upper"), ("persists", "left-upper"), ("new", "left-lower")
    ]  # fmt: skip
    assert all(listed[number] == each.region for each in changes for number in each.second)


def test_films_without_lesions_have_none_to_match() -> None:
    assert lesions_of_films(film(), film(), "x") == ()
    assert summary(()) == "0 new, 0 gone, 0 there at both times"


def test_scans_numbers_and_sizes_are_those_of_the_results(first: Scan, second: Scan) -> None:
    changes = lesions_of_scans(first, second, STAYS_PUT, 0.0, "x")
    for scan, numbers, size in ((first, "first", "first_size"), (second, "second", "later_size")):
        listed = {each.number: each for each in find_instances(scan.lungs, scan.lesions, scan.lobes)}
        seen = [number for each in changes for number in getattr(each, numbers)]
        assert sorted(seen) == sorted(listed)
        for each in changes:
            ml = sum(listed[number].volume_ml for number in getattr(each, numbers))
            assert getattr(each, size) == pytest.approx(ml)
    assert {(each.fate, each.verdict) for each in changes} >= {
        ("persists", "within error"), ("gone", "less"), ("new", "more")
    }  # fmt: skip
    assert all(each.error is not None and each.error > 0 for each in changes)


def test_lesions_of_one_size_keep_the_numbers_of_the_result(first: Scan) -> None:
    array = np.zeros_like(np.asarray(first.lungs.array))
    for place in np.argwhere(np.asarray(first.lungs.array) > 0)[::211]:  # single voxels, 0.3 ml each
        array[tuple(place)] = 1
    scan = Scan(first.lungs, replace(first.lesions, array=array.astype(np.uint8)), None)
    listed = {each.number: each.region for each in find_instances(scan.lungs, scan.lesions)}
    changes = lesions_of_scans(scan, scan, STAYS_PUT, 0.0, "x")
    assert len(listed) > 20
    assert [(each.first, each.second, each.region) for each in changes] == [
        ((number,), (number,), listed[number]) for number in sorted(listed)
    ]


def test_a_lesion_that_grows_beyond_its_outline_is_more(first: Scan) -> None:
    small, large = (boxed(first, side) for side in (4, 9))
    (change,) = lesions_of_scans(small, large, STAYS_PUT, 0.0, "x")
    assert (change.fate, change.verdict) == ("persists", "more")
    (back,) = lesions_of_scans(large, small, STAYS_PUT, 0.0, "x")
    assert back.verdict == "less"
    (same,) = lesions_of_scans(small, small, STAYS_PUT, 0.0, "x")
    assert (same.verdict, same.change, same.overlap) == ("within error", 0, 1)


def test_an_alignment_that_may_be_off_keeps_lesions_together(first: Scan) -> None:
    here, beside = boxed(first, 3), boxed(first, 3, moved=3)
    assert {each.fate for each in lesions_of_scans(here, beside, STAYS_PUT, 0.0, "x")} == {"gone", "new"}
    step_mm = first.lungs.volume.spacing_mm[1]
    (change,) = lesions_of_scans(here, beside, STAYS_PUT, 2 * step_mm, "x")
    assert change.fate == "persists"


def boxed(scan: Scan, side: int, *, moved: int = 0) -> Scan:
    """The scan with a box of consolidation in the middle of the right lung, some rows further back."""
    lungs = np.asarray(scan.lungs.array)
    middle = np.argwhere(lungs == 1).mean(axis=0).astype(int) - [2, 3, 4]
    array = np.zeros_like(lungs)
    slices, row, column = middle.tolist()
    array[slices : slices + 4, row + moved : row + moved + side, column : column + side] = 2
    return Scan(scan.lungs, replace(scan.lesions, array=np.where(lungs == 1, array, 0).astype(np.uint8)), None)


def result(masks: Film, folder: Path, ending: str = "png") -> Path:
    """As much of a film's result as a comparison needs."""
    folder.mkdir()
    files = []
    for name, mask in zip(("lungs", "lesions"), masks, strict=True):
        write(mask, folder / f"{name}.{ending}")
        files.append({"name": f"{name}.{ending}", "content": name, "on_grid": True})
    lies, (rows, columns) = masks[0].plane.orientation, masks[0].plane.shape
    grid = {"column_direction": lies.columns, "row_direction": lies.rows, "rows": rows, "columns": columns}
    made = {"modality": "cxr", "scores": {}, "structures": {}, "files": files, "image": {"grid": grid}}
    (folder / "result.json").write_text(json.dumps({**made, "provenance": {"nodes": []}}))
    return folder


def test_films_by_the_command(tmp_path: Path) -> None:
    folders = [
        result(film(RIGHT, LEFT), tmp_path / "jan"),
        result(film(RIGHT, LOW, orientation=PlaneOrientation("R", "F")), tmp_path / "may"),
    ]
    done = CliRunner().invoke(app, ["compare", *map(str, folders), "--folder", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    assert "may, lesion by lesion: 1 new, 1 gone, 1 there at both times" in done.stdout
    with (tmp_path / "out" / "changes-by-lesion.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["fate"], row["first"], row["second"], row["verdict"]) for row in rows] == [
        ("persists", "1", "1", ""), ("gone", "2", "", ""), ("new", "", "2", "")
    ]  # fmt: skip
    page = (tmp_path / "out" / "course.html").read_text()
    assert "Lesion by lesion: may against jan" in page
    assert "there is no verdict" in page
    assert film_of(folders[1], ReadSettings())[0].plane.orientation == PlaneOrientation("R", "F")


@pytest.mark.parametrize("ending", ["nii.gz", "nrrd"])
@pytest.mark.parametrize("orientation", [PlaneOrientation(), PlaneOrientation("R", "F"), PlaneOrientation("H", "R")])
def test_masks_of_films_as_volumes_say_the_same(tmp_path: Path, ending: str, orientation: PlaneOrientation) -> None:
    later = film(RIGHT, LOW, orientation=orientation)
    for made, mask in zip(film_of(result(later, tmp_path / "b", ending), ReadSettings()), later, strict=True):
        assert np.array_equal(made.array, mask.array)
        assert made.plane.same_as(mask.plane)


def test_masks_of_another_film_are_told(tmp_path: Path) -> None:
    folder = result(film(RIGHT), tmp_path / "b")
    text = (folder / "result.json").read_text().replace('"rows": 110', '"rows": 111')
    (folder / "result.json").write_text(text)
    assert "has (110, 130) pixels, and its film (111, 130)" in follow_up([folder, folder]).no_lesions


def test_films_without_lungs_are_not_matched(tmp_path: Path) -> None:
    lungs, lesions = film(RIGHT)
    bare = (replace(lungs, array=np.zeros(SHAPE, np.uint8)), lesions)
    found = follow_up([result(film(RIGHT), tmp_path / "a"), result(bare, tmp_path / "b")])
    assert (found.lesions, "shows no lungs" in found.no_lesions) == ((), True)


def test_what_has_no_masks_says_so(tmp_path: Path) -> None:
    folders = [result(film(RIGHT), tmp_path / name) for name in ("a", "b")]
    (folders[1] / "lesions.png").unlink()
    found = follow_up(folders)
    assert found.lesions == ()
    assert "has no mask of the lesions" in found.no_lesions
    written = write_follow_up(found, tmp_path / "out")
    assert [path.name for path in written] == ["changes.csv", "course.html"]
    assert "has no mask of the lesions" in written[-1].read_text()
