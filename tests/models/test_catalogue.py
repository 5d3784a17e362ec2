from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from hilum.errors import CorruptModel, ModelError, SettingsError, UnknownModel
from hilum.models import catalogue
from hilum.models.card import Card, Task

Install = Callable[..., Card]


@pytest.fixture(autouse=True)
def _empty_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(catalogue, "SHIPPED", tmp_path / "shipped")
    monkeypatch.delenv(catalogue.VARIABLE, raising=False)


def test_an_empty_package_has_no_names() -> None:
    assert catalogue.names() == ()


def test_shipped_networks_are_found_by_the_names_of_their_folders(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, first = install(name="second"), install(name="first")
    monkeypatch.setattr(catalogue, "SHIPPED", first.folder.parent)
    assert catalogue.names() == ("first", "second")
    assert catalogue.card("second") == second


@pytest.mark.parametrize("own", [True, False])
def test_the_users_folders_are_networks_or_hold_networks(
    install: Install, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    card = install()
    folder = card.folder if own else card.folder.parent
    monkeypatch.setenv("HILUM_MODELS", os.pathsep.join(["", str(folder), str(folder)]))
    assert catalogue.names() == ("tiny-1.0",)
    assert catalogue.card("tiny-1.0") == card
    assert catalogue.card("tiny-1.0").folder == card.folder


def test_an_unknown_name_is_answered_with_the_nearest(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HILUM_MODELS", str(install(name="cxr-lungs").folder))
    with pytest.raises(UnknownModel, match=r"No model named 'cxr-lung'. Did you mean 'cxr-lungs'\? Known: cxr-lungs."):
        catalogue.card("cxr-lung")


def test_a_folder_that_is_none_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HILUM_MODELS", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match=r"HILUM_MODELS names '.*nowhere', which is not a folder"):
        catalogue.names()


def test_two_networks_of_one_name_are_refused(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    card = install()
    monkeypatch.setattr(catalogue, "SHIPPED", card.folder.parent)
    copy = tmp_path / "copies" / card.name
    copy.mkdir(parents=True)
    (copy / "card.toml").write_bytes((card.folder / "card.toml").read_bytes())
    monkeypatch.setenv("HILUM_MODELS", str(copy.parent))
    with pytest.raises(ModelError, match=r"Two models are named 'tiny-1.0': .* and .*copies"):
        catalogue.names()


def test_a_folder_is_named_like_its_network(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    card = install()
    renamed = card.folder.rename(card.folder.parent / "another")
    monkeypatch.setenv("HILUM_MODELS", str(renamed))
    with pytest.raises(ModelError, match=r"names the model 'tiny-1.0'. Name the folder like the model"):
        catalogue.card("another")


@pytest.mark.parametrize("task", get_args(Task))
def test_every_task_has_a_default(task: Task) -> None:
    assert catalogue.default_for(task)


def test_an_unknown_task_is_a_slip() -> None:
    with pytest.raises(ValueError, match="No task named 'lungs'"):
        catalogue.default_for("lungs")  # pyright: ignore[reportArgumentType]


def test_weights_are_verified_once_and_again_when_they_change(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = install()
    hashed: list[Path] = []
    real = catalogue.hash_file
    monkeypatch.setattr(catalogue, "hash_file", lambda path: hashed.append(path) or real(path))
    assert catalogue.verified_weights(card) == card.weights
    assert catalogue.verified_weights(card) == card.weights
    assert hashed == [card.weights]
    card.weights.write_bytes(card.weights.read_bytes() + b"x")
    with pytest.raises(CorruptModel, match=r"are not the ones on its card: .* Install the model, or Hilum, again"):
        catalogue.verified_weights(card)


def test_missing_weights_are_said(install: Install) -> None:
    card = install()
    card.weights.unlink()
    with pytest.raises(CorruptModel, match=r"Cannot read the weights of tiny-1.0 .*No such file"):
        catalogue.verified_weights(card)


def test_listing_imports_no_engine() -> None:
    code = (
        "import sys, hilum.models.catalogue as c; c.names()\n"
        "heavy = {'openvino', 'onnxruntime', 'onnx', 'torch', 'SimpleITK', 'pydicom'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_shipped_networks_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    shipped = [path.parent.name for path in catalogue.SHIPPED.glob("*/card.toml")]
    for name in shipped:
        card = catalogue.card(name)
        assert catalogue.verified_weights(card).stat().st_size > 0
        assert (card.folder / "LICENSE").is_file()
    assert set(shipped) <= set(catalogue.names())
