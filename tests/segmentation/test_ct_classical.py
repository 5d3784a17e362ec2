"""Lungs of a CT without a network, on computed chests."""

import numpy as np
import pytest

from hilum.errors import WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import Quantity
from hilum.phantom import Lesion, default_grid, thorax
from hilum.segmentation.airways import airways
from hilum.segmentation.chest_wall import filled_to_the_ribs
from hilum.segmentation.ct_classical import classical_lungs
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.segmentation.hounsfield import hounsfield_opacity

from .volumes import ORDERS, boxes, ct, turned

SPACING = (6.0, 4.0, 4.0)
PATCHES = (Lesion("consolidation", "left-middle", 120, seed=4), Lesion("ground-glass", "right-lower", 150, seed=5))


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def lungs_of(image):
    return segment_ct_lungs(image, method="classical").lungs


@pytest.fixture(scope="module")
def healthy():
    return thorax(2, grid=default_grid(2, spacing_mm=SPACING))


@pytest.fixture(scope="module")
def diseased():
    return thorax(2, grid=default_grid(2, spacing_mm=SPACING), lesions=PATCHES)


@pytest.fixture(scope="module")
def found(diseased):
    return lungs_of(diseased.ct)


@pytest.mark.parametrize("lung", ["right-lung", "left-lung"])
def test_lungs_of_a_healthy_chest(healthy, lung):
    assert dice(lungs_of(healthy.ct).mask(lung), healthy.lungs.mask(lung)) > 0.97


@pytest.mark.parametrize("lung", ["right-lung", "left-lung"])
def test_disease_stays_in_the_lung(diseased, found, lung):
    assert dice(found.mask(lung), diseased.lungs.mask(lung)) > 0.95
    dense = diseased.lesions.mask("consolidation") & diseased.lungs.mask(lung)
    assert np.count_nonzero(dense & found.mask(lung)) >= 0.7 * np.count_nonzero(dense)


def test_a_mirrored_chest_has_mirrored_lungs(diseased, found):
    mirrored = ct(diseased.ct.array[:, :, ::-1], diseased.grid)
    right, left = found.array[:, :, ::-1] == 2, found.array[:, :, ::-1] == 1
    other = lungs_of(mirrored)
    assert dice(other.mask("right-lung"), right) > 0.99
    assert dice(other.mask("left-lung"), left) > 0.99


@pytest.mark.parametrize(("order", "flips"), ORDERS[1::9])
def test_lungs_are_the_same_however_the_axes_lie(diseased, found, order, flips):
    other = lungs_of(turned(diseased.ct, order, flips))
    np.testing.assert_array_equal(other.axial().array, found.array)


def test_lungs_that_touch_are_told_apart():
    hounsfield, labels, grid = boxes(joined=True)
    labels[10:14] = np.where(labels[10:14] > 0, labels[10:14], 0)
    hounsfield[:, :, 22:26] = np.where(hounsfield[:, :, 22:26] < -500, 30, hounsfield[:, :, 22:26])
    hounsfield[11:13, 15:19, 22:26] = -860  # a bridge
    labels[:, :, 22:26] = 0
    lungs = lungs_of(ct(hounsfield, grid))
    assert dice(lungs.mask("right-lung"), labels == 1) > 0.95
    assert dice(lungs.mask("left-lung"), labels == 2) > 0.95


def test_air_about_the_patient_and_foam_of_the_table_are_no_lung():
    hounsfield, labels, grid = boxes(shape=(24, 50, 48))
    labels[:, 32:] = 0
    hounsfield[:, 32:40] = 30
    hounsfield[:, 40:] = -1000
    hounsfield[:, 42:48, 4:44] = -880  # foam
    hounsfield[:, 42, 4:44] = hounsfield[:, 47, 4:44] = 100  # shell
    assert not lungs_of(ct(hounsfield, grid)).array[:, 40:].any()


def test_gas_in_the_stomach_is_no_lung():
    hounsfield, labels, grid = boxes(shape=(30, 40, 48))
    labels[:8] = 0
    hounsfield[:8, 3:-3, 2:-2] = 30
    hounsfield[1:7, 10:22, 28:40] = -995
    lungs = lungs_of(ct(hounsfield, grid))
    assert not lungs.array[:7].any()
    assert dice(lungs.mask(), labels > 0) > 0.95


def test_the_trachea_and_its_branches_are_no_lung(healthy):
    found = lungs_of(healthy.ct).mask()
    windpipe = (healthy.ct.array < -950) & ~healthy.lungs.mask()
    windpipe[:, :, : healthy.grid.shape[2] // 3] = windpipe[:, :, -healthy.grid.shape[2] // 3 :] = False
    windpipe[:, : healthy.grid.shape[1] // 3] = False
    assert np.count_nonzero(windpipe) > 20
    assert np.count_nonzero(found & windpipe) < 0.3 * np.count_nonzero(windpipe)


def test_no_body_no_lungs():
    empty = ct(np.full((5, 20, 22), -1000, np.int16), VolumeGrid.of_spacing((5, 20, 22), (5, 5, 5)))
    assert not lungs_of(empty).array.any()
    assert not lungs_of(ct(np.full((5, 20, 22), 40, np.int16), empty.grid)).array.any()


def test_pictures_are_refused(healthy):
    with pytest.raises(WrongQuantity):
        classical_lungs(ct(healthy.ct.array.astype(np.uint8), healthy.grid, Quantity.WINDOWED_CT))


class TestAirways:
    STEP = (3.0, 2.0, 2.0)

    def chest(self, *, leak):
        """A trachea of 16 mm that opens into a lung through a short bronchus, darker or as dark as the lung."""
        hounsfield = np.full((30, 40, 60), 30, dtype=np.int16)
        hounsfield[:, 8:32, 2:22] = -860
        hounsfield[12:, 16:24, 28:36] = -1000
        hounsfield[12:14, 18:22, 20:30] = -870 if leak else -1000
        return hounsfield

    def test_a_bronchus_is_followed(self):
        hounsfield = self.chest(leak=False)
        tubes = airways(hounsfield, hounsfield < -400, self.STEP, 32.0)
        assert tubes[13:, 16:24, 28:36].all()
        assert tubes[12:14, 18:22, 22:30].all()
        assert not tubes[20:, :, :20].any()

    def test_growth_stops_before_it_leaks(self):
        hounsfield = self.chest(leak=True)
        tubes = airways(hounsfield, hounsfield < -400, self.STEP, 32.0)
        assert tubes[20:, 16:24, 28:36].all()
        assert not tubes[:, :, :18].any()

    def test_no_trachea_no_airways(self):
        hounsfield = np.full((30, 40, 60), -860, dtype=np.int16)
        assert not airways(hounsfield, hounsfield < -400, self.STEP, 32.0).any()


class TestChestWall:
    STEP = (4.0, 4.0, 4.0)

    def lung(self):
        """A half ring about the middle of the chest."""
        rows, columns = np.mgrid[-30:31, -30:31] * 4.0
        radius = np.hypot(rows, columns)
        ring = (radius > 40) & (radius < 90) & (columns < -10)
        return np.repeat(ring[None], 30, axis=0), radius

    def test_a_dent_is_filled_up_to_the_ribs(self):
        whole, radius = self.lung()
        dented = whole.copy()
        dented[12:18, 27:34, :14] = False
        hounsfield = np.where(np.repeat((radius > 94)[None], 30, axis=0), 400, 30).astype(np.int16)
        made = filled_to_the_ribs(dented.copy(), hounsfield, self.STEP, 30.0)
        missing = whole & ~dented
        assert np.count_nonzero(made & missing) > 0.8 * np.count_nonzero(missing)
        assert not (made & (hounsfield > 160)).any()
        assert np.count_nonzero(made & ~whole) < 0.1 * np.count_nonzero(missing)

    def test_nothing_is_added_to_a_smooth_lung(self):
        whole, _ = self.lung()
        made = filled_to_the_ribs(whole.copy(), np.full(whole.shape, 30, np.int16), self.STEP, 30.0)
        assert np.count_nonzero(made & ~whole) < 0.02 * np.count_nonzero(whole)


class TestHounsfieldOpacity:
    def test_planted_disease_is_found_by_density(self, diseased):
        check = hounsfield_opacity(diseased.ct, diseased.lungs)
        assert dice(check.mask(), diseased.lesions.mask()) > 0.7
        assert not (check.mask() & ~diseased.lungs.mask()).any()

    def test_vessels_of_healthy_lungs_are_left_out(self, healthy):
        check = hounsfield_opacity(healthy.ct, healthy.lungs)
        dense = (healthy.ct.array > -750) & healthy.lungs.mask()
        assert np.count_nonzero(check.mask()) < 0.5 * np.count_nonzero(dense)
        assert np.count_nonzero(check.mask()) < 0.02 * np.count_nonzero(healthy.lungs.mask())

    @pytest.mark.parametrize(("order", "flips"), ORDERS[4::11])
    def test_it_is_the_same_however_the_axes_lie(self, diseased, order, flips):
        plain = hounsfield_opacity(diseased.ct, diseased.lungs)
        other = turned(diseased.ct, order, flips)
        home = other.volume.orientation.from_axial
        lungs = type(plain)(home(diseased.lungs.array), other.grid, diseased.lungs.labels, plain.origin)
        np.testing.assert_array_equal(hounsfield_opacity(other, lungs).axial().array, plain.array)

    def test_without_lungs_it_is_empty(self, healthy):
        none = type(healthy.lungs)(
            np.zeros(healthy.grid.shape, np.uint8), healthy.grid, healthy.lungs.labels, healthy.lungs.origin
        )
        assert not hounsfield_opacity(healthy.ct, none).array.any()

    def test_grey_levels_have_no_bands(self, healthy):
        pictures = ct(healthy.ct.array.astype(np.uint8), healthy.grid, Quantity.WINDOWED_CT)
        with pytest.raises(WrongQuantity):
            hounsfield_opacity(pictures, healthy.lungs)
