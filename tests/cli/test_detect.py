"""Single lesions by a trained detector, as results."""

from __future__ import annotations

import json
import sys

import pytest
from click.testing import CliRunner

from hilum.cli.app import app
from hilum.phantom import film, film_grid, thorax
from hilum.writers import write

SMALL = {
    "view.size_px": 64,
    "detector.backbone": "resnet18",
    "detector.anchors_px": [8, 12, 16, 32, 64],
    "detector.proposals": [60, 30],
    "detector.rois": 16,
    "detector.least_score": 0.0,
}


def test_without_torch_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "hilum.training.instances.predict", None)
    done = CliRunner().invoke(app, ["detect", str(tmp_path), str(tmp_path), "-o", str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "hilum[train]" in done.stderr


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_what_the_detector_finds_is_in_the_result(tmp_path):
    torch = pytest.importorskip("torch", reason="needs the extra 'train'")
    from hilum.models.card_writer import write_table
    from hilum.training.instances.network import InstanceNetwork
    from hilum.training.library import load

    torch.manual_seed(0)
    recipe = load("mask-rcnn-lesions", SMALL)
    (tmp_path / "run").mkdir()
    write_table(recipe, tmp_path / "run" / "recipe.toml")
    torch.save(InstanceNetwork(recipe, begin=False).state_dict(), tmp_path / "run" / "weights.pt")
    write(film(thorax(1, grid=film_grid(1, in_plane_mm=3, depth_mm=5))).image, tmp_path / "film.png")
    (tmp_path / "cat.png").write_bytes(b"meow")
    told = ["detect", str(tmp_path / "run"), str(tmp_path / "film.png"), str(tmp_path / "cat.png"), "-o", str(tmp_path)]
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 3, done.output
    assert "cat" in done.stderr
    result = json.loads((tmp_path / "film" / "result.json").read_text())
    found = result["instances"]
    assert f"film: {len(found)} lesions" in done.stdout
    assert found
    assert {each["method"] for each in found} == {"detector"}
    assert [each["score"] for each in found] == sorted((each["score"] for each in found), reverse=True)
    assert result["provenance"]["nodes"][-1]["model"]["name"] == "mask-rcnn-lesions"
    (tmp_path / "run" / "weights.pt").write_bytes(b"weights")
    done = CliRunner().invoke(app, told)
    assert done.exit_code == 1
    assert "weights.pt as a state dict" in done.stderr
