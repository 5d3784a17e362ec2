"""The scores of a CT: every edge, what is absent, what must not change with the order of axes."""

import math
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.errors import GridMismatch, WrongQuantity
from hilum.geometry import PlaneGrid
from hilum.image import LESIONS, LOBES, LUNGS, LabelMap, Quantity
from hilum.measurement import NotMeasured
from hilum.scoring import DEFINITIONS, score, score_volume
from hilum.scoring.ct import (
    ct_severity_25,
    lung_high_opacity_score,
    lung_severity_score,
    mosmed,
    mosmed_whole,
    total_severity_20,
    zonal_24,
)
from hilum.scoring.parts import LOBE_NAMES
from hilum.segmentation.zones import ZONES

from .volumes import DRAWN, chest, grid, hounsfield, labels, lobes_of, maps, turned

IDS = DEFINITIONS.names()[3:]
OF_LOBES = ("ct-severity-25", "total-severity-20", "lung-severity-score", "lung-high-opacity-score")
ABSENT = NotMeasured("the left lung was not found")
unit = st.floats(0, 1)
few = settings(max_examples=25, deadline=None)


def below(value):
    return math.nextafter(value, 0)


def above(value):
    return math.nextafter(value, 1)


EDGES_OF_25 = [
    (0.0, 0), (above(0.0), 1), (below(0.05), 1), (0.05, 2), (0.25, 2), (above(0.25), 3), (below(0.5), 3), (0.5, 4),
    (0.75, 4), (above(0.75), 5), (1.0, 5),
]  # fmt: skip
EDGES_OF_QUARTERS = [
    (0.0, 0), (above(0.0), 1), (0.25, 1), (above(0.25), 2), (0.5, 2), (above(0.5), 3), (0.75, 3), (above(0.75), 4),
    (1.0, 4),
]  # fmt: skip
EDGES_OF_ZONES = [
    (0.0, 0), (above(0.0), 1), (below(0.25), 1), (0.25, 2), (below(0.5), 2), (0.5, 3), (below(0.75), 3), (0.75, 4),
    (1.0, 4),
]  # fmt: skip
EDGES_OF_MOSMED = [
    (0.0, 0), (above(0.0), 1), (0.25, 1), (above(0.25), 2), (0.5, 2), (above(0.5), 3), (below(0.75), 3), (0.75, 4),
    (1.0, 4),
]  # fmt: skip

LOBE_SCORES = [ct_severity_25, total_severity_20, lung_severity_score, lung_high_opacity_score]


class TestEdges:
    @pytest.mark.parametrize(("share", "grade"), EDGES_OF_25)
    def test_ct_severity(self, share, grade):
        made = ct_severity_25(dict.fromkeys(LOBE_NAMES, share))
        assert made.value == 5 * grade
        assert made.parts == dict.fromkeys(LOBE_NAMES, grade)

    @pytest.mark.parametrize("rule", LOBE_SCORES[1:])
    @pytest.mark.parametrize(("share", "grade"), EDGES_OF_QUARTERS)
    def test_the_scores_of_quarters(self, rule, share, grade):
        made = rule(dict.fromkeys(LOBE_NAMES, share))
        assert made.value == 5 * grade
        assert made.parts == dict.fromkeys(LOBE_NAMES, grade)

    @pytest.mark.parametrize(("share", "grade"), EDGES_OF_ZONES)
    def test_zones(self, share, grade):
        made = zonal_24(dict.fromkeys(ZONES, share))
        assert made.value == 6 * grade
        assert made.parts == dict.fromkeys(ZONES, grade)

    @pytest.mark.parametrize(("share", "grade"), EDGES_OF_MOSMED)
    def test_mosmed(self, share, grade):
        assert mosmed({"right": share, "left": 0.0}).value == grade
        assert mosmed({"right": 0.0, "left": share}).parts == {"right": 0, "left": grade}
        assert mosmed_whole({"both": share}).value == grade

    @pytest.mark.parametrize("rule", LOBE_SCORES)
    @pytest.mark.parametrize("wrong", [-1e-9, 1.001, math.nan])
    def test_no_such_share(self, rule, wrong):
        with pytest.raises(ValueError, match="left-lower-lobe"):
            rule(dict.fromkeys(LOBE_NAMES, 0.0) | {"left-lower-lobe": wrong})

    def test_counted_shares_meet_the_edges_exactly(self):
        """Of 240 and 480 ml: 5, 25, 50 and 75 per cent by number of voxels."""
        lungs = np.zeros((14, 12, 20), dtype=np.uint8)
        lungs[1:13, 1:11, 1:9], lungs[1:13, 1:11, 11:19] = 1, 2
        lobes = lobes_of(lungs)
        lesions = np.zeros_like(lungs)
        for lobe, percent in ((1, 5), (3, 25), (4, 50), (5, 75)):
            inside = np.flatnonzero(lobes == lobe)
            lesions.ravel()[inside[: len(inside) * percent // 100]] = 1
        made = score_volume(*maps(lungs, lesions)[:2], lobes=labels(lobes, LOBES))
        assert list(made["ct-severity-25"].parts.values()) == [2, 0, 2, 4, 4]
        assert list(made["total-severity-20"].parts.values()) == [1, 0, 1, 2, 3]


class TestRules:
    @few
    @given(st.lists(st.tuples(unit, unit), min_size=13, max_size=13))
    def test_scores_stay_in_range_and_never_fall_as_shares_grow(self, pairs):
        names = (*LOBE_NAMES, *ZONES, "right", "left")
        less, more = (dict(zip(names, [pick(pair) for pair in pairs], strict=True)) for pick in (min, max))
        for rule in (*LOBE_SCORES, zonal_24, mosmed):
            low, high = rule(less), rule(more)
            assert low.definition.range[0] <= low.value <= high.value <= high.definition.range[1]

    @pytest.mark.parametrize("rule", LOBE_SCORES)
    def test_one_absent_lobe(self, rule):
        made = rule(dict.fromkeys(LOBE_NAMES, 1.0) | {"left-upper-lobe": ABSENT})
        assert made.value == made.parts["left-upper-lobe"] == ABSENT
        assert made.parts["right-upper-lobe"] == made.definition.range[1] / 5

    def test_mosmed_needs_both_lungs_though_one_may_be_the_worse(self):
        assert mosmed({"right": 1.0, "left": ABSENT}).value == ABSENT

    def test_mosmed_both_ways_differ_where_disease_is_one_sided(self):
        lungs = chest()
        lesions = np.where(lungs == 1, 1, 0)
        made = score_volume(*maps(lungs, lesions)[:2])
        assert made["mosmed"].value == 4
        assert made["mosmed-whole"].value == 2


def scores_of(lungs, lesions, lobes=None, hu=None, on=None):
    made = maps(lungs, lesions, lobes, on)
    image = None if hu is None else hounsfield(hu, on)
    return score_volume(made[0], made[1], image=image, lobes=made[2])


def plain(scores):
    """Values and parts, to be compared."""
    return {name: (made.value, dict(made.parts)) for name, made in scores.items()}


class TestScoreVolume:
    def test_ids_and_their_order(self):
        assert tuple(scores_of(chest(), chest() * 0)) == IDS

    def test_healthy_lungs_score_nothing_and_are_measured(self):
        lungs = chest()
        made = scores_of(lungs, lungs * 0, lobes_of(lungs), np.full(lungs.shape, -800, np.int16))
        assert {score.value for score in made.values()} == {0}

    def test_white_lungs_score_everything(self):
        lungs = chest()
        made = scores_of(lungs, (lungs > 0) * 2, lobes_of(lungs), np.full(lungs.shape, 30, np.int16))
        assert all(score.value == score.definition.range[1] for score in made.values())

    def test_a_region_with_less_opacity_than_counts_is_clear_where_it_is_graded(self):
        lungs = chest()
        lesions = np.zeros_like(lungs)
        lesions[tuple(np.argwhere(lungs == 1)[0])] = 1
        lesions[(lungs == 2) & (np.cumsum(lungs == 2).reshape(lungs.shape) % 2 == 0)] = 1
        made = maps(lungs, lesions, lobes_of(lungs), None)
        image = hounsfield(np.full(lungs.shape, 30, np.int16), None)
        strict, lenient = (
            score_volume(made[0], made[1], image=image, lobes=made[2], least_opacity_ml=least)
            for least in (0.0, 1.5 * made[0].volume.voxel_ml)
        )
        for name in (*OF_LOBES, "zonal-24", "mosmed"):
            right = [part for part in strict[name].parts if part.startswith("right")]
            assert sum(strict[name].parts[part] for part in right) == 1, name
            assert sum(lenient[name].parts[part] for part in right) == 0, name
            assert lenient[name].value == strict[name].value - (name != "mosmed")
            assert lenient[name].settings["least-opacity-ml"] > 0
            assert not strict[name].settings
        assert lenient["opacity-percent"] == strict["opacity-percent"]
        assert lenient["high-opacity-percent"].parts["right"] > 0

    def test_the_least_opacity_does_not_measure_what_is_absent(self):
        lungs = chest()
        lungs[lungs == 2] = 0
        made = maps(lungs, lungs * 0, None, None)
        assert isinstance(score_volume(made[0], made[1], least_opacity_ml=5.0)["zonal-24"].value, NotMeasured)

    def test_high_opacity_begins_at_minus_200(self):
        lungs = chest()
        hu = np.full(lungs.shape, -201, np.int16)
        hu[:6] = -200
        made = scores_of(lungs, lungs > 0, None, hu)
        assert made["opacity-percent"].value == 100
        assert made["high-opacity-percent"].value == 50
        assert made["high-opacity-percent"].parts["left-lower"] == 100

    def test_dense_lung_without_a_lesion_is_no_high_opacity(self):
        lungs = chest()
        made = scores_of(lungs, lungs * 0, None, np.full(lungs.shape, 40, np.int16))
        assert made["high-opacity-percent"].value == 0

    def test_opacity_outside_the_lungs_and_effusion_do_not_count(self):
        lungs = chest()
        lesions = np.where(lungs > 0, 3, 1)
        assert scores_of(lungs, lesions)["opacity-percent"].value == 0

    def test_films_and_volumes_go_through_one_function(self):
        lungs, lesions, _ = maps(chest(), chest() > 0)
        assert plain(score(lungs, lesions)) == plain(score_volume(lungs, lesions))

    def test_a_film_has_no_ct_scores(self):
        film = LabelMap(chest()[5], PlaneGrid((7, 13)), LUNGS, DRAWN)
        with pytest.raises(WrongQuantity):
            score_volume(film, film)

    def test_grids_have_to_be_one(self):
        lungs, lesions, _ = maps(chest(), chest() > 0)
        moved = labels(chest() > 0, LESIONS, grid(chest().shape, (10, 10, 10.1)))
        with pytest.raises(GridMismatch):
            score_volume(lungs, moved)
        with pytest.raises(GridMismatch):
            score_volume(lungs, lesions, image=hounsfield(np.zeros((12, 7, 12), np.int16)))

    def test_labels_have_to_name_something_that_counts(self):
        lungs, _, lobes = maps(chest(), chest() > 0, lobes_of(chest()))
        with pytest.raises(ValueError, match="ground-glass, consolidation, effusion is needed"):
            score_volume(lungs, lobes)

    def test_other_numbers_of_the_same_labels(self):
        lungs, lesions, lobes = maps(chest(), chest(), lobes_of(chest()))
        swapped = LabelMap(
            np.where(chest() > 0, 252 + chest(), 0).astype(np.uint8),
            grid(chest().shape),
            {253: LUNGS[1], 254: LUNGS[2]},
            DRAWN,
        )
        assert plain(score_volume(swapped, lesions, lobes=lobes)) == plain(score_volume(lungs, lesions, lobes=lobes))


class TestAbsent:
    def test_no_lobes(self):
        made = scores_of(chest(), chest() > 0)
        assert {made[name].value for name in OF_LOBES} == {NotMeasured("it takes the lobes, and none were given")}
        assert set(made["opacity-percent"].parts) == {"right", "left", *ZONES}

    def test_no_image(self):
        lungs = chest()
        made = scores_of(lungs, lungs > 0, lobes_of(lungs))
        reason = NotMeasured("it takes Hounsfield units, and no image was given")
        assert made["high-opacity-percent"].value == made["lung-high-opacity-score"].value == reason
        assert made["lung-severity-score"].value == 20

    def test_pictures_of_a_ct(self):
        lungs, lesions, _ = maps(chest(), chest() > 0)
        picture = hounsfield(np.zeros(chest().shape, np.int16), quantity=Quantity.WINDOWED_CT)
        made = score_volume(lungs, lesions, image=picture)["high-opacity-percent"]
        assert made.value == NotMeasured("it takes Hounsfield units, which pictures of a CT do not hold")
        assert set(made.parts.values()) == {made.value}

    def test_one_lung_alone(self):
        lungs = chest() * (chest() == 1)
        made = scores_of(lungs, lungs > 0, lobes_of(lungs), np.zeros(lungs.shape, np.int16))
        assert all(score.value == ABSENT for score in made.values())
        assert made["mosmed"].parts == {"right": 4, "left": ABSENT}
        assert made["zonal-24"].parts["right-upper"] == 4

    def test_no_lungs(self):
        made = scores_of(chest() * 0, chest() > 0, chest() * 0, np.zeros(chest().shape, np.int16))
        both = NotMeasured("the right lung was not found and the left lung was not found")
        assert {score.value for score in made.values()} == {both}

    def test_a_scrap_of_a_lung(self):
        lungs = chest()
        lungs[lungs == 2] = 0
        lungs[5, 1:5, 8:12] = 2
        made = scores_of(lungs, lungs > 0)
        assert made["opacity-percent"].value == NotMeasured("the left lung is too small to be measured")

    def test_one_slice_has_no_zones(self):
        lungs = chest(3)[1:2]
        made = scores_of(np.repeat(np.repeat(lungs, 2, axis=1), 2, axis=2), np.zeros((1, 14, 26)))
        assert made["opacity-percent"].value == 0
        assert "upper third of the right lung was not found" in made["zonal-24"].value.reason

    def test_a_lobe_that_was_taken_out(self):
        lungs = chest()
        lobes = lobes_of(lungs)
        lobes[lobes == 2] = 3
        made = scores_of(lungs, lungs * 0, lobes)
        assert made["ct-severity-25"].value == NotMeasured("the right middle lobe was not found")

    def test_lobes_that_leave_disease_out(self):
        lungs = chest()
        lobes = lobes_of(lungs)
        lobes[:5][lobes[:5] == 5] = 0
        made = scores_of(lungs, lungs > 0, lobes)
        assert made["ct-severity-25"].value == NotMeasured("the lobes leave out 40 % of the left lung")
        assert made["ct-severity-25"].parts["right-upper-lobe"] == 5

    def test_lobes_of_the_other_side_do_not_count(self):
        lungs = chest()
        made = scores_of(lungs, lungs > 0, lobes_of(lungs)[..., ::-1])
        assert made["ct-severity-25"].value.reason.startswith("the lobes leave out 100 % of the right lung")


@st.composite
def volumes(draw):
    """Labels and densities at random, in blobs, of random shape; some labels may be missing altogether."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(3, 9), st.integers(5, 7), st.integers(8, 13)))
    lungs = rng.choice([0, 1, 2], shape, p=rng.dirichlet([1, 2, 2]))
    lungs[..., : shape[2] // 2] = lungs[..., : shape[2] // 2] > 0
    lungs[..., shape[2] // 2 :] = 2 * (lungs[..., shape[2] // 2 :] == 2)
    lesions = rng.choice([0, 1, 2, 3], shape, p=rng.dirichlet([1, 1, 1, 1]))
    lobes = rng.integers(0, draw(st.sampled_from([1, 6])), shape)
    hu = rng.choice([-900, -700, -300, -200, -199, 0, 40], shape)
    return lungs, lesions, lobes, hu.astype(np.int16)


class TestProperties:
    @few
    @given(volumes())
    def test_scores_are_in_range_or_say_why_not(self, drawn):
        lungs, lesions, lobes, hu = drawn
        for made in scores_of(lungs, lesions, lobes, hu, grid(lungs.shape, (20, 20, 20))).values():
            for value in (made.value, *made.parts.values()):
                assert value.reason if isinstance(value, NotMeasured) else 0 <= value <= made.definition.range[1]

    @few
    @given(volumes())
    def test_a_mirrored_chest_mirrors_its_scores(self, drawn):
        lungs, lesions, _, hu = drawn
        on = grid(lungs.shape, (20, 20, 20))
        mirrored = np.array([0, 2, 1], np.uint8)[lungs[..., ::-1]]
        one = scores_of(lungs, lesions, None, hu, on)
        other = scores_of(mirrored, lesions[..., ::-1], None, hu[..., ::-1], on)
        for name in ("opacity-percent", "high-opacity-percent", "zonal-24", "mosmed", "mosmed-whole"):
            expected = {swapped(region): worded(value) for region, value in one[name].parts.items()}
            assert {region: worded(value, swap=False) for region, value in other[name].parts.items()} == expected

    @few
    @given(volumes(), st.sampled_from([*product(permutations(range(3)), product([False, True], repeat=3))]))
    def test_the_order_of_axes_does_not_matter(self, drawn, way):
        lungs, lesions, lobes, hu = drawn
        straight = scores_of(lungs, lesions, lobes, hu)
        (lungs, on), (lesions, _), (lobes, _), (hu, _) = (turned(each, *way) for each in (lungs, lesions, lobes, hu))
        assert plain(scores_of(lungs, lesions, lobes, hu, on)) == plain(straight)

    @few
    @given(volumes())
    def test_a_symmetric_chest_has_equal_sides(self, drawn):
        lungs, lesions, _, hu = drawn
        lungs = np.concatenate([lungs > 0, 2 * (lungs > 0)[..., ::-1]], axis=2)
        lesions, hu = (np.concatenate([each, each[..., ::-1]], axis=2) for each in (lesions, hu))
        made = scores_of(lungs, lesions, None, hu, grid(lungs.shape, (20, 20, 20)))
        for score_ in made.values():
            for region, value in score_.parts.items():
                if region.startswith("right") and not region.endswith("lobe"):
                    assert worded(value) == worded(score_.parts[swapped(region)], swap=False)


def swapped(region):
    return {"right": "left", "left": "right"}.get(region.split("-")[0], region) + region[len(region.split("-")[0]) :]


def worded(value, *, swap=True):
    """A value, or its reason; the right side's turned into the left's and the other way round if wanted."""
    if not isinstance(value, NotMeasured):
        return round(value, 9)
    words = [{"right": "left", "left": "right"}.get(word, word) if swap else word for word in value.reason.split()]
    return sorted(words)
