"""The scores of a film: rules, edges of every interval, what is absent."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.measurement import NotMeasured
from hilum.scoring.radiograph import (
    LEAST_COUNTED_SHARE,
    brixia,
    extent_grade,
    geographic_extent,
    opacity_percent,
    six_zone,
)
from hilum.segmentation.zones import ZONES

ABSENT = NotMeasured("the left lung was not found")
CURVE = {"threshold": 0.25, "spread": 0.15}
unit = st.floats(0, 1)


def by_zone(*values):
    return dict(zip(ZONES, values, strict=True))


class TestSixZone:
    def test_a_zone_counts_above_the_threshold_and_not_at_it(self):
        above = math.nextafter(0.31, 1)
        made = six_zone(by_zone(0.0, 0.31, above, 1.0, 0.3, 0.5), threshold=0.31, method="opacity-share")
        assert made.value == 3
        assert made.parts == by_zone(0, 0, 1, 1, 0, 1)
        assert made.settings == {"threshold": 0.31}
        assert made.method == "opacity-share"

    @pytest.mark.parametrize(("value", "total"), [(0.0, 0), (1.0, 6)])
    def test_both_ends_of_the_range_are_reached(self, value, total):
        assert six_zone(dict.fromkeys(ZONES, value)).value == total

    def test_a_threshold_of_zero_counts_any_lesion_and_of_one_none(self):
        assert six_zone(by_zone(0.0, 1e-9, 0, 0, 0, 0), threshold=0.0).value == 1
        assert six_zone(dict.fromkeys(ZONES, 1.0), threshold=1.0).value == 0

    def test_one_absent_zone_makes_the_total_absent_and_keeps_the_other_parts(self):
        made = six_zone(by_zone(1.0, 1.0, 0.0, ABSENT, ABSENT, ABSENT))
        assert made.value == ABSENT
        assert made.parts == by_zone(1, 1, 0, ABSENT, ABSENT, ABSENT)

    def test_a_missing_zone_is_a_slip(self):
        with pytest.raises(ValueError, match="lacks left-lower"):
            six_zone(dict.fromkeys(ZONES[:5], 0.0))

    @pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
    def test_numbers_out_of_range_are_slips(self, wrong):
        with pytest.raises(ValueError, match="left-upper zone"):
            six_zone(by_zone(0, 0, 0, wrong, 0, 0))
        with pytest.raises(ValueError, match="threshold"):
            six_zone(dict.fromkeys(ZONES, 0.0), threshold=wrong)

    @given(st.lists(st.tuples(unit, unit), min_size=6, max_size=6), unit)
    def test_it_never_falls_as_ratios_grow(self, pairs, threshold):
        low, high = (
            six_zone(by_zone(*map(min, pairs)), threshold=threshold),
            six_zone(by_zone(*map(max, pairs)), threshold=threshold),
        )
        assert 0 <= low.value <= high.value <= 6


class TestExpectedSixZone:
    """Zones are counted by as many readers as the logistic curve through the threshold says."""

    def test_zones_that_are_each_a_little_affected_count_together(self):
        made = six_zone(dict.fromkeys(ZONES, 0.2), **CURVE, method="zone-evidence")
        assert made.value == 3  # 6 / (1 + exp(1 / 3)) = 2.5
        assert made.settings == {"threshold": 0.25, "spread": 0.15}
        assert made.method == "zone-evidence"

    def test_those_that_most_readers_count_are_the_affected_ones(self):
        made = six_zone(by_zone(0.1, 0.5, 0.3, 0.0, 0.9, 0.2), **CURVE)
        assert made.value == 3  # 0.27 + 0.84 + 0.58 + 0 + 0.99 + 0.42 = 3.1
        assert made.parts == by_zone(0, 1, 1, 0, 1, 0)

    def test_zones_with_hardly_any_opacity_never_count(self):
        assert six_zone(dict.fromkeys(ZONES, LEAST_COUNTED_SHARE), **CURVE).value == 0
        assert six_zone(dict.fromkeys(ZONES, math.nextafter(LEAST_COUNTED_SHARE, 1)), **CURVE).value == 1
        assert six_zone(by_zone(0, 0, 1.0, 0, 0, 0), **CURVE).parts == by_zone(0, 0, 1, 0, 0, 0)
        assert six_zone(dict.fromkeys(ZONES, 1.0), **CURVE).value == 6

    def test_absent_zones_stay_absent(self):
        made = six_zone(by_zone(1.0, 1.0, 0.01, ABSENT, ABSENT, ABSENT), **CURVE)
        assert made.value == ABSENT
        assert made.parts == by_zone(1, 1, 0, ABSENT, ABSENT, ABSENT)

    @pytest.mark.parametrize("wrong", [-0.1, 1.1, math.nan])
    def test_a_spread_out_of_range_is_a_slip(self, wrong):
        with pytest.raises(ValueError, match="spread"):
            six_zone(dict.fromkeys(ZONES, 0.5), spread=wrong)

    @given(st.lists(st.tuples(unit, unit), min_size=6, max_size=6), unit, unit)
    def test_it_never_falls_as_ratios_grow_and_is_the_sum_of_its_parts(self, pairs, threshold, spread):
        low, high = (six_zone(by_zone(*map(end, pairs)), threshold=threshold, spread=spread) for end in (min, max))
        most = sum(max(pair) > (LEAST_COUNTED_SHARE if spread else threshold) for pair in pairs)
        assert 0 <= low.value <= high.value <= most
        assert low.value == sum(low.parts.values())

    @given(st.lists(unit, min_size=6, max_size=6), unit)
    def test_the_sharpest_curve_is_the_threshold(self, ratios, threshold):
        near = [ratio for ratio in ratios if abs(ratio - threshold) < 1e-6 or ratio <= LEAST_COUNTED_SHARE]
        sharp = six_zone(by_zone(*ratios), threshold=threshold, spread=1e-9)
        assert near or sharp.parts == six_zone(by_zone(*ratios), threshold=threshold).parts


class TestGeographicExtent:
    @pytest.mark.parametrize(
        ("share", "grade"),
        [
            (0.0, 0),
            (math.nextafter(0, 1), 1),
            (math.nextafter(0.25, 0), 1),
            (0.25, 2),
            (math.nextafter(0.5, 0), 2),
            (0.5, 3),
            (0.75, 3),
            (math.nextafter(0.75, 1), 4),
            (1.0, 4),
        ],
    )
    def test_edges(self, share, grade):
        assert extent_grade(share) == grade

    @pytest.mark.parametrize("wrong", [-1e-9, 1.0001, math.nan])
    def test_no_share_has_no_grade(self, wrong):
        with pytest.raises(ValueError, match="share of a lung"):
            extent_grade(wrong)

    def test_it_is_the_sum_of_both_lungs(self):
        made = geographic_extent({"right": 0.3, "left": 0.9, "both": 0.6})
        assert made.value == 6
        assert made.parts == {"right": 2, "left": 4}

    def test_one_absent_lung(self):
        made = geographic_extent({"right": 0.3, "left": ABSENT})
        assert made.value == ABSENT
        assert made.parts == {"right": 2, "left": ABSENT}

    @given(unit, unit)
    def test_it_never_falls_as_the_share_grows(self, one, other):
        assert extent_grade(min(one, other)) <= extent_grade(max(one, other))


class TestBrixia:
    @pytest.mark.parametrize(
        ("expected", "grade"), [(0.0, 0), (0.49, 0), (0.5, 1), (1.49, 1), (1.5, 2), (2.49, 2), (2.5, 3), (3.0, 3)]
    )
    def test_expectations_are_rounded_a_half_upwards(self, expected, grade):
        made = brixia(by_zone(expected, 0, 0, 0, 0, 0))
        assert made.parts["right-upper"] == grade == made.value

    def test_the_total_is_that_of_the_parts_shown(self):
        made = brixia(by_zone(0.6, 1.6, 2.6, 0.4, 1.4, 2.4))
        assert made.value == sum(made.parts.values()) == 9
        assert made.definition.is_estimate

    def test_no_estimate(self):
        made = brixia(NotMeasured("no network"))
        assert made.value == NotMeasured("no network")
        assert set(made.parts) == set(ZONES)
        assert set(made.parts.values()) == {NotMeasured("no network")}

    def test_an_absent_zone(self):
        made = brixia(by_zone(1.0, 1.0, 1.0, ABSENT, 1.0, 1.0))
        assert made.value == ABSENT
        assert made.parts["left-middle"] == 1

    @pytest.mark.parametrize("wrong", [-0.01, 3.01, math.inf, math.nan])
    def test_no_such_grade(self, wrong):
        with pytest.raises(ValueError, match="right-lower zone"):
            brixia(by_zone(0, 0, wrong, 0, 0, 0))

    @given(st.lists(st.floats(0, 3), min_size=6, max_size=6))
    def test_it_stays_in_range_and_near_the_expectation(self, expected):
        made = brixia(by_zone(*expected))
        assert 0 <= made.value <= 18
        assert all(abs(made.parts[zone] - value) <= 0.5 for zone, value in zip(ZONES, expected, strict=True))


class TestOpacityPercent:
    def test_it_is_of_both_lungs_and_parts_are_of_each_region(self):
        shares = {"both": 0.25, "right": 0.5, "left": 0.0} | by_zone(0.5, 0.5, 0.5, 0, 0, 0)
        made = opacity_percent(shares)
        assert made.value == 25
        assert made.parts == {"right": 50, "left": 0} | by_zone(50, 50, 50, 0, 0, 0)

    def test_an_absent_lung(self):
        made = opacity_percent({"both": ABSENT, "right": 0.5, "left": ABSENT})
        assert made.value == ABSENT
        assert made.parts == {"right": 50, "left": ABSENT}
