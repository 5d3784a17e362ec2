"""Volumes, densities, shares and their uncertainty."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hilum.geometry import VolumeGrid
from hilum.image import LESIONS, Quantity
from hilum.measurement import NotMeasured
from hilum.phantom import Lesion, default_grid, thorax
from hilum.scoring import Measures, measure_volumes
from hilum.scoring.volumes import BANDS
from hilum.segmentation.zones import ZONES

from .volumes import chest, grid, hounsfield, lobes_of, maps, turned

PLANTED = (Lesion("ground-glass", "right-lower-lobe", 150, seed=1), Lesion("consolidation", "left-upper", 110, seed=2))


def measured(lungs, lesions, lobes=None, hu=None, on=None, cross_check=None):
    made = maps(lungs, lesions, lobes, on)
    other = None if cross_check is None else maps(lungs, cross_check, on=on)[1]
    return measure_volumes(None if hu is None else hounsfield(hu, on), *made, cross_check=other)


def uncertainty(made, id_, region, structure):
    return next(r.uncertainty for r in made.table if (r.id, r.region, r.structure) == (id_, region, structure))


@pytest.fixture(scope="module")
def everything():
    """Ground-glass in the upper right lobe, consolidation in the lower left, each by density."""
    lungs = chest()
    lobes = lobes_of(lungs)
    lesions = np.where(lobes == 1, 1, np.where(lobes == 5, 2, 0))
    hu = np.select([lesions == 1, lesions == 2, lungs > 0], [-500, 20, -850], 40).astype(np.int16)
    return measured(lungs, lesions, lobes, hu)


class TestVolume:
    def test_it_is_that_of_the_voxels(self, everything):
        assert everything.find("volume", "both", "lung") == pytest.approx(400)
        assert everything.find("volume", "right", "ground-glass") == pytest.approx(100)
        assert everything.find("volume", "right", "consolidation") == 0
        assert everything.find("volume", "left-lower-lobe", "opacity") == pytest.approx(100)

    def test_a_sheared_grid_has_the_volume_of_its_determinant(self):
        affine = grid((12, 7, 13)).affine.copy()
        affine[1, 0] = 4.0
        made = measured(chest(), chest() * 0, on=VolumeGrid((12, 7, 13), affine))
        assert made.find("volume", "right", "lung") == pytest.approx(200)

    def test_thirds_by_volume_are_thirds(self):
        lungs = np.zeros((20, 9, 13), np.uint8)
        for at in range(1, 19):
            lungs[at, 1 : 9 - at // 3, 1:5], lungs[at, 1 : 9 - at // 3, 8:12] = 1, 2
        made = measured(lungs, lungs * 0)
        sizes = [made.find("volume", f"right-{third}-by-volume", "lung") for third in ("upper", "middle", "lower")]
        assert max(sizes) - min(sizes) <= 2 * 28
        heights = [made.find("volume", f"right-{third}", "lung") for third in ("upper", "middle", "lower")]
        assert heights[0] < heights[1] < heights[2]

    def test_opacity_outside_the_lungs_is_told(self):
        made = measured(chest(), np.where(chest() == 0, 2, 0))
        assert made.find("volume", "outside", "opacity") == pytest.approx(np.count_nonzero(chest() == 0))
        assert made.find("volume", "both", "opacity") == 0

    def test_effusion_counts_in_and_beside_the_lungs(self):
        lungs, lesions = chest(), np.zeros((12, 7, 13))
        lesions[0, :, 7:] = lesions[1, 1, 8:12] = 3
        lesions[5, 6, 2] = 3
        made = measured(lungs, lesions)
        assert made.find("volume", "left", "effusion") == pytest.approx(46)
        assert made.find("volume", "right", "effusion") == pytest.approx(1)
        assert made.find("volume", "both", "effusion") == pytest.approx(47)

    def test_effusion_without_lungs_goes_to_the_halves_of_the_picture(self):
        lesions = np.zeros((12, 7, 13))
        lesions[3, 3, 6], lesions[3, 3, 7] = 3, 3
        made = measured(chest() * 0, lesions)
        assert made.find("volume", "right", "effusion") == made.find("volume", "left", "effusion") == pytest.approx(1)


class TestDensity:
    def test_means(self, everything):
        assert everything.find("mean-hu", "both", "ground-glass") == -500
        assert everything.find("mean-hu", "left", "consolidation") == 20
        assert everything.find("mean-hu", "right", "lung") == pytest.approx((-500 - 850) / 2)
        assert everything.find("mean-hu", "left", "ground-glass") == NotMeasured("there is no ground-glass there")

    @pytest.mark.parametrize(
        ("hu", "band"),
        [
            (-1051, None), (-1050, "emphysema"), (-951, "emphysema"), (-950, "inflated"), (-751, "inflated"),
            (-750, "infiltrated"), (-401, "infiltrated"), (-400, "collapsed"), (-200, "collapsed"), (-1, "collapsed"),
            (0, "vessels"), (2999, "vessels"), (3000, None),
        ],
    )  # fmt: skip
    def test_edges_of_bands(self, hu, band):
        made = measured(chest(), chest() * 0, hu=np.full((12, 7, 13), hu, np.int16))
        assert {name: made.find("hu-band", "both", name) for name in BANDS} == {
            name: 100.0 if name == band else 0.0 for name in BANDS
        }

    def test_affected_lung_leaves_vessels_out(self):
        hu = np.full((12, 7, 13), -850, np.int16)
        hu[:, 1], hu[:, 2] = 50, -300
        made = measured(chest(), chest() * 0, hu=hu)
        assert made.find("hu-band", "left", "vessels") == pytest.approx(20)
        assert made.find("hu-band", "left", "affected") == pytest.approx(25)
        bone = measured(chest(), chest() * 0, hu=np.full((12, 7, 13), 500, np.int16))
        assert "between -1050 and 0 HU" in bone.find("hu-band", "left", "affected").reason

    def test_numbers_that_are_none(self):
        hu = np.full((12, 7, 13), -850, np.float32)
        hu[5, 3, 3] = np.nan
        made = measured(chest(), chest() * 0, hu=hu)
        assert made.find("mean-hu", "right", "lung") == NotMeasured("the image holds numbers there that are not finite")
        assert made.find("mean-hu", "left", "lung") == -850

    @pytest.mark.parametrize("quantity", [None, Quantity.WINDOWED_CT])
    def test_without_hounsfield_units_there_are_volumes_only(self, quantity):
        lungs, lesions, _ = maps(chest(), chest() > 0)
        image = None if quantity is None else hounsfield(np.zeros((12, 7, 13), np.int16), quantity=quantity)
        made = measure_volumes(image, lungs, lesions)
        for row in made.table:
            if row.id in ("mean-hu", "hu-band"):
                assert isinstance(row.value, NotMeasured)
        assert made.find("volume", "both", "opacity") == pytest.approx(400)


class TestUncertainty:
    def test_a_ball_is_measured_within_it(self):
        """The layer half a voxel thick over a ball of radius 10: half of 4 pi 100."""
        z, y, x = np.ogrid[-12:13, -12:13, -12:13]
        ball = (x * x + y * y + z * z) <= 100
        made = measured(ball, ball * 0)
        assert uncertainty(made, "volume", "right", "lung") == pytest.approx(2 * math.pi * 100, rel=0.1)
        assert abs(made.find("volume", "right", "lung") - 4 / 3 * math.pi * 1000) < 2 * math.pi * 100

    def test_finer_voxels_make_it_smaller(self):
        coarse = measured(chest(), chest() * 0)
        fine = np.repeat(np.repeat(np.repeat(chest(), 2, 0), 2, 1), 2, 2)
        finer = measured(fine, fine * 0, on=grid(fine.shape, (5, 5, 5)))
        half = uncertainty(coarse, "volume", "both", "lung") / 2
        assert uncertainty(finer, "volume", "both", "lung") == pytest.approx(half)

    def test_it_is_never_more_than_the_volume(self):
        lesions = np.zeros((12, 7, 13))
        lesions[5, 3, 3] = 1
        made = measured(chest(), lesions)
        assert uncertainty(made, "volume", "right", "ground-glass") == pytest.approx(1)

    def test_what_is_not_there_has_none(self, everything):
        assert uncertainty(everything, "volume", "left", "ground-glass") is None
        assert uncertainty(everything, "share", "left", "ground-glass") is None

    def test_the_cut_between_thirds_is_no_surface(self):
        made = measured(chest(14), chest(14) * 0)
        parts = sum(uncertainty(made, "volume", zone, "lung") for zone in ZONES)
        assert parts == pytest.approx(uncertainty(made, "volume", "both", "lung"), rel=0.2)

    def test_a_share_has_that_of_both_volumes(self, everything):
        lung, lesion = (uncertainty(everything, "volume", "right", name) for name in ("lung", "ground-glass"))
        expected = 100 * math.hypot(lesion / 200, 0.5 * lung / 200)
        assert uncertainty(everything, "share", "right", "ground-glass") == pytest.approx(expected)


class TestTable:
    def test_what_the_labels_do_not_name_is_not_nought(self):
        lungs, lesions, _ = maps(chest(), chest() == 1)
        made = measure_volumes(None, lungs, replace(lesions, labels={1: LESIONS[1]}))
        assert made.find("volume", "both", "effusion") == NotMeasured("the masks do not tell effusion apart")
        assert made.find("share", "right", "consolidation") == NotMeasured("the masks do not tell consolidation apart")
        assert made.find("share", "right", "opacity") == made.find("share", "right", "ground-glass") == 100

    def test_every_row_is_there_once_and_sound(self, everything):
        keys = [(row.id, row.region, row.structure, row.method) for row in everything.table]
        assert len(set(keys)) == len(keys)
        assert {row.id for row in everything.table} == {"volume", "share", "mean-hu", "hu-band", "count"}
        assert {row.unit for row in everything.table} == {"ml", "%", "HU", ""}
        assert set(ZONES) < {row.region for row in everything.table}

    def test_a_missing_lung_is_not_nought(self):
        lungs = chest() * (chest() == 2)
        made = measured(lungs, lungs > 0, lobes_of(lungs), np.zeros(lungs.shape, np.int16))
        right = [row for row in made.table if row.region.startswith(("right", "both")) and row.structure != "effusion"]
        assert {row.value for row in right} == {NotMeasured("the right lung was not found")}
        assert made.find("volume", "left", "opacity") == pytest.approx(200)

    def test_the_cross_check_has_rows_of_its_own(self):
        lungs = chest()
        made = measured(lungs, lungs == 1, cross_check=lungs == 2)
        assert made.find("share", "right", "opacity") == 100
        assert made.find("share", "right", "opacity", "hounsfield-bands") == 0
        assert made.find("share", "left", "opacity", "hounsfield-bands") == 100
        assert {row.id for row in made.table if row.method == "hounsfield-bands"} == {"volume", "share"}

    def test_lesions_are_counted_by_side(self):
        lesions = np.zeros((12, 7, 13))
        lesions[2, 2, 2], lesions[9, 2, 2], lesions[5, 5, 9], lesions[8, 1, 8] = 1, 2, 1, 3
        made = measured(chest(), lesions, lobes_of(chest()))
        assert [made.find("count", region, "opacity") for region in ("both", "right", "left")] == [3, 2, 1]
        assert len(made.instances) == 4

    def test_a_row_that_is_not_there(self):
        with pytest.raises(KeyError, match="no measure volume of cavities in both by masks"):
            Measures().find("volume", "both", "cavities")


@settings(max_examples=20, deadline=None)
@given(st.permutations(range(3)), st.tuples(st.booleans(), st.booleans(), st.booleans()), st.integers(0, 2**32 - 1))
def test_the_order_of_axes_does_not_matter(axes, flips, seed):
    rng = np.random.default_rng(seed)
    lungs, lesions = chest(), rng.integers(0, 4, (12, 7, 13))
    hu = rng.integers(-1100, 100, lungs.shape).astype(np.int16)
    straight = measured(lungs, lesions, lobes_of(lungs), hu)
    (a, on), *others = (turned(each, axes, flips) for each in (lungs, lesions, lobes_of(lungs), hu))
    other = measured(a, *(each for each, _ in others), on=on)
    for one, two in zip(straight.table, other.table, strict=True):
        if isinstance(one.value, float):
            assert two.value == pytest.approx(one.value)
            assert two.uncertainty == pytest.approx(one.uncertainty)
        else:
            assert two == one


@pytest.fixture(scope="module")
def planted():
    made = thorax(5, grid=default_grid(5, spacing_mm=(6, 4, 4)), lesions=PLANTED)
    return made, measure_volumes(made.ct, made.lungs, made.lesions, made.lobes)


class TestPhantom:
    def test_lesions_have_the_volume_that_was_planted(self, planted):
        _, made = planted
        assert made.find("volume", "both", "ground-glass") == pytest.approx(150, rel=0.05)
        assert made.find("volume", "both", "consolidation") == pytest.approx(110, rel=0.05)
        assert made.find("volume", "right-lower-lobe", "ground-glass") == pytest.approx(150, rel=0.05)
        assert made.find("volume", "outside", "opacity") == 0

    def test_the_two_largest_lesions_are_those(self, planted):
        first, second = planted[1].instances[:2]
        assert (first.region, first.consolidation_ml) == ("right-lower-lobe", 0)
        assert (second.region.partition("-")[0], second.consolidation_ml) == ("left", second.volume_ml)
        assert second.volume_ml == pytest.approx(110, rel=0.05)

    def test_lungs_and_lobes_have_the_phantoms_volumes(self, planted):
        body, made = planted
        for region, name in (("right", "right-lung"), ("left", "left-lung"), ("left-upper-lobe", "left-upper-lobe")):
            assert made.find("volume", region, "lung") == pytest.approx(body.volume_ml(name))
        assert made.find("mean-hu", "both", "consolidation") > made.find("mean-hu", "both", "ground-glass") > -800
