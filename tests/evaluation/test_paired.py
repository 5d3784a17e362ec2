import sys

import numpy as np
import pytest
from scipy import stats

from hilum.evaluation.agreement import mean_absolute_error
from hilum.evaluation.bootstrap import Interval, bootstrap, bootstrap_mean
from hilum.evaluation.paired import paired, paired_statistic, wilcoxon
from hilum.measurement import NotMeasured

VALUES = np.array([0.9, 0.7, 0.8, 0.65, 0.95, 0.5, 0.85])
PATIENTS = ["a", "a", "b", "c", "d", "e", "f"]


def test_the_interval_of_a_mean_is_that_of_the_plain_bootstrap():
    quick = bootstrap_mean(VALUES, PATIENTS, generator=np.random.default_rng(3))
    plain = bootstrap(lambda v: float(v.mean()), [VALUES], PATIENTS, generator=np.random.default_rng(3))
    assert isinstance(plain, Interval)
    assert (quick.low, quick.high) == pytest.approx((plain.low, plain.high))
    assert (quick.estimate, quick.n_cases, quick.n_patients) == (pytest.approx(plain.estimate), 7, 6)


def test_the_mean_of_nothing_is_refused():
    with pytest.raises(ValueError, match="0 patients"):
        bootstrap_mean(np.zeros(0), [], generator=np.random.default_rng(0))
    with pytest.raises(ValueError, match="level"):
        bootstrap_mean(VALUES, PATIENTS, generator=np.random.default_rng(0), level=1.0)


def test_patients_count_once():
    second = VALUES + np.array([0.1, -0.3, 0.05, 0.02, 0.01, 0.0, -0.02])
    made = paired(VALUES, second, PATIENTS)
    assert (made.n_higher, made.n_lower, made.n_equal) == (3, 2, 1)
    assert made.difference.estimate == pytest.approx((second - VALUES).mean())
    means = [-0.1, 0.05, 0.02, 0.01, 0.0, -0.02]
    assert made.p_value == pytest.approx(stats.wilcoxon(np.round(means, 9), zero_method="pratt").pvalue, abs=0.05)


def test_a_clear_difference_is_told_and_none_is_not():
    better = paired(VALUES, VALUES + 0.1, PATIENTS)
    assert better.difference.low > 0
    assert better.p_value == pytest.approx(2 / 2**6)
    same = paired(VALUES, VALUES, PATIENTS)
    assert (same.difference.estimate, same.n_equal, same.p_value) == (0.0, 6, NotMeasured("no case differs"))


def test_a_statistic_is_compared_on_the_same_draws():
    truth = np.arange(7.0)
    made = paired_statistic(mean_absolute_error, truth, (truth + 1, truth + 3), PATIENTS)
    assert isinstance(made, Interval)
    assert (made.low, made.estimate, made.high) == (2.0, 2.0, 2.0)


def test_without_the_extra_there_is_no_p_value_but_a_reason(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    made = wilcoxon(np.array([0.1, 0.2]))
    assert isinstance(made, NotMeasured)
    assert "pip install 'hilum[lab]'" in made.reason


def test_series_of_two_lengths_are_refused():
    with pytest.raises(ValueError, match="one length"):
        paired(VALUES, VALUES[:-1], PATIENTS)
