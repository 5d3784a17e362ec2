"""The overlay: the right colours at known places, and the film everywhere else."""

import numpy as np
import pytest

from hilum.geometry import PlaneOrientation
from hilum.image import LESIONS, LUNGS
from hilum.writers.display import display
from hilum.writers.overlay import BOX_COLOUR, FILL, draw, render

SHAPE = (640, 600)
LEGEND_TOP = 560
BADGE_BOTTOM = 60
TOLERANCE = 24


@pytest.fixture(scope="module")
def large(make_case):
    return make_case(shape=SHAPE)


@pytest.fixture(scope="module")
def drawn(large):
    return render(large)


def edge(mask: np.ndarray, row: int) -> int:
    """First column of a mask in a row."""
    return int(np.flatnonzero(mask[row])[0])


def is_near(pixel, colour) -> bool:
    return bool(np.abs(pixel.astype(int) - colour).max() <= TOLERANCE)


def test_shape_and_type(drawn):
    assert drawn.shape == (*SHAPE, 3)
    assert drawn.dtype == np.uint8


@pytest.mark.parametrize("number", [1, 2])
def test_the_contour_of_a_lung_runs_on_its_border_in_its_colour(large, drawn, number):
    mask = large.lungs.array == number
    for row in (250, 300, 330):
        column = edge(mask, row)
        assert is_near(drawn[row, column], LUNGS[number].colour)
        assert is_near(drawn[row, column - 1], LUNGS[number].colour)


def test_a_contour_is_two_pixels_wide_and_soft(large, drawn):
    row = 310  # where the border of the ellipse is upright
    column = edge(large.lungs.array == 1, row)
    film = display(large).film[row].astype(int)
    changed = np.abs(drawn[row, :, 2].astype(int) - film)[column - 6 : column + 6]
    assert changed[[0, 1, 2, 3, 8, 9, 10, 11]].tolist() == [0] * 8
    assert changed[[5, 6]].min() > 4 * max(changed[[4, 7]].max(), 1)


@pytest.mark.parametrize(("number", "place"), [(1, (440, 165)), (2, (398, 432))])
def test_a_lesion_is_filled_so_that_the_film_shows_through(large, drawn, number, place):
    assert large.lesions.array[place] == number
    film = display(large).film[place]
    share = FILL / 255
    wanted = [round(film * (1 - share) + colour * share) for colour in LESIONS[number].colour]
    assert np.abs(drawn[place].astype(int) - wanted).max() <= 2


def test_elsewhere_is_the_film(large, drawn):
    far = np.ones(SHAPE, dtype=bool)
    rows, columns = np.nonzero(large.lungs.array)
    far[rows.min() - 3 : rows.max() + 4, columns.min() - 3 : columns.max() + 4] = False
    far[:BADGE_BOTTOM] = far[LEGEND_TOP:] = False
    film = display(large).film
    assert far.sum() > 10000
    assert np.array_equal(drawn[far], np.repeat(film[far][:, None], 3, axis=1))


def test_dashed_lines_between_the_thirds(make_case):
    healthy = make_case(shape=SHAPE, with_lesions=False)
    inside = np.abs(render(healthy).astype(int) - display(healthy).film[..., None]).max(axis=2)
    lungs = healthy.lungs.array
    for side in (1, 2):
        columns = np.flatnonzero((lungs == side).sum(axis=0) > 300)[40:-40]
        marked = [row for row in range(100, 520) if 0.3 < np.mean(inside[row, columns] > 20) < 0.8]
        assert len(marked) == 2
        area = np.cumsum((lungs == side).sum(axis=1))
        assert area[np.array(marked) - 1] / area[-1] == pytest.approx([1 / 3, 2 / 3], abs=0.005)


def test_lines_of_a_film_that_is_shown_at_half_its_size_are_two_pixels_thick(make_case):
    healthy = make_case(shape=(702, 690), with_lesions=False)
    inside = np.abs(render(healthy).astype(int) - display(healthy).film[..., None]).max(axis=2)
    columns = np.flatnonzero((healthy.lungs.array == 1).sum(axis=0) > 330)[40:-40]
    marked = [row for row in range(110, 570) if 0.3 < np.mean(inside[row, columns] > 20) < 0.8]
    assert len(marked) == 4
    assert np.diff(marked)[[0, 2]].tolist() == [1, 1]


def test_the_sides_are_the_patients_whichever_way_the_film_lies(large, drawn, make_case):
    for pair in ("RF", "FL", "HR"):
        turned = make_case(shape=SHAPE, orientation=PlaneOrientation(*pair))
        assert np.array_equal(render(turned), drawn)


def test_the_letters_differ(drawn):
    left, right = drawn[:BADGE_BOTTOM, :50], drawn[:BADGE_BOTTOM, -50:]
    assert (left == 240).any()
    assert (right == 240).any()
    assert not np.array_equal(left > 128, right > 128)


def test_one_lung_has_one_contour(make_case):
    one = render(make_case(shape=SHAPE, lungs=(1,)))
    film = display(make_case(shape=SHAPE, lungs=(1,))).film
    changed = np.abs(one.astype(int) - film[..., None]).max(axis=2)[BADGE_BOTTOM:LEGEND_TOP] > 0
    assert changed[:, :300].any()
    assert not changed[:, 330:].any()


def test_no_lung_leaves_the_film(make_case):
    case = make_case(shape=SHAPE, lungs=())
    shown = display(case)
    inner = slice(BADGE_BOTTOM, LEGEND_TOP)
    assert np.array_equal(draw(case, shown)[inner], np.repeat(shown.film[inner, :, None], 3, axis=2))


@pytest.mark.parametrize("shape", [(7, 11), (13, 400), (131, 127), (1700, 300), (2000, 2100)])
def test_awkward_sizes(make_case, shape):
    case = make_case(shape=shape)
    shown = display(case)
    assert render(case).shape == (*shown.film.shape, 3)


def test_a_lung_that_touches_the_edge_of_the_film(make_case):
    case = make_case(shape=SHAPE)
    shown = display(case)
    lungs = np.zeros_like(shown.lungs)
    lungs[:, :100], lungs[200:400, 300:] = 1, 2
    moved = type(shown)(shown.film, lungs, np.zeros_like(shown.lesions), 1.0)
    made = draw(case, moved)
    assert is_near(made[300, 99], LUNGS[1].colour)
    assert is_near(made[300, 300], LUNGS[2].colour)


@pytest.mark.parametrize("covered", ["left", "right"])
def test_the_legend_gives_way_to_the_lungs(make_case, covered):
    case = make_case(shape=(640, 1000))
    shown = display(case)
    halves = {"left": slice(0, 500), "right": slice(500, 1000)}
    free = halves["right" if covered == "left" else "left"]
    lungs = np.zeros_like(shown.lungs)
    lungs[500:, halves[covered]] = 1
    made = draw(case, type(shown)(shown.film, lungs, np.zeros_like(shown.lesions), 1.0))
    dark = (made.max(axis=2) < 0.6 * shown.film)[575:625]
    assert dark[:, free].mean() > 0.3
    assert dark[:, halves[covered]].mean() < 0.05


def test_the_same_case_gives_the_same_picture(large, drawn):
    assert np.array_equal(render(large), drawn)


@pytest.mark.parametrize("orientation", [PlaneOrientation(), PlaneOrientation("H", "R"), PlaneOrientation("R", "F")])
def test_boxes_about_lesions_where_they_are_asked_for(make_case, orientation):
    case = make_case(shape=SHAPE, orientation=orientation)
    plain, boxed = render(case), render(case, boxes=True)
    mask = case.lesions.upright().array == 2
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1], columns[0], columns[-1]
    for place in ((top, left), (top, right), (bottom, left), (bottom, right)):
        assert is_near(boxed[place], BOX_COLOUR)
        assert not is_near(plain[place], BOX_COLOUR)
    inside = (slice(top + 4, bottom - 4), slice(left + 4, right - 4))
    assert np.array_equal(plain[inside], boxed[inside])
