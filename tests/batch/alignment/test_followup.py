"""One patient over time, from results to tables, maps and the page."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from hilum.batch import followup
from hilum.batch.alignment import Alignment, Quality, Scan
from hilum.batch.followup import follow_up, scan_of, write_follow_up
from hilum.cli.app import app
from hilum.errors import ReadError, WriteError
from hilum.image import LUNGS
from hilum.readers.masks import read_labels
from hilum.scoring import measure_volumes
from hilum.settings import ReadSettings
from hilum.writers import write

KEPT = Alignment("rigid", False, lambda points: points, Quality(0.7, 0.85, 1.0, 3.0, 2.0, 0.0, 3.0))


def result_of(scan: Scan, folder: Path) -> Path:
    """As much of a result as a comparison needs."""
    measures = [
        {
            **{name: getattr(row, name) for name in ("id", "region", "structure", "unit", "method")},
            "value": row.value if isinstance(row.value, float) else {"not_measured": "x"},
            **({} if row.uncertainty is None else {"uncertainty": row.uncertainty}),
        }
        for row in measure_volumes(None, scan.lungs, scan.lesions, scan.lobes).table
    ]
    folder.mkdir()
    names = {"lungs": scan.lungs, "lesions": scan.lesions, "lobes": scan.lobes}
    for name, labels in names.items():
        write(labels, folder / f"{name}.nii.gz")
    result = {
        "modality": "ct",
        "scores": {"opacity-percent": {"value": 5.0, "unit": "%", "parts": {"right": 4.0, "left": 6.0}}},
        "structures": {},
        "measures": measures,
        "files": [{"name": f"{name}.nii.gz", "content": name, "on_grid": True} for name in names],
        "provenance": {"nodes": [{"kind": "source"}]},
    }
    (folder / "result.json").write_text(json.dumps(result))
    return folder


@pytest.fixture
def results(first, second, tmp_path) -> list[Path]:
    return [result_of(first, tmp_path / "march"), result_of(second, tmp_path / "a <b>")]


def test_scans_come_from_the_folder_of_a_result(results, first):
    scan = scan_of(results[0], None, ReadSettings())
    assert np.array_equal(scan.lungs.array, first.lungs.array)
    assert np.array_equal(scan.lobes.array, first.lobes.array)
    assert scan.image is None
    (results[0] / "lesions.nii.gz").unlink()
    with pytest.raises(ReadError, match="no mask of the lesions"):
        scan_of(results[0], None, ReadSettings())


def test_the_whole_of_it_by_the_command(results, tmp_path, first):
    out = tmp_path / "out"
    told = ["--dates", "2020-03-01,2020-04-01", "--align", "rigid", "--folder", str(out)]
    done = CliRunner().invoke(app, ["compare", *map(str, results), *told])
    assert done.exit_code == 0, done.stderr
    assert "rigid alignment: Dice of the lungs" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == [
        "alignment.json",
        "change-2-a-b-.nii.gz",
        "changes-by-lesion.csv",
        "changes-by-place.csv",
        "changes.csv",
        "course.html",
    ]
    (quality,) = json.loads((out / "alignment.json").read_text()).values()
    assert quality["dice_of_lungs"] > 0.95
    changes = read_labels(out / "change-2-a-b-.nii.gz", dict.fromkeys((1, 2, 3), LUNGS[1]))
    assert changes.volume.same_as(first.lungs.volume)
    ml = changes.volume.voxel_ml * np.bincount(np.asarray(changes.array).ravel(), minlength=4)
    rows = list(csv.DictReader((out / "changes-by-place.csv").read_text().splitlines()))
    assert [float(rows[0][name]) for name in ("new_ml", "resolved_ml", "persisting_ml")] == pytest.approx(
        ml[1:], rel=1e-4
    )
    page = (out / "course.html").read_text()
    assert "a <b>" not in page
    assert "2020-04-01" in page
    assert not re.search(r"(src|href)=.?https?:", page)
    assert page.count("<svg") >= 4
    assert "data:image/png;base64" in page


def test_volumes_at_one_place_carry_the_errors_of_outlines_and_alignment(results, monkeypatch):
    monkeypatch.setattr(followup, "align", lambda first, later, method: KEPT)
    found = follow_up(results, method="rigid")
    by_key = {(each.what, each.region): each for each in found.changes}
    placed, plain = by_key["aligned-volume:opacity", "both"], by_key["volume:opacity", "both"]
    assert placed.values == pytest.approx(plain.values, rel=1e-6)
    assert placed.error > plain.error
    assert placed.spreads[0] == plain.spreads[0]
    assert placed.spreads[1] > plain.spreads[1]


def test_a_poor_alignment_is_told_on_the_page(results, monkeypatch, tmp_path):
    monkeypatch.setattr(followup, "align", lambda first, later, method: KEPT)
    written = write_follow_up(follow_up(results, method="rigid"), tmp_path / "out")
    assert "overlap by a Dice of only 0.85" in written[-1].read_text()


def test_without_alignment_there_is_a_page_and_no_map(results, tmp_path):
    found = follow_up(results)
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match=r"file.*a folder was expected"):
        write_follow_up(found, tmp_path / "file")
    assert (found.dates, found.aligned) == ((), ())
    assert [path.name for path in write_follow_up(found, tmp_path / "out")] == ["changes.csv", "course.html"]
    assert "1: march; 2: a &lt;b&gt;." in (tmp_path / "out" / "course.html").read_text()


def test_what_cannot_be_aligned(results, tmp_path):
    with pytest.raises(ReadError, match="2 results and 1 image:"):
        follow_up(results, method="rigid", images=[tmp_path / "ct.nii.gz"])
    made = CliRunner().invoke(app, ["compare", *map(str, results), "--image", str(results[0])])
    assert made.exit_code == 2
    assert "--align" in made.stderr
    for folder in results:
        result = json.loads((folder / "result.json").read_text())
        (folder / "result.json").write_text(json.dumps({**result, "modality": "cxr"}))
    with pytest.raises(ReadError, match="Films are not aligned"):
        follow_up(results, method="rigid")
