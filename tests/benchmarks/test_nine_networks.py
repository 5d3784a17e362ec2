"""The table of the nine networks: what is published, how time is shared out, and films that stages learn from."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import nine
import nine_networks
import numpy as np
import pytest


def test_there_are_nine_of_each_stage_with_names_of_their_own() -> None:
    for stage in ("lungs", "lesions"):
        assert len({network.name for network in nine.NETWORKS if network.stage == stage}) == 9
    assert len({network.key for network in nine.NETWORKS}) == 18


def test_the_rate_rises_and_falls_to_nothing() -> None:
    shares = np.linspace(0, 1.2, 25)
    rates = np.array([nine_networks.rate(share) for share in shares])
    assert rates[0] == 0
    assert rates.max() <= nine_networks.LEARNING_RATE
    assert rates[shares >= 1] == pytest.approx(0, abs=1e-12)
    assert (np.diff(rates[shares > nine_networks.WARM_UP]) <= 0).all()


def test_what_is_there_is_not_trained_again_unless_it_was_made_otherwise(tmp_path: Path) -> None:
    given = argparse.Namespace(size=192, minutes=2.0)
    path = tmp_path / "lungs-pan.json"
    assert not nine_networks.is_done(path, given)
    path.write_text(json.dumps(nine_networks.conditions(given)), encoding="utf-8")
    assert nine_networks.is_done(path, given)
    with pytest.raises(SystemExit, match=r"'minutes': 2\.0.*another folder"):
        nine_networks.is_done(path, argparse.Namespace(size=192, minutes=3.0))


def test_a_table_says_how_its_networks_were_trained(tmp_path: Path) -> None:
    network = next(each for each in nine.NETWORKS if each.key == "lungs-pan")
    dice = {"mean": 0.9, "low": 0.8, "high": 0.95, "films": 7, "patients": 5}
    told = {
        **nine_networks.conditions(argparse.Namespace(size=64, minutes=1.5)),
        "steps": 11,
        "parameters": 3_500_000,
        "torch films/s": 12.3,
        "train": {"dice": dice},
        "val": {"dice": dice},
        "test": {},
    }
    (tmp_path / f"{network.key}.json").write_text(json.dumps(told), encoding="utf-8")
    made = nine_networks.tables(tmp_path)
    assert "1.5 minutes of one core each, 64 pixels" in made
    assert "0.900 (0.800 to 0.950; 7)" in made
    assert "0.961, 0.960, 0.962" in made
    assert "Stage II" not in made


@pytest.mark.train
@pytest.mark.filterwarnings("default")  # the library deprecates its encoder's name, torch its exporter
def test_costs_are_added_to_what_was_trained_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("segmentation_models_pytorch")
    torch = pytest.importorskip("torch")
    network = next(each for each in nine.NETWORKS if each.key == "lungs-linknet")
    told = {**nine_networks.conditions(argparse.Namespace(size=64, minutes=1.5)), "steps": 11, "parameters": 3_500_000}
    told |= {"torch films/s": 12.3, "train": {}, "val": {}, "test": {}}
    path = tmp_path / f"{network.key}.json"
    path.write_text(json.dumps(told), encoding="utf-8")
    nine_networks.add_costs(tmp_path)
    assert json.loads(path.read_text(encoding="utf-8")) == told  # there are no weights to measure
    model = nine.build(network, encoder=nine_networks.ENCODER)
    torch.save(model.state_dict(), tmp_path / f"{network.key}.pt")
    nine_networks.add_costs(tmp_path)
    found = json.loads(path.read_text(encoding="utf-8"))
    assert found.items() > told.items()
    assert 1e7 < found["macs"] < 1e9
    assert found["training_bytes"] > 16 * 3.5e6
    assert found["onnxruntime films/s"] > 0
    line = nine_networks.row(found, network)
    assert line["MACs G"] == f"{found['macs'] / 1e9:.2f}"
    capsys.readouterr()
    nine_networks.add_costs(tmp_path)
    assert not capsys.readouterr().err


def test_tables_are_put_between_their_comments(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- x -->\nold\n<!-- end of x -->\nb\n", encoding="utf-8")
    nine.put(page, "x", "| new |\n")
    assert page.read_text(encoding="utf-8") == "a\n<!-- x -->\n\n| new |\n\n<!-- end of x -->\nb\n"
    with pytest.raises(SystemExit, match="no place for the tables"):
        nine.put(page, "y", "")
