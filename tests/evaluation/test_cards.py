"""Figures of an evaluation on the cards of networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hilum.errors import ModelError
from hilum.evaluation.bootstrap import Interval
from hilum.evaluation.cards import metrics_of, write_metrics
from hilum.evaluation.figures import FIGURES
from hilum.evaluation.protocol import Evaluation, Row
from hilum.image import Quantity
from hilum.measurement import NotMeasured
from hilum.models.card import CARD, Card, ImageInput, Metric, Output, read_card
from hilum.models.card_writer import write_card


def evaluation(split: str = "test") -> Evaluation:
    measured = Interval(0.91234, 0.9, 0.93, 9, 7)
    rows = (
        Row(FIGURES["lungs-union"], "", measured, 0),
        Row(FIGURES["healthy-zero"], "cxr", measured, 0),
        Row(FIGURES["six-zone-readers"], "", measured, 0),
        Row(FIGURES["brixia-error"], "", NotMeasured("no film has a reference for it"), 0),
    )
    return Evaluation(rows, (), 9, (split,), ())


def card() -> Card:
    return Card(
        name="lungs", version="1", task="cxr-lungs", title="Lungs", sha256="0" * 64, licence="CC0-1.0", recipe="r",
        intended_use="Tests.", limits=("None.",),
        input=ImageInput("film", ("batch", 1, 8, 8), Quantity.RADIOGRAPH, (8, 8), (0.0,), (1.0,)),
        outputs={"lungs": Output(("batch", 1, 8, 8), "sigmoid", ("lungs",))},
    )  # fmt: skip


def test_each_network_gets_its_own_figures() -> None:
    assert [metric.figure for metric in metrics_of(evaluation(), "cxr-lungs")] == ["lungs-union"]
    assert [metric.figure for metric in metrics_of(evaluation(), "cxr-lesions")] == ["healthy-zero (cxr)"]


def test_numbers_counts_and_split_are_kept() -> None:
    (metric,) = metrics_of(evaluation("val"), "cxr-lungs")
    assert metric == Metric("lungs-union", "val", 0.9123, 0.9, 0.93, 9, 7)


def test_a_split_takes_the_place_of_its_earlier_figures(tmp_path: Path) -> None:
    of_val = Metric("lungs-union", "val", 0.5, 0.4, 0.6, 3, 3)
    write_card(replace(card(), metrics=(of_val, replace(of_val, split="test"))), tmp_path / CARD)
    write_metrics(tmp_path, evaluation("test"))
    assert [(metric.split, metric.estimate) for metric in read_card(tmp_path / CARD).metrics] == [
        ("val", 0.5),
        ("test", 0.9123),
    ]


def test_a_folder_without_a_card(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Cannot read the model card"):
        write_metrics(tmp_path, evaluation())
