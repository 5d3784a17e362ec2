"""Mask R-CNN on small computed films: recipes, targets, training that is gone on with, prediction, export."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from hilum.cli.export import command as export_command
from hilum.cli.train import command as train_command
from hilum.datasets.schema import CaseTable, DatasetCase, Mask
from hilum.errors import ModelMismatch, SettingsError
from hilum.geometry import PlaneGrid
from hilum.image import LUNGS, LabelMap
from hilum.models.card_writer import write_table as write_recipe
from hilum.provenance import Step
from hilum.readers import from_array
from hilum.segmentation.one_mask import Frame
from hilum.training.any_run import RECIPE, begin, train
from hilum.training.crossval import plan_folds
from hilum.training.fit import LAST, Where
from hilum.training.instances.films import InstanceFilms, numbered, target_of
from hilum.training.instances.network import InstanceNetwork
from hilum.training.instances.predict import back, open_detector, predict
from hilum.training.instances.recipe import Detector
from hilum.training.lab.cases import parts_of
from hilum.training.library import load
from hilum.training.parts import Optimiser

pytestmark = pytest.mark.filterwarnings("default")
HERE = Where(kind="cpu", threads=1)
SHAPE = (97, 113)
SMALL = {
    "view.size_px": 64,
    "detector.backbone": "resnet18",
    "detector.anchors_px": [8, 12, 16, 32, 64],
    "detector.proposals": [60, 30],
    "detector.rois": 16,
    "length.steps": 4,
    "length.validate_every": 2,
}


def _film(seed):
    """Two lungs, an opacity in each of odd seeds."""
    rng = np.random.default_rng(seed)
    lungs, lesion = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
    cv2.ellipse(lungs, (34, 48), (17, 33), 0, 0, 360, 1, -1)
    cv2.ellipse(lungs, (79, 48), (15, 31), 0, 0, 360, 2, -1)
    if seed % 2:
        cv2.circle(lesion, (34, 60), 9, 1, -1)
        cv2.circle(lesion, (80, 33), 7, 2, -1)
    picture = 180.0 - 110.0 * (lungs > 0) + 70.0 * (lesion > 0) + rng.normal(0, 6, SHAPE)
    return np.clip(picture, 0, 255).astype(np.uint8), lungs, lesion


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("films")
    cases = []
    for seed in range(6):
        grey, _, lesion = _film(seed)
        Image.fromarray(grey).save(folder / f"{seed}.png")
        Image.fromarray(lesion).save(folder / f"{seed}-lesions.png")
        mask = Mask(folder / f"{seed}-lesions.png", {1: "ground-glass", 2: "consolidation"})
        split = "val" if seed < 2 else "train"
        cases.append(
            DatasetCase("made", f"{seed}", f"{seed}", "CXR", folder / f"{seed}.png", {"lesions": mask}, split=split)
        )
    CaseTable.of(cases).write_csv(folder / "cases.csv")
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def recipe():
    return load("mask-rcnn-lesions", SMALL)


@pytest.fixture(scope="module")
def trained(recipe, table, tmp_path_factory):
    run = tmp_path_factory.mktemp("run") / "whole"
    return train(recipe, [table], run, where=HERE)


def test_the_published_settings_are_those_of_the_predecessor():
    made = load("ct2xray-mask-rcnn")
    how = made.detector
    assert (how.proposal_nms, how.detection_nms, how.least_score, how.most_instances) == (1.0, 0.3, 0.0, 15)
    assert (how.backbone, how.weights, how.layers) == ("resnet101", "coco", "all")
    assert made.optimiser == Optimiser("sgd", 1e-3, 1e-4, 0.9, 5.0)
    assert not any((made.augment.flip, made.augment.rotate, made.augment.grey, made.augment.crop))


def test_the_network_has_the_recipes_settings(recipe):
    how = replace(recipe.detector, proposal_nms=1.0, most_instances=7, least_score=0.0)
    net = InstanceNetwork(replace(recipe, detector=how)).net
    assert (net.rpn.nms_thresh, net.roi_heads.nms_thresh) == (1.0, 0.3)
    assert (net.roi_heads.detections_per_img, net.roi_heads.score_thresh) == (7, 0.0)


def test_weights_that_are_not_there_say_what_to_do(tmp_path, monkeypatch, recipe):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(SettingsError, match="only on resnet50"):
        InstanceNetwork(load("ct2xray-mask-rcnn"))
    with pytest.raises(SettingsError, match=r"downloads nothing.*detector\.weights=none"):
        InstanceNetwork(load("ct2xray-mask-rcnn", {"detector.backbone": "resnet50"}))
    (tmp_path / "none.pth").write_bytes(b"no weights")
    with pytest.raises(ModelMismatch, match=r"Cannot read .*none\.pth"):
        InstanceNetwork(replace(recipe, detector=replace(recipe.detector, weights=str(tmp_path / "none.pth"))))


def test_it_begins_from_a_backbone_another_detector_or_its_own_last_weights(tmp_path, recipe):
    first = InstanceNetwork(recipe)
    body = {**first.net.backbone.body.state_dict(), "fc.weight": torch.zeros(3, 3)}
    own, coco = first.state_dict(), dict(first.net.state_dict())
    coco["roi_heads.box_predictor.cls_score.weight"] = torch.zeros(91, 1024)
    coco["roi_heads.box_predictor.cls_score.bias"] = torch.zeros(91)
    for name, state in (("body", body), ("own", own), ("coco", coco)):
        torch.save(state, tmp_path / name)
        made = InstanceNetwork(replace(recipe, detector=replace(recipe.detector, weights=str(tmp_path / name))))
        same = {key: torch.equal(value, own[key]) for key, value in made.state_dict().items()}
        assert all(value for key, value in same.items() if ".body." in key)
        assert same["net.roi_heads.box_head.fc6.weight"] == (name != "body")
        assert same["net.roi_heads.box_predictor.cls_score.weight"] == (name == "own")
    other = replace(recipe, detector=replace(recipe.detector, backbone="resnet34", weights=str(tmp_path / "own")))
    with pytest.raises(ModelMismatch, match="do not fit"):
        InstanceNetwork(other)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"norm": "frozen"}, "needs weights"),
        ({"weights": "imagenet"}, "does not fit"),
        ({"proposal_nms": 1.5}, "between 0 and 1"),
        ({"most_instances": 0}, "between 1 and 200"),
        ({"rois": 0}, "at least 1"),
    ],
)
def test_settings_that_make_no_detector_are_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        Detector(**changes)


def test_lesions_are_numbered_the_largest_first_and_no_more_than_allowed(recipe):
    truth = np.zeros((64, 64), np.uint8)
    truth[2:6, 2:6], truth[20:30, 30:45], truth[50, 50], truth[40:60, 2:9] = 1, 1, 1, 255
    made = numbered(truth, recipe)
    assert (made[25, 35], made[3, 3], made[50, 50], made[45, 4]) == (1, 2, 0, 0)
    few = replace(recipe, detector=replace(recipe.detector, most_instances=1))
    assert numbered(truth, few).max() == 1


def test_targets_are_boxes_about_masks_and_of_a_healthy_film_there_are_none():
    numbers = torch.zeros((7, 11), dtype=torch.uint8)
    numbers[1:3, 4:9], numbers[5, 0] = 1, 3  # number 2 was moved out of sight
    made = target_of(numbers)
    assert made["boxes"].tolist() == [[4, 1, 9, 3], [0, 5, 1, 6]]
    assert made["masks"].sum(dim=(1, 2)).tolist() == [10, 1]
    empty = target_of(torch.zeros((7, 11), dtype=torch.uint8))
    assert (empty["boxes"].shape, empty["masks"].shape) == ((0, 4), (0, 7, 11))


def test_a_sample_is_always_the_same_and_a_round_sees_every_film(recipe, table):
    films = InstanceFilms(parts_of([table]).train, recipe)
    first, again = films[5], InstanceFilms(parts_of([table]).train, recipe)[5]
    assert torch.equal(first["film"], again["film"])
    assert torch.equal(first["instances"], again["instances"])
    whole = InstanceFilms(parts_of([table]).train, recipe, watched=True)
    assert sorted(int(whole[n]["instances"].max()) for n in range(len(whole))) == [0, 0, 2, 2]


def test_only_the_heads_learn_where_that_is_wanted(recipe, table, tmp_path):
    heads = replace(recipe, detector=replace(recipe.detector, layers="heads"), length=replace(recipe.length, steps=2))
    begun = begin(heads, [table], where=HERE)
    before = {name: value.clone() for name, value in begun.task.network.state_dict().items()}
    after = torch.load(begun.train(tmp_path), weights_only=True)
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    assert moved
    assert not any(".body." in name for name in moved)


def test_a_training_that_is_gone_on_with_comes_to_the_same_weights(recipe, table, trained, tmp_path):
    half = replace(recipe, schedule=replace(recipe.schedule, name="constant"))
    whole = train(half, [table], tmp_path / "whole", where=HERE)
    train(replace(half, length=replace(half.length, steps=2)), [table], tmp_path / "parts", where=HERE)
    train(half, [table], tmp_path / "parts", where=HERE)
    first, second = (torch.load(path / LAST, weights_only=False) for path in (tmp_path / "whole", tmp_path / "parts"))
    assert (first["global_step"], second["global_step"]) == (4, 4)
    assert all(
        torch.allclose(value, second["state_dict"][name], atol=1e-6) for name, value in first["state_dict"].items()
    )
    assert whole.name == trained.name
    figures = next((tmp_path / "whole").glob("log-*/metrics.csv")).read_text().splitlines()[0]
    assert {"val/ap50", "val/ap", "val/dice", "val/soft-dice", "train/loss_mask"} <= set(figures.split(","))


def test_a_film_is_told_its_instances_on_its_own_pixels(recipe, trained):
    told = replace(recipe, detector=replace(recipe.detector, least_score=0.0))
    grey, lungs, _ = _film(1)
    sides = LabelMap(lungs, PlaneGrid(SHAPE), LUNGS, Step("draw", {}, ()))
    found = predict(open_detector(told, trained), told, from_array(grey, name="film"), sides)
    assert len(found) <= told.detector.most_instances
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    for each in found:
        assert each.mask.shape == SHAPE
        assert each.zone is None or each.zone.startswith(str(each.side))
    region, network = replace(told, view=replace(told.view, region="lungs")), open_detector(told, trained)
    with pytest.raises(SettingsError, match="looks at the lungs"):
        predict(network, region, from_array(grey, name="film"))


def test_a_map_of_the_view_comes_home_to_the_films_pixels():
    frame = Frame(-8, 0, 113, 113)  # a square view of a film of 97 x 113
    chance = np.zeros((113, 113), np.float32)
    chance[8 + 20 : 8 + 30, 40:60] = 1
    made = back(chance, frame, SHAPE)
    assert np.array_equal(made > 0.5, np.pad(np.ones((10, 20), bool), ((20, 67), (40, 53))))


def test_commands_train_and_export_what_onnx_runtime_runs(recipe, table, tmp_path):
    file, run = tmp_path / "own.toml", tmp_path / "run"
    write_recipe(replace(recipe, length=replace(recipe.length, steps=1)), file)
    words = [file, "--data", table, "-o", run, "--device", "cpu", "--threads", "1"]
    made = CliRunner().invoke(train_command, [str(word) for word in words], catch_exceptions=False)
    assert made.stdout.splitlines()[-1] == str(run / "weights.pt")
    words = [run / RECIPE, run / "weights.pt", "-o", tmp_path / "onnx"]
    told = CliRunner().invoke(export_command, [str(word) for word in words], catch_exceptions=False)
    assert told.stdout.strip() == str(tmp_path / "onnx" / "weights.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "onnx" / "weights.onnx")
    assert [(each.name, each.shape) for each in session.get_inputs()] == [("film", [1, 64, 64])]
    assert load(tmp_path / "onnx" / RECIPE).detector == recipe.detector


def test_several_devices_are_refused(recipe, table):
    with pytest.raises(SettingsError, match="one device"):
        begin(recipe, [table], where=Where(devices=2, kind="cpu"))


def test_a_cross_validation_says_what_to_do_in_its_place(recipe, table, tmp_path):
    with pytest.raises(SettingsError, match="--fold-file FILE --fold N"):
        plan_folds(recipe, [table], tmp_path, folds=2)
