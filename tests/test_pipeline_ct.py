"""From a CT to a case."""

import json

import nibabel
import numpy as np
import pytest

from hilum import analyse, segment_lesions, segment_lungs
from hilum.errors import GridMismatch, ModelError, Refused, WrongQuantity
from hilum.geometry import PlaneGrid, VolumeGrid
from hilum.image import LOBES, Image, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.models.card import Card, ImageInput, Output
from hilum.models.network import Network
from hilum.phantom import Lesion, default_grid, sample_film, thorax
from hilum.pipeline import Networks, open_networks
from hilum.provenance import Source, Step, walk
from hilum.segmentation.ct_lungs import CtLungStage
from hilum.segmentation.lungs import LungStage
from hilum.settings import CtSettings, GateSettings, ModelSettings, OutputSettings, RuntimeSettings, Settings
from hilum.writers import write_case
from hilum.writers.result_json import result

SIZE = 64
HU = (-1000.0, 300.0)
BY_HAND = Settings(ct=CtSettings(lungs="classical", lesions="hounsfield"))
LOOSE = Settings(gate=GateSettings(enabled=False))


class ByDensity:
    """A runtime whose answers are a function of the slices that it is shown."""

    name, precision = "told", "float32"

    def __init__(self, output, answer):
        self.output, self.answer, self.shown = output, answer, 0

    def run(self, inputs):
        self.shown += len(inputs["slice"])
        return {self.output: self.answer(HU[0] + inputs["slice"][:, 0] * (HU[1] - HU[0])).astype(np.float32)}


def network(task, output, channels, answer, thresholds=None):
    seen = ImageInput(
        "slice", ("batch", 1, SIZE, SIZE), Quantity.HOUNSFIELD, (SIZE, SIZE), (0.0,), (1.0,), window_hu=HU, margin=0.06
    )
    about = (task, "1.0.0", task, "Told", "0" * 64, "Apache-2.0", task, "Tests.", ())
    outputs = {output: Output(("batch", len(channels), SIZE, SIZE), "softmax", channels)}
    return Network(Card(*about, seen, outputs, (), thresholds or {}), ByDensity(output, answer))


def both():
    """Lung is what is dark and not quite air; ground-glass and consolidation are what is dense in it."""

    def lungs(hounsfield):
        middle = np.zeros(hounsfield.shape, bool)
        middle[:, 12:-12, 8:-8] = True
        lung = (middle & (hounsfield > -950) & (hounsfield < -300)) * 0.98
        left_half = np.arange(SIZE) < SIZE // 2
        return np.stack([1 - lung, lung * left_half, lung * ~left_half], axis=1)

    def lesions(hounsfield):
        number = np.digitize(hounsfield, [-700, -350])
        return 0.02 + 0.92 * (number[:, None] == np.array([0, 1, 2, 9])[None, :, None, None])

    half = {"opacity": 0.5, "consolidation": 0.5, "effusion": 0.5}
    return Networks(
        network("ct-lungs", "lungs", ("none", "right-lung", "left-lung"), lungs),
        network("ct-lesions", "lesions", ("none", "ground-glass", "consolidation", "effusion"), lesions, half),
    )


@pytest.fixture(scope="module")
def chest():
    planted = (Lesion("ground-glass", "right-lower", 180, seed=3), Lesion("consolidation", "left-middle", 90, seed=4))
    return thorax(2, grid=default_grid(2, spacing_mm=(6, 4, 4)), lesions=planted)


@pytest.fixture(scope="module")
def case(chest):
    return analyse(chest.ct, networks=both(), settings=LOOSE)


def shifted(image, change=0, **changes):
    return Image(image.array + np.int16(change), changes.get("grid", image.grid), image.quantity, image.origin)


def test_a_volume_becomes_a_case(case, chest):
    assert case.name == "scan"
    assert case.image is chest.ct
    assert case.lungs.grid is case.lesions.grid is chest.grid
    assert isinstance(case.disease, NotMeasured)
    assert not (case.lesions.mask() & ~case.lungs.mask()).any()
    assert case.lesions.pixels("ground-glass") > 0
    assert {"opacity-percent", "ct-severity-25", "zonal-24"} <= set(case.scores)


def test_the_cross_check_stands_beside_the_networks_lesions(case, chest):
    by_bands = case.measures.find("volume", "both", "opacity", "hounsfield-bands")
    by_network = case.measures.find("volume", "both", "opacity")
    assert by_bands != by_network
    planted = chest.volume_ml("ground-glass") + chest.volume_ml("consolidation")
    assert by_bands == pytest.approx(planted, rel=0.5)


def test_provenance_names_every_step_and_network(case):
    steps = {node.operation: node for node in walk(case.provenance) if isinstance(node, Step)}
    assert {"segment-lungs", "segment-lesions", "hounsfield-opacity", "analyse"} <= set(steps)
    assert steps["segment-lungs"].model.name == "ct-lungs"
    assert steps["segment-lesions"].settings["thresholds"]["opacity"] == 0.5
    assert steps["segment-lesions"].settings["preset"] == "standard"
    assert steps["analyse"].settings["ct"]["lungs"] == "network"
    json.dumps(case.provenance.as_json())


def test_without_any_network(chest):
    found = analyse(chest.ct, settings=BY_HAND)
    assert found.lungs.pixels("right-lung") > 0
    assert found.scores["opacity-percent"].value > 0
    assert "lesions-by-density" in {finding.code for finding in found.findings}
    steps = [node for node in walk(found.provenance) if isinstance(node, Step)]
    assert not [step for step in steps if step.model]


def test_density_does_not_look_for_effusion_and_does_not_call_it_none(chest, case):
    found = analyse(chest.ct, settings=BY_HAND)
    assert isinstance(found.measures.find("volume", "both", "effusion"), NotMeasured)
    assert case.measures.find("volume", "both", "effusion") == 0
    assert list(result(found, [])["structures"]["lesions"]) == ["ground-glass", "consolidation"]


def test_maps_are_kept_if_they_are_asked_for_and_only_then(case, chest, tmp_path):
    assert not case.probability
    settings = Settings(gate=LOOSE.gate, output=OutputSettings(probability=True, overlay=False, report=False))
    found = analyse(chest.ct, networks=both(), settings=settings)
    assert list(found.probability) == ["lungs", "opacity", "consolidation", "effusion"]
    assert all(each.dtype == np.uint8 and each.shape == chest.ct.array.shape for each in found.probability.values())
    assert np.array_equal(found.probability["lungs"] >= 128, found.lungs.mask())
    inside = found.lesions.mask("ground-glass", "consolidation")
    assert found.probability["opacity"][inside].min() >= 127
    folder = write_case(found, tmp_path, settings.output)
    stored = nibabel.load(folder / "probability-opacity.nii.gz")
    assert np.array_equal(np.asanyarray(stored.dataobj).T, found.probability["opacity"])
    assert np.allclose(stored.affine, nibabel.load(folder / "lungs.nii.gz").affine)


def test_the_classical_method_has_a_map_of_lungs_and_density_none_of_lesions(chest):
    settings = Settings(ct=BY_HAND.ct, output=OutputSettings(probability=True))
    assert list(analyse(chest.ct, settings=settings).probability) == ["lungs"]


def test_a_mirrored_chest_mirrors_its_result(chest):
    mirrored = Image(chest.ct.array[:, :, ::-1], chest.grid, chest.ct.quantity, chest.ct.origin)
    one, other = (analyse(image, settings=BY_HAND).measures for image in (chest.ct, mirrored))
    for side, across in (("right", "left"), ("left", "right")):
        for structure in ("lung", "opacity"):
            expected = one.find("volume", side, structure)
            assert other.find("volume", across, structure) == pytest.approx(expected, rel=0.03, abs=2)


def test_only_the_networks_that_are_needed_are_opened(chest, monkeypatch):
    opened = []

    def open_told(tasks, settings, *, many):
        opened.extend((task, many) for task, _ in tasks)
        pair = both()
        return [pair.lungs if task == "ct-lungs" else pair.lesions for task, _ in tasks]

    monkeypatch.setattr("hilum.pipeline.open_by_task", open_told)
    networks = open_networks(Settings(), many=False)
    assert opened == []
    for _ in range(2):
        analyse(chest.ct, networks=networks, settings=LOOSE)
    assert opened == [("ct-lungs", True), ("ct-lesions", True)]


def test_a_missing_network_is_named(chest):
    settings = Settings(models=ModelSettings(ct_lungs="ct-lugs"))
    with pytest.raises(ModelError, match="ct-lugs"):
        analyse(chest.ct, settings=settings)


def test_the_gate_refuses_before_any_network_is_opened(chest):
    settings = Settings(models=ModelSettings(ct_lungs="no-such-network"))
    with pytest.raises(Refused):
        analyse(shifted(chest.ct, 1024), settings=settings)


def test_no_lungs_are_refused(chest):
    nothing = both()
    nothing.lungs.runtime.answer = lambda hounsfield: np.stack(
        [np.ones_like(hounsfield), 0 * hounsfield, 0 * hounsfield], axis=1
    )
    with pytest.raises(Refused, match="no-lungs"):
        analyse(chest.ct, networks=nothing)


@pytest.fixture(scope="module")
def pictures(chest):
    """The chest in 8-bit pictures."""
    grey = np.clip((chest.ct.array.astype(float) - HU[0]) * 255 / (HU[1] - HU[0]), 0, 255)
    return Image(np.rint(grey).astype(np.uint8), chest.grid, Quantity.WINDOWED_CT, chest.ct.origin)


class TestPictures:
    def test_they_have_no_cross_check(self, pictures, case):
        found = analyse(pictures, networks=both(), settings=LOOSE)
        assert found.lungs.pixels("right-lung") == pytest.approx(case.lungs.pixels("right-lung"), rel=0.03)
        rows = [row for row in found.measures.table if row.method == "hounsfield-bands"]
        assert all(isinstance(row.value, NotMeasured) for row in rows)

    @pytest.mark.parametrize("ct", [{"lungs": "classical"}, {"lesions": "hounsfield"}])
    def test_methods_by_density_refuse_them(self, pictures, ct):
        with pytest.raises(WrongQuantity, match="hounsfield"):
            analyse(pictures, networks=both(), settings=Settings(ct=CtSettings(**ct), gate=LOOSE.gate))


class TestLobes:
    def test_they_give_scores_by_lobe(self, chest):
        found = analyse(chest.ct, settings=BY_HAND, lobes=chest.lobes)
        assert found.lobes is chest.lobes
        assert 2 <= found.scores["ct-severity-25"].value <= 10

    def test_they_lie_on_the_images_grid(self, chest):
        moved = LabelMap(chest.lobes.array, chest.grid.flipped(0), LOBES, chest.lobes.origin)
        with pytest.raises(GridMismatch):
            analyse(chest.ct, networks=both(), settings=LOOSE, lobes=moved)

    def test_a_film_has_none(self, chest):
        film = Image(np.zeros((9, 11), np.uint8), PlaneGrid((9, 11)), Quantity.RADIOGRAPH, Source("film", "0" * 64))
        with pytest.raises(WrongQuantity, match="lobes"):
            analyse(film, lobes=chest.lobes)


def test_a_volume_that_is_no_ct_is_refused():
    grid = VolumeGrid.of_spacing((5, 7, 11), (3, 3, 3))
    volume = Image(np.zeros(grid.shape, np.float32), grid, Quantity.ATTENUATION, Source("map", "0" * 64))
    with pytest.raises(WrongQuantity, match="attenuation"):
        analyse(volume)


def test_progress_is_told_for_each_stage(chest):
    told = []
    analyse(chest.ct, networks=both(), settings=LOOSE, progress=lambda *each: told.append(each))
    stages = [stage for stage, _, _ in told]
    assert list(dict.fromkeys(stages)) == ["lungs", "lesions"]
    assert all(
        told[stages.index(stage) + stages.count(stage) - 1][1:] == (stages.count(stage),) * 2 for stage in stages
    )


def test_the_public_stages_take_films_and_volumes(chest):
    pair = both()
    stage = segment_lungs(chest.ct, pair.lungs)
    assert isinstance(stage, CtLungStage)
    assert segment_lesions(chest.ct, stage.lungs, pair.lesions).lesions.grid is chest.grid


@pytest.mark.slow
def test_the_public_stages_take_films():
    assert isinstance(segment_lungs(sample_film(1).image), LungStage)


def test_workers_share_one_opening(monkeypatch):
    from concurrent.futures import ThreadPoolExecutor

    opened = []
    monkeypatch.setattr(
        "hilum.pipeline.open_by_task", lambda tasks, settings, *, many: [opened.append(tasks) or both().lungs]
    )
    networks = open_networks(Settings(runtime=RuntimeSettings()), many=True)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: networks.ct_lungs(), range(8)))
    assert len(opened) == 1
    assert all(each is found[0] for each in found)
