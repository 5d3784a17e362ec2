"""``hilum info``."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from hilum import __version__
from hilum.cli.app import app
from hilum.models.catalogue import DEFAULTS
from hilum.settings import Settings, as_json, resolve


def test_json_tells_versions_engines_networks_and_settings() -> None:
    told = json.loads(CliRunner().invoke(app, ["info", "--json"]).stdout)
    assert told["hilum"] == __version__
    assert told["packages"]["numpy"].count(".") >= 1
    assert "torch" not in told["packages"]
    assert told["engine-for-one"]["engine"] in {"openvino", "onnxruntime"}
    assert set(told["models"]) == set(DEFAULTS.values())
    assert told["settings"] == as_json(Settings())


def test_text_has_a_line_for_each_fact() -> None:
    told = CliRunner().invoke(app, ["info"]).stdout
    assert told.startswith(f"hilum: {__version__}\n")
    assert "\n  onnxruntime: " in told
    assert "zip_max_mb" not in told


def test_settings_are_a_file_that_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(CliRunner().invoke(app, ["info", "--settings"], env={"HILUM_OUTPUT_REPORT": "false"}).stdout)
    assert resolve(file, environment={}) == resolve(environment={"HILUM_OUTPUT_REPORT": "false"})


def test_settings_of_a_file_are_told(tmp_path: Path) -> None:
    file = tmp_path / "some.toml"
    file.write_text("[runtime]\nworkers = 3\n")
    assert "workers = 3" in CliRunner().invoke(app, ["info", "--settings", str(file)]).stdout
    told = json.loads(CliRunner().invoke(app, ["info", "--settings", str(file), "--json"]).stdout)
    assert told["runtime"]["workers"] == 3


def test_what_cannot_be_used_is_told_and_not_raised() -> None:
    environment = {"HILUM_MODELS_CXR_LUNGS": "absent", "HILUM_RUNTIME_ENGINE": "onnxruntime"}
    environment["HILUM_RUNTIME_PRECISION"] = "bfloat16"
    result = CliRunner().invoke(app, ["info", "--json"], env=environment)
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert "No model named 'absent'" in told["models"]["cxr-lungs"]["error"]
    assert "does not compute in bfloat16" in told["engine-for-many"]["error"]


def test_absent_settings_file_is_our_error() -> None:
    result = CliRunner().invoke(app, ["info", "--settings", "absent.toml"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Cannot read the settings file absent.toml: No such file")
