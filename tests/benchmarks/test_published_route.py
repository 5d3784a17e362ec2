"""The route of imported networks: what counts as right, what is told of one, and weights that are sure."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import published_route as route
import pytest

TOLD = {
    "size_px": 384,
    "mb": 0.31,
    "import": {"cpu_s": 14.2, "peak_mb": 1308.0},
    "analyse": {"cpu_s": 0.84, "peak_mb": 300.0},
    "is_named": True,
    "lung_px": 7,
    "has_score": True,
}


@pytest.mark.parametrize("lacking", [{"is_named": False}, {"lung_px": 0}, {"has_score": False}])
def test_a_result_is_right_if_it_names_the_network_and_has_lungs_and_a_score(lacking: dict[str, object]) -> None:
    assert route.is_right(TOLD)
    assert not route.is_right({**TOLD, **lacking})
    assert route.row("lungs/PAN", {**TOLD, **lacking})["result"] == "no"


def test_what_is_done_is_not_done_again_and_what_is_missing_fails_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "lesions-PSPNet.json").write_text(json.dumps(TOLD), encoding="utf-8")
    given = ["route", "states", "-o", str(tmp_path), "--only", "lesions/PSPNet", "--check"]
    monkeypatch.setattr(sys, "argv", given)
    assert route.main() == 1
    told = capsys.readouterr().out.splitlines()
    assert "| lesions/PSPNet | 384 | 0.3 | 14       | 1308      | 0.8        | yes    |" in told
    for name in route.NETWORKS:
        (tmp_path / f"{name.replace('/', '-')}.json").write_text(json.dumps(TOLD), encoding="utf-8")
    assert route.main() == 0


@pytest.mark.train
def test_a_network_is_made_sure_of_lung_or_of_disease(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    lungs = {"segmentation_head.0.bias": torch.zeros(1)}
    for state, key in ((lungs, "segmentation_head.0.bias"), ({**lungs, "classification_head.3.bias": torch.ones(1)},
                                                              "classification_head.3.bias")):  # fmt: skip
        torch.save(state, tmp_path / "state.pth")
        made = torch.load(route.certain(tmp_path / "state.pth", tmp_path / "sure.pth"), weights_only=True)
        assert {name: float(value - state[name]) for name, value in made.items() if value != state[name]} == {
            key: route.CERTAIN
        }
