"""Losses on partial labels against loops over single pixels."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.training.losses import UNKNOWN, allowed, binary, close, partial_cross_entropy, partial_dice, soft_extent

SETS = (1, 2, 4, 6, 7)


def softmax(values):
    powers = [math.exp(value - max(values)) for value in values]
    return [power / sum(powers) for power in powers]


def pixels(raw, bits):
    """Picture number, probabilities and allowed set of every pixel."""
    for n, row, column in np.ndindex(*bits.shape):
        yield n, softmax([float(raw[n, c, row, column]) for c in range(3)]), int(bits[n, row, column])


def slow_cross_entropy(raw, bits):
    terms = [
        -math.log(sum(p for c, p in enumerate(chance) if s >> c & 1)) for _, chance, s in pixels(raw, bits) if s != 7
    ]
    return sum(terms) / len(terms) if terms else 0.0


def slow_dice(raw, bits):
    known = [each for each in pixels(raw, bits) if each[2] != 7]
    mixed = {n for n, _, s in known if s == 6}
    apart = [each for each in known if each[0] not in mixed]

    def term(pairs):
        both, total = sum(p * t for p, t in pairs), sum(p + t for p, t in pairs)
        return 1 - (2 * both + 1) / (total + 1)

    terms = [term([(chance[1] + chance[2], not s & 1) for _, chance, s in known])]
    if apart:
        terms += [term([(chance[c], s == 1 << c) for _, chance, s in apart]) for c in (1, 2)]
    return sum(terms) / len(terms)


def drawn(seed, sets=SETS, shape=(3, 5, 7)):
    rng = np.random.default_rng(seed)
    raw = torch.tensor(rng.normal(0, 2, (shape[0], 3, *shape[1:])), dtype=torch.float32)
    return raw, torch.tensor(rng.choice(sets, shape), dtype=torch.uint8)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.sets(st.sampled_from(SETS), min_size=1))
def test_outline_losses_are_those_of_slow_loops(seed, sets):
    raw, bits = drawn(seed, sorted(sets))
    assert float(partial_cross_entropy(raw, bits)) == pytest.approx(slow_cross_entropy(raw, bits), abs=1e-5)
    assert float(partial_dice(raw, bits)) == pytest.approx(slow_dice(raw, bits), abs=1e-5)


def test_single_structures_count_only_on_pictures_that_tell_them_apart():
    raw, bits = drawn(3, (1, 2, 4, 7))
    bits[0, 0, 0] = 6
    assert float(partial_dice(raw, bits)) == pytest.approx(slow_dice(raw, bits), abs=1e-5)
    exchanged = raw.clone()
    exchanged[0] = raw[0][[0, 2, 1]]
    assert torch.allclose(partial_dice(exchanged, bits), partial_dice(raw, bits))
    exchanged[1] = raw[1][[0, 2, 1]]
    assert not torch.allclose(partial_dice(exchanged, bits), partial_dice(raw, bits))


def test_what_is_not_known_teaches_nothing():
    raw, _ = drawn(1)
    raw.requires_grad_()
    bits = torch.full((3, 5, 7), UNKNOWN, dtype=torch.uint8)
    (partial_cross_entropy(raw, bits) + partial_dice(raw, bits)).backward()
    assert torch.count_nonzero(raw.grad) == 0


def test_an_unknown_pixel_has_no_gradient_beside_known_ones():
    raw, bits = drawn(2)
    raw.requires_grad_()
    (partial_cross_entropy(raw, bits) + partial_dice(raw, bits)).backward()
    unknown = (bits == UNKNOWN)[:, None].expand_as(raw)
    assert torch.count_nonzero(raw.grad[unknown]) == 0
    assert torch.count_nonzero(raw.grad[~unknown]) > 0


def test_sets_as_classes():
    bits = torch.tensor([[[1, 2, 4, 6, 7]]], dtype=torch.uint8)
    assert allowed(bits)[0, :, 0].T.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1]]


def test_scores_count_where_they_are_known():
    raw = torch.tensor([[0.5, -1.0, 3.0]], requires_grad=True)
    target = torch.tensor([[1.0, math.nan, 0.65]])
    chances = [1 / (1 + math.exp(-value)) for value in (0.5, 3.0)]
    expected = -(math.log(chances[0]) + 0.65 * math.log(chances[1]) + 0.35 * math.log(1 - chances[1])) / 2
    loss = binary(raw, target)
    loss.backward()
    assert loss.item() == pytest.approx(expected, abs=1e-6)
    assert raw.grad[0, 1] == 0
    assert torch.isfinite(raw.grad).all()


def test_close_is_smooth_l1_in_units_of_its_scale():
    value, target = torch.tensor([[1.0], [7.0], [3.0]]), torch.tensor([[2.0], [1.0], [math.nan]])
    assert float(close(value, target, 2.0)) == pytest.approx((0.5 * 0.5**2 + (3.0 - 0.5)) / 2)


@pytest.mark.parametrize("loss", [binary, lambda value, target: close(value, target, 2.0)])
def test_no_known_score_is_no_loss(loss):
    value = torch.tensor([[0.3], [4.0]], requires_grad=True)
    made = loss(value, torch.full((2, 1), math.nan))
    made.backward()
    assert made.item() == 0
    assert torch.count_nonzero(value.grad) == 0


def lungs_with(right, left):
    """Raw maps with a share of each lung opaque, and zones of 80 pixels each."""
    raw, zones = torch.zeros(1, 3, 12, 40), torch.zeros(1, 6, 12, 40)
    raw[:, 0] = 40.0
    for number, share in enumerate([right] * 3 + [left] * 3):
        rows = slice(2 * number, 2 * number + 2)
        zones[0, number, rows] = 1
        raw[0, 1, rows, : round(40 * share)] = 80.0
    return raw, zones


@pytest.mark.parametrize(("share", "grade"), [(0.0, 0), (0.125, 1), (0.375, 2), (0.625, 3), (0.875, 4), (1.0, 4)])
def test_extent_has_the_grades_at_the_middles_of_their_intervals(share, grade):
    assert float(soft_extent(*lungs_with(share, 0))) == pytest.approx(grade, abs=1e-4)
    assert float(soft_extent(*lungs_with(share, 0.375))) == pytest.approx(grade + 2, abs=1e-4)


def test_extent_never_falls_with_more_opacity():
    found = [float(soft_extent(*lungs_with(share, share))) for share in np.linspace(0, 1, 41)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0, abs=1e-4)
    assert found[-1] == pytest.approx(8, abs=1e-4)


def test_extent_ignores_what_lies_outside_the_lungs():
    raw, zones = lungs_with(0.5, 0.25)
    zones[..., 20:] = 0
    changed = raw.clone()
    changed[:, 1, :, 20:] = 99.0
    assert torch.equal(soft_extent(raw, zones), soft_extent(changed, zones))
