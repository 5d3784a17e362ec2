"""``hilum analyse --model``: a network of the user's own, found by its name, in place of the shipped one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import onnx
import pytest
from click.testing import CliRunner, Result
from onnx import TensorProto, helper, numpy_helper

from hilum.batch.local import Summary
from hilum.cli import run
from hilum.cli.app import app
from hilum.image import Quantity
from hilum.models.card import CARD, WEIGHTS, Card, ImageInput, Output, Patches
from hilum.models.card_writer import write_card
from hilum.phantom import Lesion, Thorax, default_grid, thorax
from hilum.provenance import hash_file

BLOCKS = Patches((8, 24, 24), (2, 8, 8), (8.0, 6.0, 6.0), "range", "body")
OWN = "own-blocks"


def write_network(folder: Path) -> None:
    """A network of blocks that finds opacity from about -600 HU on; its name is its folder's."""
    shape = (1, 1, *BLOCKS.size)
    constants = {"least": np.float32(0.2), "steep": np.float32(200)}
    nodes = [
        helper.make_node("Sub", ["volume", "least"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["raw"]),
        helper.make_node("Sigmoid", ["raw"], ["lesions"]),
    ]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("volume", "lesions")]
    inside = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "step", ends[:1], ends[1:], inside)
    folder.mkdir(parents=True)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / WEIGHTS)
    entry = ImageInput(
        "volume",
        shape,
        Quantity.HOUNSFIELD,
        BLOCKS.size[1:],
        (0.0,),
        (1.0,),
        window_hu=(-1000.0, 1000.0),
        window_percentiles=(0.0, 100.0),
        patches=BLOCKS,
    )
    about = (folder.name, "1.0.0", "ct-lesions", "Own", hash_file(folder / WEIGHTS), "Apache-2.0", "own", "Tests.")
    outputs = {"lesions": Output(shape, "sigmoid", ("opacity",))}
    write_card(Card(*about, (), entry, outputs, thresholds={"opacity": 0.5}), folder / CARD)


@pytest.fixture
def own_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    write_network(tmp_path / "networks" / OWN)
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path / "networks"))
    return OWN


@pytest.fixture(scope="module")
def chest() -> Thorax:
    lesion = Lesion("consolidation", "right", 250.0, seed=5)
    return thorax(5, grid=default_grid(5, spacing_mm=(8.0, 5.0, 5.0)), lesions=[lesion])


@pytest.fixture(scope="module")
def scan(chest: Thorax, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ct") / "chest.nii.gz"
    columns_first = chest.grid.affine[:, [2, 1, 0, 3]]
    affine = np.diag([-1.0, -1.0, 1.0, 1.0]) @ columns_first
    nibabel.save(nibabel.Nifti1Image(chest.ct.array.transpose(2, 1, 0), affine), path)
    return path


def analyse(*arguments: Any) -> Result:
    return CliRunner().invoke(app, ["analyse", *map(str, arguments)])


def test_an_own_network_of_blocks_finds_the_lesions_of_a_ct(
    own_network: str, chest: Thorax, scan: Path, tmp_path: Path
) -> None:
    plain = ("--set", "ct.lungs=classical", "--no-report", "--no-overlay")
    result = analyse(scan, "--model", own_network, *plain, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (case,) = (path for path in (tmp_path / "out").iterdir() if path.is_dir())
    assert own_network in json.dumps(json.loads((case / "result.json").read_text(encoding="utf-8")))
    drawn = np.asarray(nibabel.load(case / "lesions.nii.gz").dataobj)
    assert drawn.shape == chest.ct.array.shape[::-1]
    found = np.isin(drawn, (1, 2)).transpose(2, 1, 0)
    planted = chest.lesions.array == 2
    assert np.count_nonzero(found & planted) > 0.6 * np.count_nonzero(planted)
    assert np.mean(drawn.transpose(2, 1, 0)[found & planted] == 2) > 0.5  # its rim is blurred at so coarse a pitch


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The settings that the batch is given."""
    made: list[Any] = []

    def analyse_all(_: Any, output: Path, settings: Any, **__: Any) -> Summary:
        made.append(settings)
        return Summary((), output / "results.csv")

    monkeypatch.setattr(run, "analyse_all", analyse_all)
    return made


def test_a_network_is_set_for_the_task_of_its_card(
    own_network: str, taken: list[Any], scan: Path, tmp_path: Path
) -> None:
    result = analyse(scan, "--model", own_network, "--model", "cxr-lungs", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    (settings,) = taken
    assert settings.models.ct_lesions == own_network
    assert settings.models.cxr_lungs == "cxr-lungs"
    assert settings.models.ct_lungs == ""


def test_without_it_settings_stay_as_they_are(taken: list[Any], scan: Path, tmp_path: Path) -> None:
    assert analyse(scan, "-o", tmp_path / "out").exit_code == 0
    assert taken[0].models.ct_lesions == ""


def test_two_networks_for_one_task_are_one_too_many(
    own_network: str, taken: list[Any], scan: Path, tmp_path: Path
) -> None:
    for other in (("--model", own_network), ("--set", "models.ct_lesions=x")):
        result = analyse(scan, "--model", own_network, *other, "-o", tmp_path / "out")
        assert result.exit_code == 2
        assert "models.ct_lesions is given twice" in result.stderr
    assert taken == []


def test_an_unknown_network_is_said(own_network: str, taken: list[Any], scan: Path, tmp_path: Path) -> None:
    result = analyse(scan, "--model", "own-block", "-o", tmp_path / "out")
    assert result.exit_code != 0
    assert own_network in result.stderr
    assert taken == []
