"""What is drawn on the page is what is kept: on the served grid, voxel by voxel."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from playwright.sync_api import Page, expect

from hilum.geometry import PlaneOrientation
from hilum.phantom import sample_film, write_dicom

from .browsing import Opened, shown

HEAD_UP_ON_ITS_SIDE = PlaneOrientation("H", "R")
"""Columns towards the head, rows towards the right: no axis runs as the screen's do."""


@pytest.fixture(scope="module")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    film = sample_film(5, severity=0.6, shape=(167, 149))
    return write_dicom(film, tmp_path_factory.mktemp("turned") / "turned.dcm", orientation=HEAD_UP_ON_ITS_SIDE)


def study_of(page: Page, path: Path) -> str:
    """Load a film and wait for it; gives the path of its study in the API."""
    page.goto("/")
    page.get_by_label("Choose files").set_input_files(path)
    page.wait_for_url(re.compile("/studies/[0-9a-f]{32}$"))
    shown(page)
    return "/api/v1/studies/" + page.url.rsplit("/", 1)[1]


def mask(page: Page, study: str, version: int, name: str) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Numbers and affine of a layer as the server gives it."""
    layers = page.request.get(f"{study}/versions/{version}/layers").json()
    url = next(layer["url"] for layer in layers if layer["name"] == name)
    image = nib.Nifti1Image.from_bytes(gzip.decompress(page.request.get(url).body()))
    return np.asarray(image.dataobj), image.affine


def begin(page: Page, label: str) -> None:
    page.get_by_role("button", name="Correct the outlines").click()
    page.get_by_role("radio", name=label).check()
    expect(page.locator(".sheet.armed")).to_be_visible()


def save(page: Page, version: int) -> None:
    page.get_by_role("button", name="Save as new version").click()
    expect(page.get_by_role("heading", name=f"Scores of version {version}")).to_be_visible()


def test_a_drawing_changes_the_voxels_under_it_and_no_other(opened: Opened, reader: str, turned: Path) -> None:
    page = opened(reader)
    study = study_of(page, turned)
    begin(page, "Effusion")
    page.get_by_label("Only within the lungs").uncheck()
    page.get_by_role("button", name="Polygon").click()
    box = page.locator(".sheet").bounding_box()
    assert box
    left, top = box["x"] + 0.65 * box["width"], box["y"] + 0.2 * box["height"]
    for right, down in ((0, 0), (60, 0), (60, 90), (0, 90)):
        page.mouse.click(left + right, top + down)
    page.get_by_role("application").press("Enter")
    save(page, 1)

    before, grid = mask(page, study, 0, "lesions")
    after, same = mask(page, study, 1, "lesions")
    np.testing.assert_array_equal(grid, same)
    changed = before != after
    assert changed.sum() > 50
    assert set(after[changed]) == {3}
    places = grid @ np.vstack([np.argwhere(changed).T, np.ones(changed.sum())])
    middle = grid @ [*(np.array(before.shape) - 1) / 2, 1]
    assert np.all(places[0] < middle[0]), "drawn right of the middle of the screen: the patient's left"
    assert np.all(places[2] > middle[2]), "drawn in the upper half: towards the head"
    width, height = (np.ptp(places[axis]) for axis in (0, 2))
    assert height / width == pytest.approx(1.5, rel=0.15)
    np.testing.assert_array_equal(mask(page, study, 0, "lungs")[0], mask(page, study, 1, "lungs")[0])


def test_keys_draw_and_undo_and_no_slip_loses_it(opened: Opened, reader: str, films: tuple[Path, Path]) -> None:
    page = opened(reader)
    study = study_of(page, films[0])
    begin(page, "Right lung")
    stage = page.get_by_role("application")
    kept = page.get_by_role("button", name="Save as new version")
    expect(kept).to_be_disabled()
    stage.press("Shift+ArrowUp")
    for key in ("[", "[", "[", "[", "Space", *["ArrowRight"] * 6, "Space"):
        stage.press(key)
    expect(kept).to_be_enabled()
    stage.press("Control+z")
    expect(kept).to_be_disabled()
    stage.press("Control+Shift+Z")
    expect(kept).to_be_enabled()
    page.get_by_role("button", name="Leave").click()
    expect(page.get_by_role("button", name="Discard the changes?")).to_be_visible()
    save(page, 1)
    before, _ = mask(page, study, 0, "lungs")
    after, _ = mask(page, study, 1, "lungs")
    changed = np.argwhere(before != after)
    assert np.ptp(changed, axis=0).tolist() == [6, 0, 0]
    assert set(after[before != after]) == {1}
