"""Agreement: by hand, against scipy and scikit-learn, and where a formula has no value."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats
from sklearn import metrics

from hilum.evaluation.agreement import (
    area_under_curve,
    bias,
    exact_agreement,
    icc_2_1,
    intraclass_correlation,
    limits_of_agreement,
    mean_absolute_error,
    pearson,
    quadratic_kappa,
    r_squared,
    root_mean_square_error,
    sensitivity,
    spearman,
    specificity,
)
from hilum.measurement import NotMeasured

SERIES = (
    mean_absolute_error,
    root_mean_square_error,
    bias,
    exact_agreement,
    limits_of_agreement,
    r_squared,
    pearson,
    spearman,
    quadratic_kappa,
    icc_2_1,
)
ONE, TWO = np.array([1.0, 3.0]), np.array([2.0, 3.0])

scores = st.integers(2, 12).flatmap(
    lambda n: st.tuples(*[arrays.arrays(np.float64, n, elements=st.integers(0, 6).map(float))] * 2)
)
numbers = st.integers(2, 12).flatmap(
    lambda n: st.tuples(*[arrays.arrays(np.float64, n, elements=st.floats(-100, 100).map(lambda x: round(x, 3)))] * 2)
)


def varies(*series):
    return all(np.ptp(values) > 0.01 for values in series)


class TestByHand:
    def test_two_cases(self):
        assert mean_absolute_error(ONE, TWO) == 0.5
        assert root_mean_square_error(ONE, TWO) == pytest.approx(0.5**0.5)
        assert bias(ONE, TWO) == 0.5
        assert bias(TWO, ONE) == -0.5
        assert exact_agreement(ONE, TWO) == 0.5
        assert r_squared(ONE, TWO) == 0.5
        assert pearson(ONE, TWO) == pytest.approx(1)
        assert pearson(ONE, -TWO) == pytest.approx(-1)
        limits = limits_of_agreement(ONE, TWO)
        assert (limits.bias, limits.low, limits.high) == pytest.approx(
            (0.5, 0.5 - 1.96 * 0.5**0.5, 0.5 + 1.96 * 0.5**0.5)
        )

    def test_perfect_agreement(self):
        series = np.array([0.0, 2.0, 5.0])
        assert [f(series, series) for f in (pearson, spearman, quadratic_kappa, icc_2_1, r_squared)] == pytest.approx(
            [1] * 5
        )

    def test_the_published_example_of_the_intraclass_correlation(self):
        ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
        assert intraclass_correlation(np.array(ratings, dtype=float)) == pytest.approx(0.29, abs=0.005)

    def test_a_constant_offset_costs_agreement_and_not_correlation(self):
        series = np.array([0.0, 1.0, 4.0, 6.0])
        assert pearson(series, series + 2) == pytest.approx(1)
        assert quadratic_kappa(series, series + 2) < 0.8
        assert icc_2_1(series, series + 2) < 0.8

    def test_verdicts(self):
        reference, verdict = np.array([1, 1, 1, 0, 0], bool), np.array([1, 0, 1, 0, 1], bool)
        assert sensitivity(reference, verdict) == pytest.approx(2 / 3)
        assert specificity(reference, verdict) == pytest.approx(1 / 2)

    def test_ties_in_the_curve_count_half(self):
        reference = np.array([1, 0, 1, 0], bool)
        assert area_under_curve(reference, np.array([0.5, 0.5, 0.5, 0.5])) == 0.5
        assert area_under_curve(reference, np.array([0.9, 0.1, 0.8, 0.2])) == 1
        assert area_under_curve(reference, np.array([0.1, 0.9, 0.2, 0.8])) == 0
        assert area_under_curve(reference, np.array([0.9, 0.5, 0.5, 0.1])) == 0.875


class TestAgainstOthers:
    @given(numbers)
    def test_errors(self, pair):
        assert mean_absolute_error(*pair) == pytest.approx(metrics.mean_absolute_error(*pair))
        assert root_mean_square_error(*pair) == pytest.approx(metrics.mean_squared_error(*pair) ** 0.5)

    @given(numbers)
    def test_correlations(self, pair):
        assume(varies(*pair))
        assert r_squared(*pair) == pytest.approx(metrics.r2_score(*pair))
        assert pearson(*pair) == pytest.approx(stats.pearsonr(*pair).statistic, abs=1e-9)
        assert spearman(*pair) == pytest.approx(stats.spearmanr(*pair).statistic, abs=1e-9)

    @given(scores)
    def test_kappa_with_ties(self, pair):
        assume(varies(*pair))
        assert quadratic_kappa(*pair) == pytest.approx(
            metrics.cohen_kappa_score(*[s.astype(int) for s in pair], weights="quadratic", labels=list(range(7)))
        )

    @given(scores)
    def test_ranks_with_ties(self, pair):
        assume(varies(*pair))
        assert spearman(*pair) == pytest.approx(stats.spearmanr(*pair).statistic, abs=1e-9)

    @given(scores)
    def test_the_curve(self, pair):
        reference, evidence = pair[0] > 2, pair[1]
        assume(0 < reference.sum() < len(reference))
        assert area_under_curve(reference, evidence) == pytest.approx(metrics.roc_auc_score(reference, evidence))

    @given(scores)
    def test_verdicts(self, pair):
        reference, verdict = pair[0] > 2, pair[1] > 3
        assume(0 < reference.sum() < len(reference))
        assert sensitivity(reference, verdict) == pytest.approx(metrics.recall_score(reference, verdict))
        assert specificity(reference, verdict) == pytest.approx(metrics.recall_score(~reference, ~verdict))


class TestProperties:
    @given(numbers)
    def test_exchanging_the_raters(self, pair):
        for f in (
            mean_absolute_error,
            root_mean_square_error,
            exact_agreement,
            pearson,
            spearman,
            quadratic_kappa,
            icc_2_1,
        ):
            one, other = f(*pair), f(*pair[::-1])
            assert one == other if isinstance(one, NotMeasured) else one == pytest.approx(other, abs=1e-9)
        assert bias(*pair) == pytest.approx(-bias(*pair[::-1]))

    @given(numbers)
    def test_ranges(self, pair):
        for f in (pearson, spearman, quadratic_kappa):
            value = f(*pair)
            assert isinstance(value, NotMeasured) or -1 - 1e-9 <= value <= 1 + 1e-9


class TestAbsent:
    def test_constant_series(self):
        same, other = np.array([2.0, 2.0]), np.array([1.0, 3.0])
        assert r_squared(same, other) == NotMeasured("all reference values are the same")
        assert pearson(same, other) == spearman(other, same) == NotMeasured("all values of a series are the same")
        assert quadratic_kappa(same, same) == NotMeasured("both series hold one same value only")
        assert icc_2_1(same, same) == NotMeasured("all ratings are the same")

    def test_one_case(self):
        one = np.array([1.0])
        assert isinstance(limits_of_agreement(one, one), NotMeasured)
        assert isinstance(icc_2_1(one, one), NotMeasured)
        assert mean_absolute_error(one, one + 1) == 1

    def test_one_class(self):
        yes, no = np.array([True, True]), np.array([False, False])
        assert sensitivity(no, yes) == NotMeasured("there is no positive case")
        assert specificity(yes, yes) == NotMeasured("there is no negative case")
        assert area_under_curve(yes, ONE) == NotMeasured("there is no negative case")
        assert area_under_curve(no, ONE) == NotMeasured("there is no positive case")


class TestSlips:
    @pytest.mark.parametrize("function", SERIES)
    def test_series_that_do_not_pair(self, function):
        for estimate in (np.array([1.0]), np.array([[1.0], [2.0]])):
            with pytest.raises(ValueError, match="two series of one length"):
                function(ONE, estimate)
        with pytest.raises(ValueError, match="two series of one length"):
            function(np.array([]), np.array([]))

    @pytest.mark.parametrize("function", SERIES)
    @pytest.mark.parametrize("hole", [np.nan, np.inf])
    def test_series_with_a_hole(self, function, hole):
        with pytest.raises(ValueError, match="not finite"):
            function(ONE, np.array([1.0, hole]))

    def test_ratings_with_a_hole(self):
        with pytest.raises(ValueError, match="finite"):
            intraclass_correlation(np.array([[1.0, np.nan], [1.0, 2.0]]))
        with pytest.raises(ValueError, match=r"\(cases, raters\)"):
            intraclass_correlation(ONE)
