import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hilum.errors import GridMismatch
from hilum.geometry import UPRIGHT, PlaneGrid, PlaneOrientation
from hilum.image import LESIONS, LUNGS, LabelMap
from hilum.measurement import NotMeasured
from hilum.provenance import Step
from hilum.scoring.film_instances import connected_instances
from hilum.scoring.film_lesions import NO_CERTAINTY, OUTSIDE, box_on_upright, film_lesions

SHAPE = (31, 37)
WAYS = [PlaneOrientation(c, r) for c, r in ("LF", "RF", "LH", "RH", "FL", "FR", "HL", "HR")]


def _lungs(lying: PlaneOrientation = UPRIGHT) -> LabelMap:
    made = np.zeros(SHAPE, np.uint8)
    made[2:29, 3:15], made[2:29, 22:34] = 1, 2
    return _map(made, LUNGS, lying)


def _map(upright, labels, lying=UPRIGHT) -> LabelMap:
    array = np.ascontiguousarray(lying.from_upright(upright))
    return LabelMap(array, PlaneGrid(array.shape, None, orientation=lying), labels, Step("draw"))


def _drawn():
    made = np.zeros(SHAPE, np.uint8)
    made[23:28, 25:30], made[23:25, 25:30] = 1, 2
    made[3:7, 5:9] = 1
    made[10, 17:19] = 2
    made[12:14, 4:8] = 3
    return made


@pytest.mark.parametrize("lying", WAYS)
def test_each_lesion_by_structure_box_side_zone_and_consolidation(lying):
    found = film_lesions(_lungs(lying), _map(_drawn(), LESIONS, lying), least_share=0)
    plane = _lungs(lying).plane
    assert [each.number for each in found] == [1, 2, 3, 4]
    assert [(each.structure, each.pixels, each.consolidation_pixels) for each in found] == [
        ("opacity", 25, 10),
        ("opacity", 16, 0),
        ("effusion", 8, 0),
        ("opacity", 2, 2),
    ]
    assert [each.zone for each in found] == ["left-lower", "right-upper", "right-middle", OUTSIDE]
    assert [each.side for each in found] == ["left", "right", "right", OUTSIDE]
    assert [box_on_upright(each.box, plane) for each in found] == [
        (23, 25, 5, 5),
        (3, 5, 4, 4),
        (12, 4, 2, 4),
        (10, 17, 1, 2),
    ]
    top, left, rows, columns = found[0].box
    own = _map(_drawn(), LESIONS, lying).array
    assert np.isin(own[top : top + rows, left : left + columns], (1, 2)).all()


def test_the_score_is_the_mean_probability_and_unknown_without():
    chance = np.where(_drawn() > 0, 102, 255).astype(np.uint8)
    found = film_lesions(_lungs(), _map(_drawn(), LESIONS), chance)
    assert [each.score for each in found if each.structure == "opacity"] == [pytest.approx(0.4)] * 3
    assert [each.score for each in found if each.structure == "effusion"] == [NO_CERTAINTY]
    assert all(isinstance(each.score, NotMeasured) for each in film_lesions(_lungs(), _map(_drawn(), LESIONS)))


def test_small_parts_are_left_out_and_nothing_gives_nothing():
    assert [each.pixels for each in film_lesions(_lungs(), _map(_drawn(), LESIONS), least_share=10 / 31 / 37)] == [
        25,
        16,
    ]
    assert film_lesions(_lungs(), _map(np.zeros(SHAPE, np.uint8), LESIONS)) == ()


def test_masks_of_another_film_are_refused():
    with pytest.raises(GridMismatch):
        film_lesions(_lungs(), _map(_drawn()[1:], LESIONS))


@settings(deadline=None, max_examples=30)
@given(arrays.arrays(np.uint8, SHAPE, elements=st.sampled_from([0, 0, 1, 2])))
def test_they_are_the_connected_parts_that_the_outlines_are(drawn):
    lesions = film_lesions(_lungs(), _map(drawn, LESIONS), least_share=0)
    outlines = connected_instances(drawn > 0, lungs=np.asarray(_lungs().array), least_share=0)
    named = [(each.zone if isinstance(each.zone, str) else None) for each in lesions]
    boxes = [(top, left, top + rows, left + columns) for top, left, rows, columns in (each.box for each in lesions)]
    assert sorted(zip(boxes, [each.pixels for each in lesions], named, strict=True), key=str) == sorted(
        ((each.box, each.area_px, each.zone) for each in outlines), key=str
    )
