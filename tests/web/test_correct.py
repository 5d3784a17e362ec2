"""A case from masks that a reader drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hilum.case import Case, Disease
from hilum.errors import ReadError
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.provenance import Source, Step
from hilum.scoring import Measures, measure_volumes, score
from hilum.settings import OutputSettings, Settings
from hilum.web.correct import CORRECTED, correct, masks_of
from hilum.worklist.results import read_result, write_version
from hilum.worklist.shown import Shown
from hilum.writers import write
from hilum.writers.result_json import schema

FILM = PlaneGrid((2051, 37), (0.2, 0.2))
CT = VolumeGrid.of_spacing((13, 11, 23), (5.0, 4.0, 3.0))


def made(grid) -> Case:
    """Two lungs, and ground-glass in the right one."""
    lungs = np.zeros(grid.shape, dtype=np.uint8)
    wide = grid.shape[-1]
    lungs[..., 2:-2, 2 : wide // 2 - 1], lungs[..., 2:-2, wide // 2 + 1 : -2] = 1, 2
    lesions = np.where((lungs == 1) & (np.arange(wide) % 3 == 0), 1, 0).astype(np.uint8)
    is_volume = isinstance(grid, VolumeGrid)
    numbers = np.random.default_rng(3).integers(-900, 0, grid.shape, dtype=np.int16)
    quantity = Quantity.HOUNSFIELD if is_volume else Quantity.RADIOGRAPH
    image = Image(numbers if is_volume else (numbers + 900).astype(np.uint16), grid, quantity, Source("a", "0" * 64))
    maps = (LabelMap(lungs, grid, LUNGS, Step("draw")), LabelMap(lesions, grid, LESIONS, Step("draw")))
    return Case(
        name="a",
        image=image,
        lungs=maps[0],
        lesions=maps[1],
        disease=NotMeasured("nobody told") if is_volume else Disease(0.9, 0.5),
        scores=score(*maps, image=image if is_volume else None),
        findings=(Finding("cropped-lungs", Gravity.WARNING, "Cut off."),),
        provenance=Step("analyse", {}, (image.origin,)),
        measures=measure_volumes(image, *maps, None) if is_volume else Measures(),
    )


@pytest.fixture(params=[FILM, CT], ids=["film", "ct"])
def case(request) -> Case:
    return made(request.param)


@pytest.fixture
def base(case, tmp_path) -> Path:
    return write_version(case, tmp_path / "base", Settings())


def drawn(array: np.ndarray, shown: Shown, path: Path) -> Path:
    return write(LabelMap(array, shown.small, LESIONS, Step("draw")), path)


def test_masks_that_nobody_drew_on_give_the_scores_again(case, base, tmp_path):
    shown = Shown.of(case.image.grid)
    path = drawn(shown.nearest(case.lesions.array), shown, tmp_path / "lesions.nii.gz")
    again = correct(case.image, base, "a", lesions=path)
    np.testing.assert_array_equal(again.lesions.array, case.lesions.array)
    np.testing.assert_array_equal(again.lungs.array, case.lungs.array)
    assert {name: each.value for name, each in again.scores.items()} == {
        name: each.value for name, each in case.scores.items()
    }
    assert again.measures == case.measures


def test_scores_are_those_of_the_public_function_on_what_was_drawn(case, base, tmp_path):
    shown = Shown.of(case.image.grid)
    wider = shown.nearest(case.lesions.array).copy()
    wider[..., 4:-4, -9:-5] = 2
    after = correct(case.image, base, "a", lesions=drawn(wider, shown, tmp_path / "lesions.nii.gz"))
    densities = case.image if case.image.quantity is Quantity.HOUNSFIELD else None
    assert after.scores == score(case.lungs, after.lesions, image=densities)
    assert after.scores["opacity-percent"].value > case.scores["opacity-percent"].value
    np.testing.assert_array_equal(shown.nearest(after.lesions.array), wider)
    assert set(np.unique(after.lesions.array)) == {0, 1, 2}


def test_what_was_noticed_and_judged_of_the_image_stays(case, base, tmp_path):
    shown = Shown.of(case.image.grid)
    path = drawn(shown.nearest(case.lesions.array), shown, tmp_path / "lesions.nii.gz")
    first = correct(case.image, base, "a", lesions=path)
    folder = write_version(first, tmp_path / "first", Settings())
    second = correct(case.image, folder, "a", lesions=path)
    assert second.findings == (*case.findings, CORRECTED)
    assert second.disease == case.disease
    stated = read_result(folder)
    assert stated["findings"][-1]["code"] == CORRECTED.code
    assert [node.get("operation") for node in stated["provenance"]["nodes"]][-1] == "correct"


def test_a_correction_follows_the_schema_of_results(case, base, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    shown = Shown.of(case.image.grid)
    path = drawn(shown.nearest(case.lesions.array), shown, tmp_path / "lesions.nii.gz")
    folder = write_version(correct(case.image, base, "a", lesions=path), tmp_path / "first", Settings())
    jsonschema.validate(read_result(folder), schema())


@pytest.mark.parametrize("masks", [("png",), ("nifti",), ("nrrd",)])
def test_masks_come_back_from_whatever_format_they_were_kept_in(case, masks, tmp_path):
    folder = write_version(case, tmp_path, Settings(output=OutputSettings(masks=masks)))
    for read, kept in zip(masks_of(folder, case.image), (case.lungs, case.lesions), strict=True):
        np.testing.assert_array_equal(read.array, kept.array)
        assert read.grid.same_as(case.image.grid)


def test_without_masks_nothing_can_be_drawn_on(case, base):
    for path in base.glob("lungs.*"):
        path.unlink()
    with pytest.raises(ReadError, match="no mask of the lungs"):
        masks_of(base, case.image)
