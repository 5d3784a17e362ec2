"""Blocks of labelled volumes: read, put on the lattice, cut, changed."""

from __future__ import annotations

from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch

from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.errors import ReadError, SettingsError
from hilum.geometry import VolumeGrid
from hilum.image import Image, Quantity
from hilum.models.card import Card, Output
from hilum.models.network import Network
from hilum.provenance import Source
from hilum.segmentation.patches import run_patches
from hilum.training.phantom_volumes import SPACING_MM
from hilum.training.volume_augment import Change
from hilum.training.volume_data import Blocks, Watched, labelled_parts, prepare, read_labelled, split
from hilum.training.volume_recipe import VolumeAugment

from .volumes import SHAPE, chest, small, write_folder

NAMES = ("ggo-cons-2d", "ggo-cons-3d", "miscnn-3d")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("data") / "phantoms")


@pytest.fixture(scope="module")
def volume(folder):
    return next(read_labelled(folder))


def test_a_computed_volume_has_sides_and_no_effusion_among_its_lesions(volume):
    _, lungs, lesions = chest(0)
    assert volume.grid.spacing_mm == pytest.approx(SPACING_MM)
    assert ((volume.classes == 3) == ((lesions == 1) | (lesions == 2))).all()
    assert ((volume.classes == 2) == ((lungs == 1) & (volume.classes != 3))).all()
    assert ((volume.classes > 0) == (lungs > 0)).all()


def write_case(folder, shape=None, *, seed=5, as_grey=False):
    """A case in the published layout, its axes the other way round; in Hounsfield units or as a window's grey."""
    folder.mkdir(parents=True)
    array, lungs, lesions = chest(seed)
    if as_grey:
        array = np.rint(np.clip((array + 1250.0) / 1500.0, 0, 1) * 255).astype(np.int16)
    labels = np.array([0, 2, 1], np.uint8)[lungs]
    labels[lesions == 1] = 3
    affine = np.diag([*SPACING_MM[::-1], 1.0])  # columns to the right, rows to the front
    for name, voxels in (("imaging", array), ("segmentation", labels)):
        turned = voxels.transpose(2, 1, 0)[::-1, ::-1]
        turned = turned if shape is None or name == "imaging" else turned[: shape[0]]
        nibabel.save(nibabel.Nifti1Image(turned, affine), folder / f"{name}.nii.gz")
    return array, labels


def test_the_published_layout_is_read_in_any_orientation(tmp_path):
    array, labels = write_case(tmp_path / "data" / "coronacases_001")
    (found,) = read_labelled(tmp_path / "data")
    assert (found.array == array).all()
    assert (found.classes == labels).all()
    assert found.grid.spacing_mm == pytest.approx(SPACING_MM)


def test_published_grey_volumes_are_not_taken_for_hounsfield_units(tmp_path):
    recipe = small("miscnn-3d", window_hu=(-1250.0, 250.0))
    array, _ = write_case(tmp_path / "data" / "coronacases_001")
    grey, labels = write_case(tmp_path / "data" / "radiopaedia_4_85506_1", as_grey=True)
    in_hu, in_grey = read_labelled(tmp_path / "data")
    assert (in_hu.is_hounsfield, in_grey.is_hounsfield) == (True, False)
    assert (in_hu.array == array).all()
    assert (in_grey.array == grey).all()
    assert (in_grey.classes == labels).all()
    seen, expected = prepare(in_grey, recipe).density, prepare(in_hu, recipe).density
    assert np.abs(seen - expected).max() < 0.03  # of a z-score: what rounding to a grey level costs
    wrong = prepare(replace(in_grey, is_hounsfield=True), recipe).density
    assert np.abs(wrong - expected).max() > 0.3


def test_volumes_of_one_patient_stay_together(tmp_path):
    names = ["coronacases_001", "radiopaedia_10_85902_1", "radiopaedia_10_85902_3"]
    for seed, name in enumerate(names):
        write_case(tmp_path / "data" / name, seed=seed, as_grey=name.startswith("radiopaedia"))
    training, watched = labelled_parts([tmp_path / "data"])
    assert [volume.is_hounsfield for volume in training] == [True]
    assert [volume.is_hounsfield for volume in watched] == [False, False]
    with pytest.raises(SettingsError, match="two patients"):
        split(watched)


def test_cases_of_a_table_are_read_with_their_split(tmp_path):
    cases = []
    for number, part in enumerate(("train", "train", "val")):
        folder = tmp_path / f"case-{number}"
        array, labels = write_case(folder)
        masks = {
            "lungs": Mask(folder / "segmentation.nii.gz", {1: "left-lung", 2: "right-lung", 3: "lungs"}),
            "lesions": Mask(folder / "segmentation.nii.gz", {3: "infection"}),
        }
        names = {"source": "made", "case": f"case-{number}", "patient": f"patient-{number}", "split": part}
        cases.append(DatasetCase(**names, modality="CT", image=folder / "imaging.nii.gz", masks=masks))
    lungs_alone = replace(cases[0], case="other", patient="other", masks={"lungs": cases[0].masks["lungs"]})
    CaseTable.of([*cases, lungs_alone]).write_csv(tmp_path / "cases.csv")
    training, watched = labelled_parts([tmp_path])
    assert (len(training), len(watched)) == (2, 1)
    assert (watched[0].array == array).all()
    assert (watched[0].classes == labels).all()
    with pytest.raises(SettingsError, match="tables of cases"):
        labelled_parts([write_folder(tmp_path / "phantoms")], fold=1)


@pytest.mark.parametrize("sampling", ["patch-grid", "full-image"])
def test_blocks_in_turn_show_every_place_once_a_round(volume, sampling):
    recipe = replace(small("miscnn-3d", augment=VolumeAugment()), sampling=sampling)
    blocks = Blocks([prepare(volume, recipe)] * 2, recipe)
    count = blocks.round_length
    laps = [[float(blocks[n]["volume"].sum()) for n in range(lap * count, (lap + 1) * count)] for lap in range(2)]
    assert sorted(laps[0]) == pytest.approx(sorted(laps[1]), abs=0.01)
    assert count == 2 if sampling == "full-image" else count > 8
    in_use = Blocks([prepare(volume, recipe)], replace(recipe, skip_blank=True)).round_length
    assert in_use <= count / 2 or sampling == "full-image"


def test_a_volumes_own_spacing_and_density_are_left_alone(volume):
    recipe = small("miscnn-3d-no-preprocessing")
    recipe = replace(recipe, patches=replace(recipe.patches, spacing_mm=(0.0, 0.0, 0.0), scale="none"))
    made = prepare(volume, recipe)
    assert made.density.shape[0] == SHAPE[0]
    side = max(SHAPE[1:])
    assert made.density.shape[1:] == (side, side)
    hu = made.density * (3071 + 1024) - 1024
    middle = hu[:, (side - SHAPE[1]) // 2 : (side - SHAPE[1]) // 2 + SHAPE[1]]
    assert np.abs(middle[..., : SHAPE[2]] - volume.array).mean() < 20


def test_labels_on_another_grid_are_refused(tmp_path):
    write_case(tmp_path / "data" / "case", shape=(40,))
    with pytest.raises(Exception, match="grid"):
        list(read_labelled(tmp_path / "data"))


def test_a_missing_segmentation_is_said(tmp_path):
    write_case(tmp_path / "data" / "case")
    (tmp_path / "data" / "case" / "segmentation.nii.gz").unlink()
    with pytest.raises(ReadError, match="segmentation"):
        list(read_labelled(tmp_path / "data"))


def test_a_folder_without_volumes_is_said(tmp_path):
    with pytest.raises(SettingsError, match=r"imaging\.nii\.gz"):
        list(read_labelled(tmp_path))


def test_one_volume_in_five_is_for_validation(volume):
    training, watched = split([volume] * 11)
    assert (len(training), len(watched)) == (9, 2)
    assert [len(part) for part in split([volume] * 2)] == [1, 1]
    with pytest.raises(SettingsError, match="two patients at least"):
        split([volume])


class Shown:
    """A runtime that keeps what it is shown."""

    name, precision = "shown", "float32"

    def __init__(self, channels):
        self.channels, self.blocks = channels, []

    def run(self, inputs):
        (array,) = inputs.values()
        self.blocks += list(array[:, 0])
        return {"lesions": np.repeat(np.zeros_like(array), self.channels, axis=1)}


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_trained_on_what_it_will_be_shown(name, volume):
    recipe = small(name)
    shown = Shown(len(recipe.channels))
    output = Output((recipe.input.shape[0], len(recipe.channels), *recipe.block_shape), "softmax", recipe.channels)
    about = (name, "1", "ct-lesions", name, "0" * 64, "Apache-2.0", name, "Tests.", ())
    image = Image(volume.array, volume.grid, Quantity.HOUNSFIELD, Source("made", "0" * 64))
    lungs = (volume.classes > 0).astype(np.uint8)
    run_patches(Network(Card(*about, recipe.input, {"lesions": output}), shown), image, lungs)
    watched = Watched([prepare(volume, recipe)], recipe)
    assert len(watched) == len(shown.blocks) > 4
    for number, block in enumerate(shown.blocks):
        np.testing.assert_allclose(watched[number]["volume"][0].numpy(), block, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_blocks_follow_from_their_number(name, volume):
    recipe = small(name)
    blocks = Blocks([prepare(volume, recipe)], recipe)
    lungs = replace(recipe, skip_blank=True)
    in_lungs = Blocks([prepare(volume, lungs)], lungs).round_length
    assert in_lungs == len(Watched([prepare(volume, recipe)], recipe)) <= blocks.round_length
    one, again, other = blocks[1], Blocks([prepare(volume, recipe)], recipe)[1], blocks[2]
    assert one["volume"].shape == (1, *recipe.block_shape)
    assert one["classes"].shape == recipe.block_shape
    assert one["volume"].dtype == torch.float32
    assert all(torch.equal(one[key], again[key]) for key in one)
    assert not torch.equal(one["volume"], other["volume"])


def test_blocks_about_lesions_have_lesions(volume):
    recipe = small("ggo-cons-2d", augment=VolumeAugment(), steps=20)
    blocks = Blocks([prepare(volume, recipe)], recipe)
    assert all(bool((blocks[n]["classes"] == 3).any()) for n in range(40))
    anywhere = replace(recipe, with_lesions=0.0)
    blocks = Blocks([prepare(volume, anywhere)], anywhere)
    assert not all(bool((blocks[n]["classes"] == 3).any()) for n in range(40))


def test_short_volumes_are_lengthened_with_their_darkest(volume):
    recipe = small("miscnn-3d")
    grid = VolumeGrid.of_spacing((5, *SHAPE[1:]), SPACING_MM)
    short = replace(volume, array=volume.array[:5], classes=volume.classes[:5], grid=grid)
    made = prepare(short, recipe)
    assert made.density.shape[0] == 8
    assert (made.density[5:] == made.density.min()).all()
    assert not made.classes[5:].any()


def block(shape=(8, 16, 16)):
    """Values that tell every voxel apart, lungs left and right, an infection."""
    density = np.arange(np.prod(shape), dtype=np.float32).reshape(shape) / np.prod(shape)
    classes = np.ones(shape, np.uint8)
    classes[..., 8:] = 2
    classes[..., 2:6, 2:6] = 3
    return density, classes


def test_a_recipe_without_changes_changes_nothing():
    density, classes = block()
    made, same = Change(VolumeAugment(probability=1.0), density.shape)(density, classes, np.random.default_rng(1))
    np.testing.assert_allclose(made, density, atol=1e-6)
    assert (same == classes).all()


def test_a_mirror_image_of_the_columns_exchanges_the_sides():
    density, classes = block()
    change = Change(VolumeAugment(probability=1.0, flips=("columns",)), density.shape)
    made, turned = change(density, classes, np.random.default_rng(1))
    np.testing.assert_allclose(made, density[..., ::-1], atol=1e-6)
    assert (turned[..., ::-1] == np.array([0, 2, 1, 3])[classes]).all()
    upside = Change(VolumeAugment(probability=1.0, flips=("slices", "rows")), density.shape)
    made, turned = upside(density, classes, np.random.default_rng(1))
    np.testing.assert_allclose(made, density[::-1, ::-1], atol=1e-6)
    assert (turned == classes[::-1, ::-1]).all()


@pytest.mark.parametrize("shape", [(8, 16, 16), (16, 16)])
def test_densities_and_classes_move_together(shape):
    classes = np.zeros(shape, np.uint8)
    classes[..., 5:11, 6:12] = 3
    how = VolumeAugment(probability=1.0, scale=(0.85, 1.25), rotation_degrees=15, shift=0.1)
    moved = Change(how, shape)(classes.astype(np.float32), classes, np.random.default_rng(2))
    assert set(np.unique(moved[1])) <= {0, 3}
    assert not (moved[1] == classes).all()
    disagree = (moved[0] > 1.5) != (moved[1] == 3)
    assert np.count_nonzero(disagree) <= 0.12 * np.count_nonzero(moved[1])


CHANGES = (
    {"brightness": (0.5, 2.0)},
    {"contrast": (0.3, 3.0)},
    {"gamma": (0.7, 1.5)},
    {"noise": 0.05},
    {"blur_px": 2.0},
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_densities_change_and_classes_do_not(change):
    density, classes = block()
    how = VolumeAugment(probability=1.0, **change)
    made, same = Change(how, density.shape)(density, classes, np.random.default_rng(3))
    assert (same == classes).all()
    assert made.dtype == np.float32
    assert np.isfinite(made).all()
    assert float(np.abs(made - density).max()) > 0.01
    if "gamma" in change:
        assert float(made.mean()) == pytest.approx(float(density.mean()), abs=1e-4)
        assert float(made.std()) == pytest.approx(float(density.std()), abs=1e-4)
