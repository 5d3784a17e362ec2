"""Slices of CT as training samples."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.training.losses import UNKNOWN
from hilum.training.phantom_volumes import read_phantom_volumes, write_phantom_volumes
from hilum.training.recipe import load
from hilum.training.slices import NO_OPACITY, ONE_OF_BOTH, Slices, by_side, equalised, samples_for

pytestmark = pytest.mark.train


def two_lungs(shape=(64, 64)):
    mask = np.zeros(shape, dtype=np.uint8)
    mask[16:48, 8:26], mask[16:48, 38:56] = 1, 1
    return mask


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory):
    return write_phantom_volumes(tmp_path_factory.mktemp("phantoms"), 2)


@pytest.fixture
def outlined(tmp_path):
    """A folder of the layout of ``ma20-slices`` and ``medseg-slices``, of made-up squares."""
    rng = np.random.default_rng(0)
    for source, columns in (("ma20-slices", ("case", "volume", "split")), ("medseg-slices", ("case", "split"))):
        rows = []
        for n, split in enumerate(("train", "train", "val")):
            name = f"{source[:2]}-{n}"
            grey = (rng.normal(40, 5, (64, 64)) + 120 * (two_lungs() == 0)).clip(0, 255).astype(np.uint8)
            lesions = np.zeros((64, 64), dtype=np.uint8)
            lesions[20:30, 10:20] = 1
            if source == "medseg-slices":
                lesions[34:40, 44:50] = 2
            ending = "jpg" if source == "ma20-slices" else "png"
            for kind, array, end in (
                ("images", grey, ending),
                ("lungs", two_lungs(), "png"),
                ("lesions", lesions, "png"),
            ):
                path = tmp_path / source / kind / f"{name}.{end}"
                path.parent.mkdir(parents=True, exist_ok=True)
                Picture.fromarray(array).save(path)
            rows.append({"case": name, "volume": f"coronacases-0{n}", "split": split})
        with (tmp_path / source / "cases.csv").open("w", newline="") as file:
            table = csv.DictWriter(file, columns, extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)
    return tmp_path


def without(recipe, *kinds):
    return replace(recipe, mix={kind: share for kind, share in recipe.mix.items() if kind not in kinds})


def test_two_parts_of_a_mask_are_the_two_lungs_by_their_place():
    bits = by_side(two_lungs())
    assert set(np.unique(bits[:, :32])) == {1, 2}
    assert set(np.unique(bits[:, 32:])) == {1, 4}


def test_lungs_in_one_part_are_one_of_the_two():
    joined = two_lungs()
    joined[20:24, 20:44] = 1
    assert set(np.unique(by_side(joined))) == {1, ONE_OF_BOTH}


def test_a_scrap_beside_one_lung_is_not_the_other_lung():
    mask = two_lungs()
    mask[:, 32:] = 0
    mask[20:22, 40:44] = 1
    assert set(np.unique(by_side(mask))) == {1, ONE_OF_BOTH}


def test_outlined_slices_become_sets_of_classes(outlined):
    recipe = without(load("ct-lesions"), "phantom", "host")
    samples = samples_for(recipe, [outlined], "train")
    kinds = [sample.kind for sample in samples]
    assert sorted(kinds) == ["classes", "classes", "outlined", "outlined"]
    infected = next(s for s in samples if s.kind == "outlined")
    assert set(np.unique(infected.lesions)) == {1, ONE_OF_BOTH, NO_OPACITY}
    apart = next(s for s in samples if s.kind == "classes")
    assert set(np.unique(apart.lesions)) == {1, 2, 4}
    assert len(samples_for(recipe, [outlined], "val")) == 2


def test_phantoms_are_exact_and_kept_when_they_are_there(phantoms):
    before = {path: path.stat().st_mtime_ns for path in phantoms.iterdir()}
    write_phantom_volumes(phantoms, 2)
    assert {path: path.stat().st_mtime_ns for path in phantoms.iterdir()} == before
    first = read_phantom_volumes(phantoms)[0]
    assert first.ct.dtype == np.int16
    assert not (first.lesions[first.lungs == 0]).any()
    recipe = without(load("ct-lungs"), "outlined", "classical")
    samples = samples_for(recipe, [phantoms], "train")
    assert {sample.kind for sample in samples} == {"phantom"}
    assert {2, 4} <= {int(n) for sample in samples for n in np.unique(sample.lungs)}


@pytest.mark.parametrize("name", ["ct-lungs", "ct-lesions"])
def test_what_a_network_gets_is_of_its_size_and_range(name, outlined, phantoms):
    recipe = without(load(name), "classical", "host")
    data = Slices(samples_for(recipe, [outlined, phantoms], "train"), recipe, augment=True)
    target = name.removeprefix("ct-")
    for index in range(0, len(data), 9):
        made = data[index]
        assert made["slice"].shape == (1, recipe.size_px, recipe.size_px)
        assert 0 <= float(made["slice"].min()) <= float(made["slice"].max()) <= 1
        assert made[target].shape == (recipe.size_px, recipe.size_px)
        assert int(made[target].min()) >= 1


def test_a_mirrored_slice_has_its_sides_exchanged(outlined):
    recipe = without(load("ct-lungs"), "phantom", "classical")
    still = {"scale": 1.0, "aspect": 1.0, "rotation_degrees": 0.0, "shift": 0.0, "turned": 0.0}
    plain = replace(recipe.augment, **still, inserted=0.0, close=0.0)
    samples = samples_for(recipe, [outlined], "train")[:1]
    for flip in (0.0, 1.0):
        recipe = replace(recipe, augment=replace(plain, flip=flip))
        bits = Slices(samples, recipe, augment=True)[0]["lungs"].numpy()
        half = recipe.size_px // 2
        assert set(np.unique(bits[:, :half])) == {1, 2}
        assert set(np.unique(bits[:, half:])) == {1, 4}


def test_where_lesions_are_outlined_and_lungs_are_not_lung_is_known_only_there(outlined):
    recipe = without(load("ct-lungs"), "outlined", "phantom", "classical")
    samples = samples_for(recipe, [outlined], "train")
    assert {sample.kind for sample in samples} == {"classes"}
    for sample in samples:
        assert np.array_equal(sample.lungs == ONE_OF_BOTH, sample.lesions > 1)
        assert np.array_equal(sample.lungs == UNKNOWN, sample.lesions == 1)


def test_a_lung_network_is_shown_slices_from_near(outlined):
    recipe = without(load("ct-lungs"), "phantom", "classical", "classes")
    still = {"scale": 1.0, "aspect": 1.0, "rotation_degrees": 0.0, "shift": 0.0, "turned": 0.0, "inserted": 0.0}
    (sample, *_) = samples_for(recipe, [outlined], "train")
    lungs = []
    for close in (0.0, 1.0):
        near = replace(recipe, augment=replace(recipe.augment, **still, close=close))
        lungs.append(int((Slices([sample], near, augment=True)[0]["lungs"] > 1).sum()))
    assert lungs[1] > 1.15 * lungs[0]


def test_equalising_brings_out_noise_and_keeps_what_is_bright():
    grey = np.full((96, 96), 40, dtype=np.uint8)
    grey[:, 48:] = 180
    made = equalised(grey, np.random.default_rng(0))
    assert made.dtype == np.uint8
    assert made[:, :40].std() > 1
    assert made[:, 56:].mean() > made[:, :40].mean() + 40
    assert np.array_equal(made, equalised(grey, np.random.default_rng(0)))
