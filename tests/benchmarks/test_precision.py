from __future__ import annotations

from pathlib import Path

import numpy as np
import precision
import pytest

from hilum.settings import RuntimeSettings


def kept(lungs: np.ndarray, score: float | None, is_diseased: bool) -> precision.Kept:
    bits = np.packbits(lungs)
    return precision.Kept({"lungs": bits, "lesions": bits}, {"six-zone": score}, is_diseased)


def variant(engine: str, **films: precision.Kept) -> precision.Variant:
    return precision.Variant(
        RuntimeSettings(engine=engine, precision="float32"), {Path(name): film for name, film in films.items()}
    )


def test_dice_of_bits_is_the_dice_of_masks() -> None:
    random = np.random.default_rng(2)
    a, b = random.random((2, 11, 13)) > 0.6
    expected = 2 * (a & b).sum() / (a.sum() + b.sum())
    assert precision.dice(np.packbits(a), np.packbits(b)) == pytest.approx(expected)
    assert precision.dice(np.packbits(a), np.packbits(~a)) == 0
    assert precision.dice(np.packbits(a & ~a), np.packbits(b & ~b)) == 1


def test_differences_are_told_film_by_film() -> None:
    full, half = np.ones((8, 8), bool), np.arange(64).reshape(8, 8) < 32
    reference = variant("onnxruntime", a=kept(full, 2.0, True), b=kept(full, None, True), c=kept(full, 1.0, True))
    other = variant("openvino", a=kept(full, 2.5, True), b=kept(half, 1.0, False))
    rows = {row["what"]: row for row in precision.differences(reference, other)}
    assert rows["lungs, Dice"]["mean"] == pytest.approx((1 + 2 / 3) / 2)
    assert rows["lungs, Dice"]["worst"] == pytest.approx(2 / 3)
    assert rows["six-zone, difference"] | {"variant": ""} == {
        "variant": "", "what": "six-zone, difference", "films": 1, "mean": 0.5, "worst": 0.5,
    }  # fmt: skip
    assert rows["diseased, verdict changed"]["mean"] == 0.5
    assert rows["film lost"]["mean"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("what", "mean", "close"),
    [
        ("lungs, Dice", 0.999, True),
        ("lungs, Dice", 0.9, False),
        ("brixia, difference", 0.01, True),
        ("brixia, difference", 0.2, False),
        ("diseased, verdict changed", 0.2, True),
    ],
)
def test_the_bounds_hold_for_masks_and_scores(what: str, mean: float, close: bool) -> None:
    assert precision.is_close({"what": what, "mean": mean}) is close


def test_the_reference_is_tried_first() -> None:
    tried = precision.variants()
    assert tried[0].name == "onnxruntime float32"
    assert len({each.name for each in tried}) == len(tried) >= 2
