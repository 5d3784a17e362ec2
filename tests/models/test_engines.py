"""Nothing is sent, nothing is left in the home folder, nothing heavy is imported."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import hilum.errors
from hilum.models.card import Card
from hilum.models.engines import ONNXRUNTIME_SWITCH, OPENVINO_CONVERTER, load_onnxruntime, load_openvino

SOURCE = Path(hilum.errors.__file__).parent

PROGRAM = """
import os, socket, sys
def refuse(*_): raise SystemExit("it opened a connection")
socket.socket.connect = socket.getaddrinfo = refuse
before = dict(os.environ)
from pathlib import Path
import numpy as np
from hilum.models.card import read_card
from hilum.models.runtime import open_runtime
from hilum.settings import RuntimeSettings
card = read_card(Path(sys.argv[1]))
runtime = open_runtime(card, RuntimeSettings(engine=sys.argv[2]), many=True)
made = runtime.run({name: np.zeros((1, *shape[1:]), np.float32) for name, shape in card.inputs.items()})
unwanted = {"torch", "onnx", "SimpleITK", "openvino_telemetry", "openvino.tools.ovc"} & set(sys.modules)
print(made["disease"].shape, dict(os.environ) == before, sorted(unwanted))
"""


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_a_run_leaves_no_trace(install: Callable[..., Card], tmp_path: Path, engine: str) -> None:
    card = install()
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PYTHONPATH": str(SOURCE.parent), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(card.folder / "card.toml"), engine],
        capture_output=True, text=True, check=False, cwd=home, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "(1, 1) True []", "")
    assert list(home.rglob("*")) == []


def test_the_engines_are_imported_in_one_place_only() -> None:
    direct = re.compile(r"^\s*(?:import|from) (?:openvino|onnxruntime)\b", re.MULTILINE)
    guilty = [path.name for path in SOURCE.rglob("*.py") if direct.search(path.read_text(encoding="utf-8"))]
    assert guilty == []


def test_the_environment_is_afterwards_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ONNXRUNTIME_SWITCH, "0")
    load_onnxruntime()
    assert os.environ[ONNXRUNTIME_SWITCH] == "0"
    monkeypatch.delenv(ONNXRUNTIME_SWITCH)
    load_onnxruntime()
    assert ONNXRUNTIME_SWITCH not in os.environ


def test_the_converter_is_not_blocked_afterwards() -> None:
    assert load_openvino() is load_openvino()
    assert OPENVINO_CONVERTER not in sys.modules
