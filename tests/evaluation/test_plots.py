"""Plots: what they show, told by matplotlib itself, and files that are the same each time."""

import sys
from pathlib import Path

import numpy as np
import pytest

from hilum.errors import MissingExtra, ReadError, WriteError

pytest.importorskip("matplotlib")

from hilum.evaluation.plots import bubbles, canvas, curves, spread


def _log(path: Path, n: int = 20) -> Path:
    rows = [f"{step},{step // 10},{1 / (1 + step):.4f}," for step in range(n)]
    rows.insert(10, "9,0,,0.8")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("step,epoch,train/total,val/score\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_log_gives_each_curve_its_own_steps(tmp_path: Path):
    found = curves.read_curves(_log(tmp_path / "metrics.csv"))
    assert set(found) == {"train/total", "val/score"}
    assert found["val/score"][0].tolist() == [9.0]
    assert found["train/total"][1][0] == 1.0


def test_smoothing_keeps_what_is_constant_and_calms_what_is_not():
    steps = np.arange(50.0)
    assert curves.smoothed((steps, np.full(50, 3.0)))[1] == pytest.approx(3.0)
    noise = np.random.default_rng(0).normal(size=50)
    assert curves.smoothed((steps, noise), 0.1)[1].std() < 0.5 * noise.std()
    assert (curves.smoothed((steps, noise), 0.0)[1] == noise).all()


def test_fitting_curves_have_a_panel_each_and_a_line_for_each_training(tmp_path: Path):
    logs = {name: curves.read_curves(_log(tmp_path / name / "metrics.csv")) for name in ("one", "two")}
    made = curves.fitting_curves(logs, ["train/total", "val/score"])
    assert [panel.get_title(loc="left") for panel in made.axes] == ["train/total", "val/score"]
    assert [text.get_text() for text in made.axes[0].get_legend().get_texts()] == ["one", "two"]


def test_what_is_no_log_is_refused(tmp_path: Path):
    (tmp_path / "x.csv").write_text("case,dice\na,1\n", encoding="utf-8")
    with pytest.raises(ReadError, match="no column 'step' or 'epoch'"):
        curves.read_curves(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("step,loss\n1,much\n", encoding="utf-8")
    with pytest.raises(ReadError, match="holds what is no number"):
        curves.read_curves(tmp_path / "x.csv")


def test_thresholds_have_errors_and_agreement_apart(tmp_path: Path):
    (tmp_path / "t.csv").write_text("threshold,mae,r2\n0.00,1.0,\n0.01,0.9,0.5\n", encoding="utf-8")
    made = curves.threshold_curves(tmp_path / "t.csv", chosen=0.01)
    assert [panel.get_title(loc="left") for panel in made.axes] == ["Errors", "Agreement"]
    assert len(made.axes[1].get_lines()[0].get_xdata()) == 1
    (tmp_path / "t.csv").write_text("threshold\n0.0\n", encoding="utf-8")
    with pytest.raises(ReadError, match="no curves beside its thresholds"):
        curves.threshold_curves(tmp_path / "t.csv")


def test_boxes_tell_their_number_of_cases_and_leave_out_empty_ones():
    made = spread.box_plot({"lungs": {"a": [0.9, 0.8, 0.7], "b": []}, "effusion": {"a": []}}, "Dice")
    assert len(made.axes) == 1
    assert [tick.get_text() for tick in made.axes[0].get_xticklabels()] == ["a\nn = 3"]


def test_bland_altman_draws_bias_and_limits():
    truth = np.arange(7.0)
    made = spread.bland_altman({"x": (truth, truth + np.array([0, 1, 2, 1, 0, 1, 2.0]))}, "points")
    heights = sorted(line.get_ydata()[0] for line in made.axes[0].get_lines())
    assert heights[1] == pytest.approx(1.0)
    assert heights[2] - heights[1] == pytest.approx(heights[1] - heights[0])


def test_bubbles_are_read_and_named(tmp_path: Path):
    path = tmp_path / "networks.csv"
    path.write_text(
        "stage,network,parameters_m,macs_g,films_per_s,accuracy\nI,PAN,4.1,3.8,2,0.9\nI,FPN,5.8,11,1,0.95\n", "utf-8"
    )
    made = bubbles.bubble_chart(bubbles.read_bubbles(path))
    assert {text.get_text() for text in made.axes[0].texts} == {"PAN\n4.1 M", "FPN\n5.8 M"}
    small, large = made.axes[0].collections[0].get_sizes()
    assert large / small == pytest.approx(5.8 / 4.1)
    path.write_text("network,parameters_m,macs_g,films_per_s,accuracy\nPAN,x,1,1,1\n", encoding="utf-8")
    with pytest.raises(ReadError, match="no number"):
        bubbles.read_bubbles(path)


def test_files_are_the_same_each_time_and_of_known_formats(tmp_path: Path):
    for ending in canvas.FORMATS:
        both = []
        for n in range(2):
            canvas.save(spread.box_plot({"x": {"a": [0.5, 0.6]}}, "Dice"), tmp_path / f"{n}{ending}")
            both.append((tmp_path / f"{n}{ending}").read_bytes())
        assert both[0] == both[1]
    with pytest.raises(WriteError, match=r"No format of plots named '\.gif'"):
        canvas.save(spread.box_plot({"x": {"a": [0.5]}}, "Dice"), tmp_path / "x.gif")


def test_without_the_extra_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"pip install 'hilum\[lab\]'"):
        canvas.canvas(("x",))
