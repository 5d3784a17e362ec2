"""Films as samples: views, regions, sampling, changes, and what nobody knows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from hilum.datasets.schema import CaseTable, Mask
from hilum.errors import SettingsError
from hilum.training.lab.augment import Change
from hilum.training.lab.films import UNKNOWN, Films, Viewer, Watched, teaches
from hilum.training.lab.recipe import FilmAugment, Sampling, View
from hilum.training.volume_recipe import VolumeAugment

from .conftest import film

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def cases(table):
    return CaseTable.read_csv(table / "cases.csv").cases


@pytest.fixture(scope="module")
def plain(lungs_recipe):
    return replace(lungs_recipe, augment=FilmAugment())


def test_a_sample_shows_the_film_and_its_lungs(plain, cases):
    watched = Watched(cases, plain)
    sample = watched[3]
    assert (len(watched), sample["film"].shape, sample["truth"].shape) == (8, (1, 64, 64), (1, 64, 64))
    lungs = film(3)[1] > 0
    assert float(sample["truth"].mean()) == pytest.approx(lungs.mean() * 97 / 113, abs=0.01)  # black above and below
    inside = sample["truth"] > 0
    assert float(sample["film"][inside].mean()) < 0.5 < float(sample["film"][0, 25:38, 30:34].mean())
    assert float(sample["presence"]) == 1


def test_a_round_shows_every_film_once_and_rounds_differ(plain, cases):
    films = Films(cases, plain)
    laps = [[films[n]["film"].sum().item() for n in range(lap * 8, lap * 8 + 8)] for lap in range(2)]
    assert sorted(laps[0]) == sorted(laps[1])
    assert laps[0] != laps[1]
    assert len(set(laps[0])) == 8


def test_a_number_is_always_the_same_sample(lungs_recipe, cases):
    one, other = Films(cases, lungs_recipe), Films(cases, lungs_recipe)
    for number in (11, 3, 11):
        assert torch.equal(one[number]["film"], other[number]["film"])
    assert not torch.equal(one[11]["film"], Films(cases, replace(lungs_recipe, seed=5))[11]["film"])


def test_stage_two_looks_at_the_lungs(lesions_recipe, cases):
    by_region = {}
    for region in ("lungs-only", "lungs", "masked", "each-lung"):
        recipe = replace(lesions_recipe, view=replace(lesions_recipe.view, region=region), augment=FilmAugment())
        by_region[region] = Viewer(recipe)(cases[3])
    assert [len(views) for views in by_region.values()] == [1, 1, 1, 2]
    (only,), (lungs,), (masked,), (right, left) = by_region.values()
    black = only.grey == 0
    assert black.mean() > 0.2 > (lungs.grey == 0).mean()
    assert (only.grey[~black] == lungs.grey[~black]).mean() > 0.75  # all but the rim, which is smoothed
    assert (masked.grey == 0).mean() > black.mean()  # the whole film, not the box
    assert right.truth.any()  # the opacity is in the right lung
    assert not left.truth.any()
    for view in (only, lungs, masked, right):
        assert set(np.unique(view.truth)) == {0, 1}


def test_a_healthy_film_needs_no_mask_and_an_ill_one_does(lesions_recipe, cases):
    assert cases[2].masks.keys() == {"lungs"}
    assert teaches(cases[2], lesions_recipe)
    assert not Viewer(lesions_recipe)(cases[2])[0].truth.any()
    assert not teaches(replace(cases[2], finding="COVID-19"), lesions_recipe)
    assert not teaches(replace(cases[2], modality="CT"), lesions_recipe)
    with pytest.raises(SettingsError, match="None of the cases"):
        Films([replace(cases[2], finding="COVID-19")], lesions_recipe)


def test_what_nobody_knows_is_marked(plain, cases, tmp_path):
    marked = film(3)[1].copy()
    marked[40:60, 60:90] = 9
    Image.fromarray(marked).save(tmp_path / "marked.png")
    mask = Mask(tmp_path / "marked.png", {1: "right-lung", 2: "left-lung", 9: "ignore"})
    sample = Watched([replace(cases[3], masks={"lungs": mask})], plain)[0]
    assert 0.03 < float(sample["unknown"].float().mean()) < 0.08
    assert not bool((sample["unknown"] & (sample["truth"] > 0)).any())


@pytest.mark.parametrize("mode", ["patch-crop", "patch-grid"])
def test_patches_are_parts_of_the_view(plain, cases, mode):
    recipe = replace(plain, sampling=Sampling(mode, patch_px=32, overlap_px=16))
    films, whole = Films(cases[:1], recipe), Viewer(recipe)(cases[0])[0].grey
    assert films.round_length == (1 if mode == "patch-crop" else 9)
    found = set()
    for number in range(9):
        patch = np.rint(films[number]["film"][0].numpy() * 255).astype(np.uint8)
        assert patch.shape == (32, 32)
        places = [
            (row, column)
            for row in range(33)
            for column in range(33)
            if np.array_equal(whole[row : row + 32, column : column + 32], patch)
        ]
        assert places
        found.add(places[0])
    if mode == "patch-grid":
        assert found == {(row, column) for row in (0, 16, 32) for column in (0, 16, 32)}
    assert Watched(cases[:1], recipe)[0]["film"].shape == (1, 64, 64)


def test_balanced_patches_show_the_structure_and_blank_ones_are_skipped(plain, cases):
    sampling = Sampling("patch-crop", patch_px=8, balanced=1.0)
    films = Films(cases[:2], replace(plain, network=replace(plain.network, halvings=2), sampling=sampling))
    assert all(bool(films[n]["truth"].any()) for n in range(30))
    seldom = Films(cases[:2], replace(plain, sampling=replace(sampling, balanced=0.0)))
    assert not all(bool(seldom[n]["truth"].any()) for n in range(30))
    grid = Sampling("patch-grid", patch_px=8, skip_blank=True)
    kept = Films(cases[:1], replace(plain, sampling=grid)).round_length
    assert 0 < kept < Films(cases[:1], replace(plain, sampling=replace(grid, skip_blank=False))).round_length == 64


@given(seed=st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_changes_keep_mask_and_film_together(seed):
    grey = np.full((48, 48), 200, np.uint8)
    mask = np.zeros((48, 48), np.uint8)
    mask[14:30, 10:26] = 1
    grey[mask > 0] = 40
    how = FilmAugment(crop=0.5, rotate=0.5, flip=0.5)
    made, labels = Change(_recipe(how))(grey, mask, np.random.default_rng(seed))
    assert made.dtype == np.float32
    assert 0 <= made.min() <= made.max() <= 1
    dark = made < 0.5
    beyond = made == 0  # turned in from outside of the film
    assert np.mean((dark & ~beyond) == (labels > 0)) > 0.93


def _recipe(how, further=None):
    from hilum.training.lab.recipe import FilmRecipe
    from hilum.training.parts import Length, NetworkSettings

    return FilmRecipe(
        name="changes",
        task="cxr-lungs",
        view=View(48),
        network=NetworkSettings(filters=2, halvings=1),
        losses={"dice": 1.0},
        length=Length(steps=1),
        augment=how,
        further=further or VolumeAugment(probability=0.0),
    )


@pytest.mark.parametrize(
    "how",
    [{"clahe": 1.0}, {"crop": 1.0}, {"rotate": 1.0}, {"flip": 1.0}, {"grey": 1.0}],
    ids=lambda how: next(iter(how)),
)
def test_every_change_changes_and_none_does_not(how):
    grey, mask, _ = film(1)
    grey, mask = grey[:48, :48], (mask[:48, :48] > 0).astype(np.uint8)
    made, labels = Change(_recipe(FilmAugment(**how)))(grey, mask, np.random.default_rng(1))
    assert np.abs(made * 255 - grey).mean() > 0.5
    moves = not {"clahe", "grey"} & set(how)
    assert np.array_equal(labels, mask) != moves
    same, labels = Change(_recipe(FilmAugment()))(grey, mask, np.random.default_rng(1))
    assert np.allclose(same * 255, grey, atol=1e-3)
    assert np.array_equal(labels, mask)


def test_a_mirror_image_is_one():
    grey, mask, _ = film(1)
    grey, mask = np.ascontiguousarray(grey[:48, :48]), np.ascontiguousarray(mask[:48, :48])
    made, labels = Change(_recipe(FilmAugment(flip=1.0)))(grey, mask, np.random.default_rng(1))
    assert np.array_equal(np.rint(made * 255).astype(np.uint8), grey[:, ::-1])
    assert np.array_equal(labels, mask[:, ::-1])


def test_the_list_of_miscnn_works_on_films():
    grey, mask, _ = film(1)
    grey, mask = grey[:48, :48], (mask[:48, :48] > 0).astype(np.uint8)
    further = VolumeAugment(
        probability=1.0,
        flips=("rows",),
        scale=(0.85, 1.25),
        rotation_degrees=15.0,
        elastic=900.0,
        brightness=(0.5, 2.0),
        contrast=(0.3, 3.0),
        gamma=(0.7, 1.5),
        noise=0.05,
    )
    made, labels = Change(_recipe(FilmAugment(), further))(grey, mask, np.random.default_rng(1))
    assert made.shape == labels.shape == (48, 48)
    assert set(np.unique(labels)) <= {0, 1, UNKNOWN}
    assert not np.array_equal(labels, mask)
