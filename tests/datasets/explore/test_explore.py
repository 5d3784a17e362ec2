from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as Picture

from hilum.cli.datasets_audit import command as audit_command
from hilum.cli.datasets_explore import command as explore_command
from hilum.datasets.explore import plots
from hilum.datasets.explore.examine import examine, examine_all
from hilum.datasets.explore.intensity import HU_LOW, STEPS, histogram, pooled, range_of, scale_of
from hilum.datasets.explore.summary import Spread, summarise
from hilum.datasets.explore.tables import as_text, case_table, number, structure_table
from hilum.datasets.explore.thumbnail import chosen, thumbnail
from hilum.datasets.schema import CaseTable, DatasetCase, Mask

SHAPE = (7, 11, 13)
SPACING = (2.5, 0.8, 0.7)


def _volume(folder: Path) -> DatasetCase:
    """Lungs of 2 x 24 voxels, of which 6 are consolidation; 3 voxels of that lie outside."""
    array = np.full(SHAPE, -1000, np.int16)
    lungs, lesions = np.zeros((2, *SHAPE), np.uint8)
    lungs[2:5, 3:7, 2:4], lungs[2:5, 3:7, 8:10] = 1, 2
    array[lungs > 0] = -850
    lesions[2:5, 3, 2:4], lesions[2:5, 3, 4] = 2, 2
    array[lesions > 0] = -50
    affine = np.diag([-SPACING[2], -SPACING[1], SPACING[0], 1.0])
    for name, stored in (("ct", array), ("lungs", lungs), ("lesions", lesions)):
        nibabel.save(nibabel.Nifti1Image(stored.transpose(2, 1, 0), affine), folder / f"{name}.nii.gz")
    masks = {
        "lungs": Mask(folder / "lungs.nii.gz", {1: "right-lung", 2: "left-lung"}),
        "lesions": Mask(folder / "lesions.nii.gz", {1: "ground-glass", 2: "consolidation"}),
    }
    return DatasetCase("small", "ct", "p", "CT", folder / "ct.nii.gz", masks)


def _film(folder: Path, name: str, shape: tuple[int, int] = (20, 30)) -> DatasetCase:
    rows, columns = np.indices(shape)
    Picture.fromarray((rows * 7 + columns * 3).astype(np.uint8)).save(folder / f"{name}.png")
    return DatasetCase("films", name, name, "CXR", folder / f"{name}.png", split="train", finding="COVID-19")


@pytest.fixture
def table(tmp_path: Path) -> CaseTable:
    return CaseTable(
        (_volume(tmp_path), *(_film(tmp_path, f"f{n:02d}") for n in range(13)), _film(tmp_path, "wide", (13, 46)))
    )


def test_a_volume_is_measured(tmp_path: Path) -> None:
    seen = examine(_volume(tmp_path))
    assert seen.shape == SHAPE
    assert seen.spacing_mm == pytest.approx(SPACING, abs=1e-6)
    assert seen.voxel_ml == pytest.approx(0.0014)
    assert (seen.lung_pixels, seen.opacity_pixels) == (48, 9)
    assert seen.outside == pytest.approx(3 / 9)
    assert seen.burden == pytest.approx(6 / 48)
    assert seen.memory_bytes == 7 * 11 * 13 * 6
    facts = seen.masks["lesions"].structures
    assert facts["ground-glass"].pixels == 0
    assert facts["consolidation"].volume_ml == pytest.approx(9 * 0.0014)
    assert facts["consolidation"].range.median == -50
    assert seen.masks["lungs"].structures["right-lung"].across == pytest.approx(3 / 13)
    assert not seen.masks["lungs"].is_empty


def test_a_case_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    case = replace(_volume(tmp_path), image=tmp_path / "none.nii.gz")
    seen = examine(case)
    assert "none.nii.gz" in seen.error
    assert (seen.shape, seen.burden, seen.memory_bytes, thumbnail(case)) == ((), None, 0, "")


def test_the_order_of_cases_is_kept(table: CaseTable) -> None:
    done = []
    assert [each.case for each in examine_all(table, lambda: done.append(1), workers=2)] == list(table.cases)
    assert len(done) == len(table)


def test_ranges_and_histograms() -> None:
    assert np.isnan(range_of(np.zeros(0)).median)
    assert range_of(np.arange(101)).p95 == 95
    hounsfield = histogram(np.array([-5000, -1100, 0, 9000]), scale_of(np.zeros(1), is_hounsfield=True))
    assert (hounsfield[0], hounsfield[-1], hounsfield.sum()) == (2, 1, 4)
    assert hounsfield[int((0 - HU_LOW) / 25)] == 1
    assert scale_of(np.array([300]), is_hounsfield=False) == (0, 1024)
    assert scale_of(np.array([70000.0]), is_hounsfield=False) == (0, 70000)
    one, other = np.eye(STEPS, dtype=np.int64)[[3, 5]]
    assert pooled([one * 10, other, one * 0])[[3, 5]].tolist() == [0.5, 0.5]
    assert not pooled([]).any()


def test_summary(table: CaseTable) -> None:
    found = summarise([examine(case) for case in table])
    assert (found.cases, found.patients, found.broken) == (15, 15, 0)
    assert found.counts["modality"] == {"CXR": 14, "CT": 1}
    assert found.masks == {"lungs": 1, "lesions": 1}
    assert found.shapes["20x30"] == 13
    assert found.burden.median == pytest.approx(0.125)
    assert [(each.structure, each.present, each.cases) for each in found.structures] == [
        ("right-lung", 1, 1),
        ("left-lung", 1, 1),
        ("ground-glass", 0, 1),
        ("consolidation", 1, 1),
    ]
    assert [(each.case, each.measure) for each in found.outliers] == [("films/wide", "width over height")]


def test_few_cases_have_no_outliers(table: CaseTable) -> None:
    assert summarise([examine(case) for case in table.cases[-5:]]).outliers == ()


def test_tables_and_text(table: CaseTable) -> None:
    seen = [examine(case) for case in table]
    rows = list(csv.DictReader(io.StringIO(case_table(seen))))
    assert (rows[0]["slices"], rows[0]["rows"], rows[0]["columns"]) == ("7", "11", "13")
    assert (rows[0]["lesions.consolidation"], rows[0]["burden"], rows[1]["burden"]) == ("9", "0.125", "")
    text = as_text(summarise(seen))
    assert "15 cases of 15 patients" in text
    assert "films/wide: width over height 3.54, median 1.5" in text
    structures = list(csv.DictReader(io.StringIO(structure_table(summarise(seen)))))
    assert (structures[3]["structure"], structures[3]["hu_median"], structures[3]["grey_median"]) == (
        "consolidation",
        "-50",
        "",
    )
    inside = [float(structures[0][f"hu_inside_{part}"]) for part in ("lowest", "p5", "median", "p95", "highest")]
    assert inside == sorted(inside)
    assert structures[0]["hu_inside_median"] == structures[0]["hu_median"]  # a single case
    assert structures[2]["hu_inside_lowest"] == ""  # in none


def test_numbers_as_people_write_them() -> None:
    assert [number(value) for value in (0.0, 0.01234, 1.5, -850.2, 12345.6, float("nan"))] == [
        "0",
        "0.0123",
        "1.5",
        "-850",
        "12,346",
        "–",
    ]


def test_spread_leaves_out_what_is_no_number() -> None:
    assert Spread.of([1, float("nan"), 3]).median == 2
    assert np.isnan(Spread.of([]).highest)


def test_plots() -> None:
    assert plots.bars("t", "x", [1.0]) is None
    drawn = plots.bars("t", "x", [0.0] * 3 + [10.0])
    assert drawn is not None
    assert [bar[3] for bar in drawn.bars] == [190.0, pytest.approx(63.3)]
    assert drawn.levels[0][0] == "3 cases"
    assert plots.bars("t", "x", [1.0, 2.0]).levels[0][0] == "1 case"
    assert plots.bars("t", "x", [4.0, 4.0]) is not None
    assert plots.scatter("t", "x", "y", []) is None
    points = plots.scatter("t", "x", "y", [(10, 20), (10, 20), (5, 5)])
    assert points is not None
    assert len(points.points) == 2
    assert plots.densities("t", {"a": np.zeros(STEPS)}, is_hounsfield=True) is None


def test_cases_to_show_are_the_odd_ones_and_a_range(table: CaseTable) -> None:
    seen = [examine(case) for case in table]
    assert chosen(seen, ["films/wide"], 3)[0].case.case == "wide"
    assert chosen(seen, ["films/wide"], 3)[-1].case.case == "ct"
    assert len(chosen(seen, [], 100)) == len(seen)
    assert chosen(seen, [], 0) == ()


def test_explore_writes_a_page_that_fetches_nothing(table: CaseTable, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "cases.csv")
    run = CliRunner().invoke(explore_command, [str(tmp_path / "cases.csv"), "-o", str(tmp_path / "out"), "--json"])
    assert run.exit_code == 0, run.output
    assert json.loads(run.stdout)["burden"]["median"] == pytest.approx(0.125)
    page = (tmp_path / "out" / "explore.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,") == 15
    assert "http" not in page
    assert "Intensity by structure, Hounsfield units" in page
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"explore.html", "explore-cases.csv", "explore-structures.csv", "explore.json"}


def test_audit_tells_by_its_status(table: CaseTable, tmp_path: Path) -> None:
    CaseTable(table.cases[1:2]).write_csv(tmp_path / "clean.csv")
    clean = CliRunner().invoke(audit_command, [str(tmp_path / "clean.csv")])
    assert (clean.exit_code, clean.stdout) == (0, "1 case of 1 patient\nNothing was found.\n")
    CaseTable(table.cases[1:3]).write_csv(tmp_path / "twice.csv")
    arguments = [str(tmp_path / "twice.csv"), "-o", str(tmp_path / "out"), "--json"]
    twice = CliRunner().invoke(audit_command, arguments)
    assert twice.exit_code == 3
    assert json.loads(twice.stdout)["counts"] == {"exact-duplicate-across": 1}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"audit.html", "audit.csv", "audit.json"}
    assert CliRunner().invoke(audit_command, [*arguments, "--fail-on", "never"]).exit_code == 0


def test_a_course_has_its_values_and_their_intervals_in_place():
    plot = plots.course(
        "t", "days", "%", {"a": [(0.0, 10.0, 5.0), (10.0, 30.0, None)], "b": [(5.0, 20.0, 90.0)]}, most=100
    )
    assert plot is not None
    (left, low, _), (right, high, _), (middle, between, _) = plot.points
    assert left < middle < right
    assert high < between < low
    assert middle == pytest.approx((left + right) / 2, abs=0.1)
    first, other = plot.spans
    assert (first[0], first[3], other[3]) == (left, 0, 1)
    assert first[1] < low < first[2]
    assert (other[1], other[2]) == (0, plots.HEIGHT)  # cut at what there can be
    assert plots.course("t", "days", "%", {"a": []}) is None
    flat = plots.course("t", "days", "%", {"a": [(3.0, 0.0, None)]}, [("now", 3.0)])
    assert flat is not None
    assert flat.ticks == (("now", plots.WIDTH / 2),)
