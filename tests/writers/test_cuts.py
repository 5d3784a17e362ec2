"""Cuts through a volume: the right place, the right way round, in the patient's proportions."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Picture

from hilum.errors import WrongQuantity
from hilum.geometry import VolumeGrid, VolumeOrientation
from hilum.image import LESIONS, LUNGS, Image, LabelMap, Quantity
from hilum.writers.cuts import MARGIN_MM, WINDOW_HU, Cutter, size_px

from .volumes import SOURCE

PLANES = ("axial", "coronal", "sagittal")
TURNS = [
    VolumeOrientation(),
    VolumeOrientation((1, 2, 0), (True, False, True)),
    VolumeOrientation((0, 1, 2), (True,) * 3),
]


def block(case, grid, start, stop):
    """A case with a cuboid of right lung from index to index, all of it ground-glass, white on black."""
    inside = np.zeros(grid.shape, dtype=np.uint8)
    inside[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = 1
    hu = np.where(inside, 200, -1400).astype(np.int16)
    return replace(
        case,
        image=Image(hu, grid, Quantity.HOUNSFIELD, SOURCE),
        lungs=LabelMap(inside, grid, LUNGS, SOURCE),
        lesions=LabelMap(inside, grid, LESIONS, SOURCE),
        lobes=None,
    )


@pytest.mark.parametrize("plane", PLANES)
@pytest.mark.parametrize("orientation", TURNS[1:])
def test_a_volume_that_lies_otherwise_shows_the_same(make_ct, ct, plane, orientation):
    wanted, turned = Cutter(ct), Cutter(make_ct(orientation=orientation))
    assert turned.spread(plane, 5) == wanted.spread(plane, 5)
    for place in wanted.spread(plane, 2):
        one, other = wanted.cut(plane, place, 2.0), turned.cut(plane, place, 2.0)
        assert np.array_equal(one.picture, other.picture)
        assert np.array_equal(one.lesions, other.lesions)
        assert one.overlay.tobytes() == other.overlay.tobytes()
        assert one.at_mm == pytest.approx(other.at_mm)


def test_places_are_those_of_the_file(make_ct):
    made = Cutter(make_ct(orientation=TURNS[1]))
    slices, rows, columns = made._grid.shape
    assert made.cut("axial", 4, 3.0).place == f"Row {slices - 4} of {slices}"
    assert made.cut("coronal", 4, 3.0).place == f"Column 5 of {rows}"
    assert made.cut("sagittal", 4, 3.0).place == f"Slice {columns - 4} of {columns}"


@pytest.mark.parametrize("plane", PLANES)
def test_sides_and_heights(ct, plane):
    cutter = Cutter(ct)
    cut = cutter.cut(plane, cutter.worst(1) if plane == "sagittal" else cutter.spread(plane, 3)[1], 2.0)
    rows, columns = np.nonzero(cut.lungs == 1)
    others = np.nonzero(cut.lungs == 2)
    if plane == "sagittal":
        assert cut.edges == ("A", "P")
    else:
        assert cut.edges == ("R", "L")
        assert columns.mean() < others[1].mean()
    if plane != "axial":  # lungs are wider at the base than at the apex
        filled = (cut.lungs > 0).sum(axis=1)
        assert filled[rows.min() + 3] < filled[rows.max() // 2 + rows.min() // 2]


def test_the_head_is_above_and_the_front_is_above_or_left(ct):
    grid = VolumeGrid.of_spacing((30, 20, 24), (2.0, 2.0, 2.0))
    case = block(ct, grid, (4, 5, 6), (26, 15, 18))
    image = case.image.array.copy()
    image[24, 6, 7] = -600  # high, in front, on the right
    cutter = Cutter(replace(case, image=replace(case.image, array=image)))
    for plane, place in (("axial", 24), ("coronal", 6), ("sagittal", 7)):
        picture = cutter.cut(plane, place, 1.0).picture
        middle = picture[8:-8, 8:-8]
        row, column = np.unravel_index(np.argmin(np.where(middle > 60, middle, 255)), middle.shape)
        assert row < middle.shape[0] / 3, plane
        assert column < middle.shape[1] / 3, plane


@pytest.mark.parametrize("spacing", [(5.0, 0.7, 0.7), (1.0, 2.0, 0.5), (3.0, 3.0, 3.0)])
@pytest.mark.parametrize("scale", [0.4, 1.0, 2.3])
def test_proportions_are_the_patients(ct, spacing, scale):
    size_mm = (60.0, 42.0, 84.0)
    inner = [round(size / step) for size, step in zip(size_mm, spacing, strict=True)]
    grid = VolumeGrid.of_spacing(tuple(n + 20 for n in inner), spacing)
    cutter = Cutter(block(ct, grid, (10, 10, 10), [n + 10 for n in inner]))
    for plane, (down, across) in zip(PLANES, ((1, 2), (0, 2), (0, 1)), strict=True):
        cut = cutter.cut(plane, 12, scale)
        box = Picture.fromarray(cut.lungs).getbbox()
        assert (box[2] - box[0]) * scale == pytest.approx(inner[across] * spacing[across], abs=2 * scale)
        assert (box[3] - box[1]) * scale == pytest.approx(inner[down] * spacing[down], abs=2 * scale)
        assert cut.picture.shape[::-1] == size_px(cutter.frames[plane], scale)
        left_mm = box[0] * scale
        assert MARGIN_MM - 1 <= left_mm <= MARGIN_MM + 2.5 * spacing[across] + 2 * scale
        assert ((cut.picture > 127) == (cut.lungs > 0)).mean() > 0.93


def test_a_tilted_gantry_is_sheared_back(ct):
    """A cuboid of the patient, in slices of which each lies farther back, is a rectangle again from the side."""
    slices, rows, lean = 40, 90, 1
    affine = VolumeGrid.of_spacing((slices, rows, 20), (2.0, 1.0, 2.0)).affine.copy()
    affine[1, 0] = lean  # one row a slice
    grid = VolumeGrid((slices, rows, 20), affine)
    inside = np.zeros(grid.shape, dtype=np.uint8)
    for number in range(5, 35):
        inside[number, 45 - number * lean : 85 - number * lean, 4:16] = 1
    case = block(ct, grid, (0, 0, 0), (1, 1, 1))
    case = replace(case, lungs=LabelMap(inside, grid, LUNGS, SOURCE), lesions=LabelMap(inside, grid, LESIONS, SOURCE))
    cut = Cutter(case).cut("sagittal", 10, 0.5)
    top, bottom = (int(np.flatnonzero(cut.lungs.any(axis=1))[place]) for place in (3, -4))
    for row in (top, (top + bottom) // 2, bottom):
        filled = np.flatnonzero(cut.lungs[row])
        assert filled[-1] - filled[0] + 1 == pytest.approx(80, abs=3)
        assert filled[0] == pytest.approx(np.flatnonzero(cut.lungs[(top + bottom) // 2])[0], abs=3)
    assert bottom - top == pytest.approx(30 * 2 / 0.5 - 7, abs=4)


def test_the_window(ct):
    grid = VolumeGrid.of_spacing((3, 9, 9), (1, 1, 1))
    case = block(ct, grid, (0, 0, 0), (3, 9, 9))
    for hu, grey in ((WINDOW_HU[0], 0), (-600.0, 128), (WINDOW_HU[1], 255), (np.nan, 0)):
        image = Image(np.full(grid.shape, hu, dtype=np.float32), grid, Quantity.HOUNSFIELD, SOURCE)
        assert Cutter(replace(case, image=image)).cut("axial", 1, 1.0).picture[12, 12] == grey
    windowed = Image(np.full(grid.shape, 77, dtype=np.uint8), grid, Quantity.WINDOWED_CT, SOURCE)
    assert Cutter(replace(case, image=windowed)).cut("axial", 1, 1.0).picture[12, 12] == 77


def test_the_sagittal_cut_goes_through_the_most_lesion(ct, make_ct):
    cutter, lungs, lesions = Cutter(ct), ct.lungs.array, ct.lesions.array
    for side in (1, 2):
        amount = ((lungs == side) & (lesions > 0)).sum(axis=(0, 1))
        assert amount[cutter.worst(side)] > 0.8 * amount.max()
        lung = (lungs == side).sum(axis=(0, 1))
        assert lung[Cutter(make_ct(with_lesions=False)).worst(side)] > 0.9 * lung.max()


def test_no_lung_shows_everything(make_ct):
    cutter = Cutter(make_ct(with_lungs=False))
    _, rows, columns = cutter._grid.shape
    assert cutter.frames["axial"].size_mm == pytest.approx(
        (columns * 6 + 6 + 2 * MARGIN_MM, rows * 6 + 6 + 2 * MARGIN_MM)
    )
    assert len(cutter.spread("axial", 12)) == 12
    assert cutter.worst(1) == 0


@pytest.mark.parametrize("shape", [(1, 7, 11), (2, 1, 1), (13, 11, 7)])
def test_awkward_sizes(ct, shape):
    cutter = Cutter(block(ct, VolumeGrid.of_spacing(shape, (3.0, 1.0, 1.0)), (0, 0, 0), shape))
    for plane in PLANES:
        for place in cutter.spread(plane, 5):
            assert cutter.cut(plane, place, 1.0).drawn.mode == "RGB"


def test_a_film_is_refused(case):
    with pytest.raises(WrongQuantity):
        Cutter(case)
