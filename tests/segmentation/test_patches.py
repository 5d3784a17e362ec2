"""Networks that go over a CT block by block: blending, the lattice and back, and what is written of their classes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Picture

from hilum.errors import ModelError
from hilum.geometry import VolumeGrid
from hilum.image import LUNGS, Image, LabelMap, Quantity
from hilum.models.card import CARD, WEIGHTS, Card, ImageInput, Output, Patches
from hilum.models.card_writer import write_card
from hilum.models.catalogue import card as card_of
from hilum.models.network import Network, open_networks
from hilum.preprocessing.ct import whole_slice_window
from hilum.provenance import Source, Step, hash_file
from hilum.segmentation.ct_lesions import segment_ct_lesions
from hilum.segmentation.lattice import Scale, body_of, clipped, lattice_of, scale_of, shares
from hilum.segmentation.patches import blended, block_weight, run_patches, starts
from hilum.settings import RuntimeSettings

MADE = Source("made", "0" * 64)
LIBERAL = settings(max_examples=40, deadline=None)


def patches_of(size, overlap, blend="gaussian", spacing=(3.0, 2.0, 2.0), **more):
    return Patches(size, overlap, spacing, **({"scale": "range"} | more), blend=blend)


@st.composite
def layouts(draw):
    """A volume's shape with blocks for it, larger or smaller than it, however they overlap."""
    shape = draw(st.tuples(*[st.integers(1, 13)] * 3))
    depth, side = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    overlap = draw(st.tuples(st.integers(0, depth - 1), *[st.integers(0, side - 1)] * 2))
    return shape, patches_of((depth, side, side), overlap, draw(st.sampled_from(["gaussian", "mean"])))


def together(volume, where, patches, run, channels=1):
    """All that ``blended`` gives, which has to come in order and without gaps."""
    parts, reached = [], 0
    for layers, chances in blended(volume, where, patches, run, channels):
        assert layers.start == reached
        reached = layers.stop
        assert chances.shape == (channels, layers.stop - layers.start, *chances.shape[2:])
        parts.append(chances.copy())
    assert reached == len(volume)
    return np.concatenate(parts, axis=1)[:, :, : volume.shape[1], : volume.shape[2]]


@LIBERAL
@given(layouts(), st.integers(0, 99))
def test_a_network_that_gives_its_input_gives_the_volume_back(layout, seed):
    shape, patches = layout
    volume = np.random.default_rng(seed).random(shape, dtype=np.float32)
    found = together(volume, np.ones(shape, bool), patches, lambda blocks: blocks[:, None])
    np.testing.assert_allclose(found[0], volume, atol=2e-6)


@LIBERAL
@given(layouts())
def test_a_constant_network_gives_its_constants(layout):
    shape, patches = layout

    def run(blocks):
        return np.stack([np.full_like(blocks, 0.25), np.full_like(blocks, 0.75)], axis=1)

    found = together(np.zeros(shape, np.float32), np.ones(shape, bool), patches, run, 2)
    np.testing.assert_allclose(found[0], 0.25, atol=1e-6)
    np.testing.assert_allclose(found[1], 0.75, atol=1e-6)


@LIBERAL
@given(layouts(), st.integers(0, 99))
def test_blocks_are_blended_as_if_all_were_summed_at_once(layout, seed):
    shape, patches = layout
    rng = np.random.default_rng(seed)
    volume, where = rng.random(shape, dtype=np.float32), rng.random(shape) < 0.02

    def run(blocks):  # depends on the place within the block, so that weights matter
        return (blocks * np.linspace(0, 1, blocks[0].size, dtype=np.float32).reshape(blocks[0].shape))[:, None]

    whole = np.pad(volume, [(0, max(0, n - m)) for n, m in zip(patches.size, shape, strict=True)], mode="minimum")
    marked = np.pad(where, [(0, n - m) for n, m in zip(whole.shape, shape, strict=True)])
    total, weights = np.zeros(whole.shape), np.full(whole.shape, 1e-30)
    axes = [starts(*each) for each in zip(whole.shape, patches.size, patches.overlap, strict=True)]
    for corner in ((a, b, c) for a in axes[0] for b in axes[1] for c in axes[2]):
        here = tuple(slice(a, a + n) for a, n in zip(corner, patches.size, strict=True))
        if marked[here].any():
            total[here] += run(whole[here][None])[0, 0] * block_weight(patches)
            weights[here] += block_weight(patches)
    expected = (total / weights)[tuple(map(slice, shape))]
    np.testing.assert_allclose(together(volume, where, patches, run)[0], expected, atol=1e-5)


@given(st.integers(1, 60), st.integers(1, 20), st.data())
def test_blocks_cover_an_axis_with_no_less_than_the_overlap(length, size, data):
    overlap = data.draw(st.integers(0, size - 1))
    length = max(length, size)
    at = starts(length, size, overlap)
    assert at[0] == 0
    assert at[-1] + size == length
    assert all(0 < b - a <= size - overlap for a, b in pairwise(at))


def test_published_blocks():
    assert starts(227, 160, 80) == [0, 67]
    assert starts(111, 80, 30) == [0, 31]
    assert starts(240, 160, 80) == [0, 80]


def test_what_lies_in_the_middle_of_a_block_counts_most_but_for_a_mean():
    weight = block_weight(patches_of((5, 9, 9), (0, 0, 0)))
    assert weight[2, 4, 4] == weight.max() == 1
    assert weight.min() == pytest.approx(1e-3)
    assert (weight == weight[::-1, ::-1, ::-1]).all()
    assert (block_weight(patches_of((5, 9, 9), (0, 0, 0), "mean")) == 1).all()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 99))
def test_voxels_in_a_row_are_resampled_as_pillow_does(length, wanted, seed):
    row = np.random.default_rng(seed).random(length, dtype=np.float32)
    expected = np.asarray(Picture.fromarray(row[:, None]).resize((1, wanted), Picture.Resampling.BILINEAR))[:, 0]
    found = [float(row[first : first + len(w)] @ w) for first, w in (shares(length, wanted, n) for n in range(wanted))]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def bump(shape):
    """A smooth hill of densities, high in the middle."""
    lines = [np.sin(np.pi * (np.arange(n) + 0.5) / n) for n in shape]
    return (lines[0][:, None, None] * lines[1][:, None] * lines[2] * 1000 - 900).astype(np.int16)


@pytest.mark.parametrize("spacing", [(1.0, 0.8, 0.8), (5.0, 1.1, 1.1), (2.0, 0.9, 1.3)])
def test_a_lattice_has_the_spacing_that_was_asked_for_and_shows_the_volume(spacing):
    grid = VolumeGrid.of_spacing((23, 57, 61), spacing)
    lattice = lattice_of(grid, patches_of((2, 4, 4), (0, 0, 0), spacing=(3.0, 2.0, 2.0)))
    assert lattice.spacing_mm == pytest.approx((3.0, 2.0, 2.0), rel=0.08)
    assert lattice.spacing_mm[0] * lattice.shape[0] == pytest.approx(23 * spacing[0])
    seen = np.stack([lattice.density(bump(grid.shape), n, (-1000.0, 200.0)) for n in range(lattice.shape[0])])
    assert seen.dtype == np.float32
    assert seen.shape == lattice.shape
    inside = np.stack([lattice.density(np.zeros(grid.shape, np.int16), n, (-1.0, 1.0)) for n in range(len(seen))]) > 0.4
    height = np.clip(bump(grid.shape) / 1200 + 1000 / 1200, 0, 1)
    assert float(seen[inside].mean()) == pytest.approx(float(height.mean()), rel=0.02)
    assert float(seen.max()) == pytest.approx(float(height.max()), abs=0.06)
    assert [int(n) for n in np.unravel_index(seen.argmax(), seen.shape)] == pytest.approx(
        np.array(seen.shape) / 2, abs=1
    )


def test_a_lattice_is_no_narrower_than_a_block():
    grid = VolumeGrid.of_spacing((4, 11, 7), (3.0, 2.0, 2.0))
    lattice = lattice_of(grid, patches_of((8, 20, 20), (0, 0, 0)))
    assert lattice.shape == (4, 20, 20)
    assert lattice.window.side_mm == 40
    assert lattice.window.top_mm + 20 == pytest.approx(11)
    assert lattice.window.left_mm + 20 == pytest.approx(7)


def test_densities_through_a_window():
    given_ = np.array([-3000, -1000, 0, 1000, 3000, np.nan], dtype=np.float32)
    np.testing.assert_allclose(clipped(given_, (-1000.0, 1000.0)), [0, 0, 0.5, 1, 1, 0])
    np.testing.assert_allclose(clipped(np.array([0, 51, 255], np.uint8), None), [0, 0.2, 1])


def block_input(patches, **more):
    shape = patches.size if patches.size[0] > 1 else patches.size[1:]
    entry = {"name": "volume", "shape": ("batch", 1, *shape), "quantity": Quantity.HOUNSFIELD}
    return ImageInput(**entry, size_px=patches.size[1:], mean=(0.0,), std=(1.0,), patches=patches, **more)


CHEST = VolumeGrid.of_spacing((12, 48, 56), (5.0, 5.0, 5.0))


def chest():
    """Tissue in air, lungs in it, right 1 and left 2; a table behind, and opacities of two densities in the right."""
    array, lungs = np.full(CHEST.shape, -1000, np.int16), np.zeros(CHEST.shape, np.uint8)
    array[:, 8:40, 8:48] = 40
    lungs[2:10, 14:34, 12:24], lungs[2:10, 14:34, 32:44] = 1, 2
    array[lungs > 0] = -850
    array[4:8, 16:22, 14:20], array[4:8, 24:30, 14:20] = -500, 20
    array[:, 44:46] = 500
    return array, lungs


def test_percentiles_are_of_the_body_alone():
    array, _ = chest()
    entry = block_input(patches_of((4, 8, 8), (0, 0, 0), within="body"), window_percentiles=(1.0, 99.0))
    inside = array[:, 8:40, 8:48]
    low, high = (np.percentile(inside, p) for p in (1, 99))
    scale = scale_of(array, CHEST, entry, is_hounsfield=True)
    assert scale.is_clipped
    assert scale.zero * 4095 - 1024 == pytest.approx(low, abs=25)
    assert (scale.zero + scale.unit) * 4095 - 1024 == pytest.approx(high, abs=25)
    whole = replace(entry, patches=replace(entry.patches, within="volume"))
    assert scale_of(array, CHEST, whole, is_hounsfield=True).zero < scale.zero


def test_percentiles_in_the_body_do_not_depend_on_the_air_round_it():
    array, _ = chest()
    wide = np.pad(array, ((0, 0), (16, 16), (16, 16)), constant_values=-1000)
    grid = VolumeGrid.of_spacing(wide.shape, CHEST.spacing_mm)
    entry = block_input(patches_of((4, 8, 8), (0, 0, 0), within="body"), window_percentiles=(1.0, 99.0))
    near, far = scale_of(array, CHEST, entry, is_hounsfield=True), scale_of(wide, grid, entry, is_hounsfield=True)
    assert (near.zero, near.unit) == pytest.approx((far.zero, far.unit), abs=2e-3)


def test_z_scores_of_the_volume():
    array, _ = chest()
    patches = patches_of((4, 8, 8), (0, 0, 0), spacing=(5.0, 5.0, 5.0), scale="z-score")
    entry = block_input(patches, window_hu=(-1250.0, 250.0))
    square = VolumeGrid.of_spacing((12, 48, 48), CHEST.spacing_mm)
    scaled = scale_of(array[..., 4:52], square, entry, is_hounsfield=True)(clipped(array[..., 4:52], (-1250.0, 250.0)))
    assert float(scaled.mean()) == pytest.approx(0, abs=1e-3)
    assert float(scaled.std()) == pytest.approx(1, abs=1e-3)


def test_eight_bit_pictures_scale_like_the_densities_that_they_show():
    array, _ = chest()
    entry = block_input(patches_of((4, 8, 8), (0, 0, 0), scale="z-score", within="body"), window_hu=(-1250.0, 250.0))
    picture = np.rint(clipped(array, entry.window_hu) * 255).astype(np.uint8)
    one, other = (
        scale_of(each, CHEST, entry, is_hounsfield=is_hu) for each, is_hu in ((array, True), (picture, False))
    )
    assert (one.zero, one.unit) == pytest.approx((other.zero, other.unit), abs=4e-3)


def test_a_body_has_its_lungs_and_no_table():
    array, _ = chest()
    body = body_of(clipped(array, (-1000.0, 1000.0)), 0.25)
    expected = np.zeros(array.shape, bool)
    expected[:, 8:40, 8:48] = True
    assert (body == expected).all()
    assert not body_of(np.zeros((3, 7, 11), np.float32), 0.5).any()


def test_an_even_volume_scales_to_nothing_and_not_to_infinity():
    entry = block_input(patches_of((4, 8, 8), (0, 0, 0), scale="z-score"))
    scale = scale_of(np.zeros(CHEST.shape, np.int16), CHEST, entry, is_hounsfield=True)
    assert np.isfinite(scale(np.ones(3, np.float32))).all()
    with pytest.raises(ValueError, match="not one of blocks"):
        scale_of(
            np.zeros(CHEST.shape, np.int16),
            CHEST,
            replace(entry, patches=None, shape=("batch", 1, 8, 8)),
            is_hounsfield=True,
        )


def test_a_scale_clips_only_where_it_says_so():
    values = np.array([-1, 0.5, 3], np.float32)
    np.testing.assert_allclose(Scale(0.5, 0.5, is_clipped=True)(values), [0, 0, 1])
    np.testing.assert_allclose(Scale(0.5, 0.5, is_clipped=False)(values), [-3, 0, 5])


class Rule:
    """A runtime that computes its answer from the block."""

    name, precision = "rule", "float32"

    def __init__(self, output, rule):
        self.output, self.rule, self.blocks = output, rule, 0

    def run(self, inputs):
        ((_, array),) = inputs.items()
        self.blocks += len(array)
        return {self.output: self.rule(array).astype(np.float32)}


def network_of(patches, channels, rule, *, thresholds=None, **more):
    """A network of blocks that follows a rule from (batch, 1, ...) to (batch, channels, ...)."""
    entry = block_input(patches, **more)
    shape = ("batch", len(channels), *entry.shape[2:])
    outputs = {"lesions": Output(shape, "softmax", channels)}
    card = Card(
        "blocks", "1", "ct-lesions", "Blocks", "0" * 64, "Apache-2.0", "blocks", "Tests.", (), entry, outputs,
        thresholds={"opacity": 0.5} if thresholds is None else thresholds,
    )  # fmt: skip
    return Network(card, Rule("lesions", rule))


def above(least):
    """Certain opacity where the input is at least so dense."""
    return lambda array: (array >= least).astype(np.float32)


WIDE = {"window_hu": (-1000.0, 1000.0), "window_percentiles": (0.0, 100.0)}
DEEP = patches_of((4, 16, 16), (1, 6, 6), spacing=(5.0, 5.0, 5.0))
FLAT = patches_of((1, 16, 16), (0, 6, 6), spacing=(5.0, 5.0, 5.0))


def scan(array, lungs, grid=CHEST, quantity=Quantity.HOUNSFIELD):
    return Image(array, grid, quantity, MADE), LabelMap(lungs, grid, LUNGS, MADE)


@pytest.mark.parametrize("region", ["image", "lungs"])
@pytest.mark.parametrize("patches", [DEEP, FLAT, replace(DEEP, blend="mean")], ids=["deep", "flat", "mean"])
def test_opacity_without_classes_is_told_apart_by_density_and_kept_in_the_lungs(patches, region):
    array, lungs = chest()
    network = network_of(patches, ("opacity",), above(0.2), region=region, **WIDE)
    stage = segment_ct_lesions(*scan(array, lungs), network)
    expected = np.zeros(array.shape, np.uint8)
    expected[4:8, 16:22, 14:20], expected[4:8, 24:30, 14:20] = 1, 2
    assert np.count_nonzero(stage.lesions.array != expected) <= 0.03 * np.count_nonzero(expected)
    assert not stage.lesions.array[lungs == 0].any()
    assert isinstance(stage.lesions.origin, Step)
    assert stage.lesions.origin.settings["consolidation-from-hu"] == -200.0
    assert stage.lesions.origin.settings["thresholds"] == {"opacity": 0.5, "consolidation": 0.5, "effusion": 0.5}


def test_pictures_have_no_density_to_tell_classes_apart_by():
    array, lungs = chest()
    picture = np.rint(clipped(array, WIDE["window_hu"]) * 255).astype(np.uint8)
    network = network_of(DEEP, ("opacity",), above(0.2), **WIDE)
    stage = segment_ct_lesions(*scan(picture, lungs, quantity=Quantity.WINDOWED_CT), network)
    assert stage.lesions.pixels("ground-glass") > 200
    assert stage.lesions.pixels("consolidation") == 0
    assert isinstance(stage.lesions.origin, Step)
    assert stage.lesions.origin.settings["consolidation-from-hu"] is None


def test_a_network_that_tells_classes_apart_is_believed():
    array, lungs = chest()

    def rule(given_):  # what is dense is ground-glass, what is not is consolidation, the darkest is effusion
        glass, dense, fluid = given_ >= 0.45, (given_ >= 0.2) & (given_ < 0.45), given_ < 0.01
        return np.concatenate([~(glass | dense | fluid), glass, dense, fluid], axis=1)

    channels = ("none", "ground-glass", "consolidation", "effusion")
    thresholds = {"opacity": 0.5, "consolidation": 0.5, "effusion": 0.5}
    array[8:10, 30:34, 36:44] = -1000
    stage = segment_ct_lesions(*scan(array, lungs), network_of(DEEP, channels, rule, thresholds=thresholds, **WIDE))
    assert stage.lesions.array[6, 18, 16] == 2
    assert stage.lesions.array[6, 26, 16] == 1
    assert stage.lesions.array[9, 32, 40] == 3
    assert isinstance(stage.lesions.origin, Step)
    assert "consolidation-from-hu" not in stage.lesions.origin.settings


def test_infection_beside_lungs_counts_as_opacity_and_lungs_do_not():
    array, lungs = chest()

    def rule(given_):
        infection = given_ >= 0.2
        return np.concatenate([~infection * 0.2, ~infection * 0.8, infection * 0.3, infection * 0.7], axis=1)

    channels = ("none", "left-lung", "right-lung", "infection")
    image, masks = scan(array, lungs)
    stage = segment_ct_lesions(image, masks, network_of(DEEP, channels, rule, **WIDE), keep_probability=True)
    assert stage.lesions.pixels("ground-glass") + stage.lesions.pixels("consolidation") == pytest.approx(288, abs=9)
    assert stage.probability["opacity"][6, 18, 16] == pytest.approx(0.7 * 255, abs=1)
    assert stage.probability["opacity"][6, 18, 28] == 0 or not lungs[6, 18, 28]


def test_any_orientation_gives_the_same_voxels():
    array, lungs = chest()
    network = network_of(DEEP, ("opacity",), above(0.2), **WIDE)
    plain = segment_ct_lesions(*scan(array, lungs), network).lesions.array
    turned_grid = CHEST.flipped(0).flipped(2)
    turned = segment_ct_lesions(*scan(array[::-1, :, ::-1], lungs[::-1, :, ::-1], turned_grid), network).lesions.array
    assert (turned == plain[::-1, :, ::-1]).all()


def test_blocks_without_lung_are_not_computed_and_change_nothing():
    array, lungs = chest()
    network = network_of(replace(DEEP, overlap=(0, 0, 0)), ("opacity",), above(0.2), **WIDE)
    lungs[:, :, 28:] = 0
    axial = Image(array, CHEST, Quantity.HOUNSFIELD, MADE)
    told = []
    found = run_patches(network, axial, lungs, told=lambda done, total: told.append((done, total)))
    assert 0 < network.runtime.blocks < 3 * 4 * 4
    assert told[-1] == (12, 12)
    everything = run_patches(network, axial, np.ones_like(lungs))
    assert (found.maps[0][found.lungs] == everything.maps[0][found.lungs]).all()


@pytest.mark.parametrize("shape", [(1, 7, 11), (3, 13, 7), (5, 5, 5)])
def test_volumes_smaller_than_a_block(shape):
    grid = VolumeGrid.of_spacing(shape, (5.0, 5.0, 5.0))
    array, lungs = np.full(shape, 0, np.int16), np.ones(shape, np.uint8)
    array[0, 0, 0] = -1000
    network = network_of(replace(DEEP, size=(7, 20, 20)), ("opacity",), above(0.2), **WIDE)
    stage = segment_ct_lesions(*scan(array, lungs, grid), network)
    assert stage.lesions.pixels("consolidation") >= 0.75 * array.size


def test_no_lungs_are_said():
    array, lungs = chest()
    with pytest.raises(ValueError, match="no lungs"):
        segment_ct_lesions(*scan(array, lungs * 0), network_of(DEEP, ("opacity",), above(0.2), **WIDE))


def test_cards_that_cannot_be_used_are_said():
    array, lungs = chest()
    image = Image(array, CHEST, Quantity.HOUNSFIELD, MADE)
    with pytest.raises(ModelError, match="one output"):
        run_patches(network_of(DEEP, ("none", "lung"), above(0.2), **WIDE), image, lungs)
    network = network_of(FLAT, ("opacity",), above(0.2), **WIDE)
    without = replace(network, card=replace(network.card, input=replace(network.card.input, patches=None)))
    with pytest.raises(ModelError, match="declares no patches"):
        run_patches(without, image, lungs)
    with pytest.raises(ModelError, match="opacity"):
        segment_ct_lesions(*scan(array, lungs), replace(network, card=replace(network.card, thresholds={})))


def write_network(folder, patches):
    """A network's folder: opacity by a steep step at 0.2, in ONNX."""
    onnx = pytest.importorskip("onnx")
    helper, floating = onnx.helper, onnx.TensorProto.FLOAT
    network = network_of(patches, ("opacity",), None, **WIDE)
    shape = network.card.input.shape
    names = ["n", *shape[1:]]
    constants = {"least": np.float32(0.2), "steep": np.float32(200)}
    nodes = [
        helper.make_node("Sub", ["volume", "least"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["lesions"]),
    ]
    graph = helper.make_graph(
        nodes,
        "step",
        [helper.make_tensor_value_info("volume", floating, names)],
        [helper.make_tensor_value_info("lesions", floating, names)],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(parents=True)
    (folder / WEIGHTS).write_bytes(model.SerializeToString(deterministic=True))
    write_card(replace(network.card, name=folder.name, sha256=hash_file(folder / WEIGHTS)), folder / CARD)


@pytest.mark.parametrize("patches", [DEEP, FLAT], ids=["deep", "flat"])
@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_real_network_of_a_users_folder(tmp_path, monkeypatch, patches, engine):
    write_network(tmp_path / "step", patches)
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path))
    assert card_of("step").input.patches == patches
    (network,) = open_networks([("ct-lesions", "step")], RuntimeSettings(engine=engine, precision="float32"), many=True)
    array, lungs = chest()
    stage = segment_ct_lesions(*scan(array, lungs), network)
    plain = segment_ct_lesions(*scan(array, lungs), network_of(patches, ("opacity",), above(0.2), **WIDE))
    assert np.count_nonzero(stage.lesions.array != plain.lesions.array) <= 4
    assert stage.lesions.origin.model.name == "step"


def test_whole_slices_are_seen_unless_the_card_asks_for_lungs():
    array, lungs = chest()
    image = Image(array, CHEST, Quantity.HOUNSFIELD, MADE)
    network = network_of(FLAT, ("opacity",), above(0.2), **WIDE)
    assert run_patches(network, image, lungs).lattice.window == whole_slice_window(CHEST)
    close = network_of(FLAT, ("opacity",), above(0.2), region="lungs", **WIDE)
    assert run_patches(close, image, lungs).lattice.window.side_mm == pytest.approx(32 * 5.0)
