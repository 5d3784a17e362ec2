"""Gas of stomach and bowel is no lung, and a bulla is."""

import numpy as np
import pytest

from hilum.geometry import VolumeGrid
from hilum.image import Quantity
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.segmentation.gas import WINDOW_HU, gas_in, hounsfield_of
from hilum.segmentation.slices import Preset

from .volumes import SIZE, ct, network

SPACING = (3.0, 3.0, 3.0)
STOMACH, LUNG = (14, 33, 48), (28, 33, 16)


def chest(where, hounsfield=-985, radius_mm=18.0):
    """Two lungs in a body, the left one ending above a stomach, and a ball of gas; and both lungs."""
    shape = (36, 60, 66)
    made = np.full(shape, -1000, dtype=np.int16)
    made[:, 4:-4, 3:-3] = 40
    lungs = np.zeros(shape, dtype=bool)
    lungs[4:-3, 12:-10, 8:28] = True
    lungs[20:-3, 12:-10, 38:58] = True
    made[lungs] = -860
    away = np.indices(shape) - np.array(where)[:, None, None, None]
    ball = np.sqrt((away**2).sum(axis=0)) * SPACING[0] < radius_mm
    made[ball] = hounsfield
    return made, lungs, ball


def anything_dark():
    """Finds lung in whatever is dark and not at the edge."""

    def answer(slices):
        inside = np.zeros(slices.shape, dtype=bool)
        inside[:, 8:-8, 4:-4] = True
        lung = ((slices < 0.4) & inside) * 0.98
        left_half = np.arange(SIZE) < SIZE // 2
        return np.stack([1 - lung, lung * left_half, lung * ~left_half], axis=1)

    return network("ct-lungs", "lungs", ("none", "right-lung", "left-lung"), answer)


def found_in(hounsfield, quantity=Quantity.HOUNSFIELD, preset: Preset = "standard"):
    grid = VolumeGrid.of_spacing(hounsfield.shape, SPACING)
    return segment_ct_lungs(ct(hounsfield, grid, quantity), anything_dark(), preset=preset).lungs.mask()


def share(mask, where):
    return np.count_nonzero(mask & where) / np.count_nonzero(where)


@pytest.mark.parametrize("preset", ["standard", "fast"])
def test_gas_of_the_stomach_is_not_lung(preset):
    hounsfield, lungs, ball = chest(STOMACH)
    found = found_in(hounsfield, preset=preset)
    assert share(found, ball) < 0.1
    assert share(found, lungs) > 0.9


def test_a_bulla_is_lung():
    hounsfield, lungs, ball = chest(LUNG)
    found = found_in(hounsfield)
    assert share(found, ball) > 0.95
    assert share(found, lungs) > 0.9


def test_what_is_no_darker_than_lung_stays_what_the_network_says():
    hounsfield, _, ball = chest(STOMACH, hounsfield=-900)
    assert share(found_in(hounsfield), ball) > 0.9


def test_pictures_of_unknown_windows_have_no_density_to_tell_gas_by():
    hounsfield, _, ball = chest(STOMACH)
    grey = np.clip((hounsfield + 1000.0) * 255 / 1300, 0, 255).astype(np.uint8)
    assert share(found_in(grey, Quantity.WINDOWED_CT), ball) > 0.9


def test_no_air_holds_no_gas():
    nothing = np.zeros((7, 11, 13), dtype=bool)
    assert not gas_in(nothing, np.full(nothing.shape, -1000, dtype=np.int16), SPACING).any()


def test_grey_of_the_window_becomes_densities():
    assert hounsfield_of(np.array([0, 11, 255], dtype=np.uint8)).tolist() == [WINDOW_HU[0], -945, WINDOW_HU[1]]
