"""Hounsfield units from what is stored: 16 bits where nothing is lost, and nothing that is not a number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilum.measurement import Gravity
from hilum.readers.voxels import hounsfield

SHAPE = (3, 2, 2)


@given(
    samples=arrays.arrays(st.sampled_from(["u1", "i2", "u2", "i4", "f4"]), SHAPE, elements=st.integers(0, 200)),
    slope=st.sampled_from([1.0, 2.0, 0.5, -1.0, 0.1]),
    intercept=st.sampled_from([0.0, -1024.0, 0.5]),
)
def test_is_the_line_through_the_numbers(samples, slope, intercept):
    made, findings = hounsfield(samples, slope, intercept)
    expected = samples.astype(float) * slope + intercept
    assert findings == ()
    assert made == pytest.approx(expected, rel=1e-6)
    assert (made.dtype == np.int16) == bool((expected == np.rint(expected)).all())


def test_16_bits_without_rescaling_are_not_copied():
    samples = np.zeros(SHAPE, np.int16)
    assert hounsfield(samples)[0] is samples


@pytest.mark.parametrize(
    ("value", "slope", "intercept", "kind"),
    [
        (32767, 1, 0, np.int16),
        (32768, 1, 0, np.float32),
        (65535, 1, -32768, np.int16),
        (32767, 1, 1, np.float32),
        (20000, -2, 0, np.float32),
        (16384, -2, 0, np.int16),
    ],
)
def test_16_bits_only_where_they_hold_it(value, slope, intercept, kind):
    made, _ = hounsfield(np.full(SHAPE, value, np.uint16), float(slope), float(intercept))
    assert made.dtype == kind
    assert made[0, 0, 0] == value * slope + intercept


@pytest.mark.parametrize(("count", "gravity"), [(1, Gravity.WARNING), (6, Gravity.WARNING), (7, Gravity.ERROR)])
def test_what_is_not_a_number_becomes_the_least_of_the_rest(count, gravity):
    samples = np.arange(12, dtype=np.float32).reshape(SHAPE) + 5
    samples.ravel()[-count:] = np.nan
    made, findings = hounsfield(samples)
    assert [(finding.code, finding.gravity) for finding in findings] == [("not-finite", gravity)]
    assert made.ravel()[-count:].tolist() == [5] * count
    assert f"({count}) are not numbers" in findings[0].message


def test_no_number_at_all():
    made, findings = hounsfield(np.full(SHAPE, np.inf))
    assert (made == 0).all()
    assert findings[0].gravity is Gravity.ERROR
    assert findings[0].message.startswith("None of its voxels is a number")


def test_what_is_too_large_for_32_bits_is_told():
    made, findings = hounsfield(np.array([[[1e300, 1.5]]]))
    assert made.tolist() == [[[1.5, 1.5]]]
    assert findings[0].code == "not-finite"
