"""Bootstrap intervals: repeatable, over patients, against scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from hilum.evaluation.agreement import pearson
from hilum.evaluation.bootstrap import Interval, bootstrap
from hilum.measurement import NotMeasured

VALUES = np.random.default_rng(3).normal(10, 2, size=40)
ALONE = [f"p{n}" for n in range(40)]


def mean(values):
    return float(values.mean())


def generator(seed=0):
    return np.random.default_rng(seed)


def test_it_is_repeatable_and_depends_on_the_seed():
    first, again, other = (bootstrap(mean, [VALUES], ALONE, generator=generator(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert first.estimate == other.estimate == VALUES.mean()
    assert (first.n_cases, first.n_patients) == (40, 40)


def test_it_is_what_scipy_makes_of_it_when_no_patient_has_two_cases():
    made = bootstrap(mean, [VALUES], ALONE, generator=generator(), resamples=4000)
    theirs = stats.bootstrap(
        (VALUES,), np.mean, n_resamples=4000, method="percentile", rng=generator(5)
    ).confidence_interval
    assert made.low == pytest.approx(theirs.low, abs=0.05)
    assert made.high == pytest.approx(theirs.high, abs=0.05)


def test_cases_of_one_patient_are_drawn_together():
    twice, patients = np.repeat(VALUES, 2), [name for name in ALONE for _ in range(2)]
    clustered = bootstrap(mean, [twice], patients, generator=generator())
    careless = bootstrap(mean, [twice], [f"q{n}" for n in range(80)], generator=generator())
    alone = bootstrap(mean, [VALUES], ALONE, generator=generator())
    assert (clustered.n_cases, clustered.n_patients) == (80, 40)
    assert clustered.high - clustered.low == pytest.approx(alone.high - alone.low)
    assert careless.high - careless.low < 0.85 * (alone.high - alone.low)


def test_the_order_of_a_patients_cases_does_not_matter():
    shuffled = [0, 3, 1, 2]
    values, patients = np.array([1.0, 2.0, 3.0, 7.0]), np.array(["a", "b", "b", "a"])
    plain = bootstrap(mean, [values], patients.tolist(), generator=generator())
    assert bootstrap(mean, [values[shuffled]], patients[shuffled].tolist(), generator=generator()) == plain


def test_all_series_are_drawn_alike():
    made = bootstrap(lambda x, y: float(np.abs(x - y).max()), [VALUES, VALUES + 1], ALONE, generator=generator())
    assert (made.low, made.estimate, made.high) == pytest.approx((1, 1, 1))


def test_a_higher_level_is_a_wider_interval():
    narrow, wide = (bootstrap(mean, [VALUES], ALONE, generator=generator(), level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_one_patient_has_no_spread():
    assert bootstrap(mean, [VALUES], ["p"] * 40, generator=generator()) == Interval(
        VALUES.mean(), VALUES.mean(), VALUES.mean(), 40, 1
    )


def test_draws_that_cannot_be_measured_do_not_count():
    made = bootstrap(pearson, [np.array([1.0, 2.0]), np.array([1.0, 3.0])], ["a", "b"], generator=generator())
    assert (made.low, made.estimate, made.high) == pytest.approx((1, 1, 1))


def test_without_an_estimate_there_is_no_interval():
    absent = NotMeasured("never")
    assert bootstrap(lambda _: absent, [VALUES], ALONE, generator=generator()) == absent


def test_without_any_measured_draw_the_interval_is_the_estimate():
    answers = iter([0.5])
    made = bootstrap(
        lambda _: next(answers, NotMeasured("no more")), [VALUES], ALONE, generator=generator(), resamples=3
    )
    assert made == Interval(0.5, 0.5, 0.5, 40, 40)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.floats(-5, 5), st.sampled_from("abcd")), min_size=1, max_size=12), st.integers(0, 9))
def test_the_interval_lies_within_the_means_of_the_patients(cases, seed):
    values, patients = np.array([value for value, _ in cases]), [patient for _, patient in cases]
    made = bootstrap(mean, [values], patients, generator=generator(seed), resamples=50)
    of_patients = [values[[p == patient for p in patients]].mean() for patient in set(patients)]
    assert min(of_patients) - 1e-9 <= made.low <= made.high <= max(of_patients) + 1e-9


def test_slips():
    with pytest.raises(ValueError, match="2 patients do not fit series of"):
        bootstrap(mean, [VALUES], ["a", "b"], generator=generator())
    with pytest.raises(ValueError, match="0 patients"):
        bootstrap(mean, [np.array([])], [], generator=generator())
    with pytest.raises(ValueError, match="level"):
        bootstrap(mean, [VALUES], ALONE, generator=generator(), level=95)
