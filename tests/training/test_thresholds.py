"""Thresholds, chosen from what a network might say of films."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hilum.datasets.films import FilmCase
from hilum.preprocessing.radiograph import Window
from hilum.segmentation.lesions import Seen
from hilum.training.thresholds import DISEASE_STEPS, HEALTHY, STEPS, Observed, counts, for_lesions

SHAPE = (40, 40)


def seen(disease, affected, *, share=None, level=0.0):
    """What a network says of a film whose lungs fill it; opacity of one level on its upper half."""
    opacity = np.zeros(SHAPE, dtype=np.uint8)
    opacity[:20] = round(255 * level)
    zones = np.array([affected] * 6 if np.isscalar(affected) else affected, dtype=np.float32)
    return Seen(
        lungs=np.ones(SHAPE, dtype=np.uint8),
        window=Window(0, 0, SHAPE[0]),
        opacity=opacity,
        consolidation=np.zeros(SHAPE, dtype=np.uint8),
        disease=disease,
        brixia=np.zeros(6, dtype=np.float32),
        affected=zones,
        share=zones if share is None else np.full(6, share, dtype=np.float32),
    )


def case(name="film", finding="", **known):
    return FilmCase(name, name, "val", "scored", "made up", finding, "PA", Path(f"{name}.png"), **known)


def healthy(disease, affected):
    return Observed(case(finding="No Finding"), seen(disease, affected))


def scored(points, disease=0.99, at=0.8):
    zones = [at] * points + [0.02] * (6 - points)
    return Observed(case(six_zone_r=float(points)), seen(disease, zones))


@pytest.fixture
def outline(tmp_path):
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[:20] = 1
    path = tmp_path / "lesions.png"
    Image.fromarray(mask).save(path)
    return path


def outlined(path, disease, level=0.6):
    return Observed(case(lesions=path), seen(disease, 0.8, level=level))


def share_at_zero(films, chosen):
    row = int(np.argmin(np.abs(DISEASE_STEPS - chosen["disease"])))
    column = int(np.argmin(np.abs(STEPS - chosen["six-zone"])))
    return (counts([each.seen for each in films], chosen["opacity-weight"])[:, row, column] == 0).mean()


def test_healthy_films_that_are_called_diseased_do_not_hide_the_lesions_of_others(outline):
    clear = [healthy(0.05, 0.02) for _ in range(60)]
    odd = [healthy(0.93, 0.9) for _ in range(3)]  # 3 of 63: more than may score, unless the disease threshold is 0.95
    drawn = [outlined(outline, disease) for disease in (0.55, 0.7, 0.9, 0.9)]
    for share, few in ((2, odd[:2]), (3, odd)):
        chosen = for_lesions([*clear, *few, *drawn, *(scored(points) for points in range(1, 7))])
        assert (chosen["disease"] <= 0.55) == (share == 2)


def test_a_hundred_healthy_films_outweigh_three(outline):
    films = [healthy(0.05, 0.02) for _ in range(97)] + [healthy(0.99, 0.9) for _ in range(3)]
    chosen = for_lesions([*films, *(outlined(outline, 0.6) for _ in range(4)), scored(2), scored(5)])
    assert chosen["disease"] <= 0.6
    assert share_at_zero(films, chosen) == 0.97 >= HEALTHY


def test_the_lowest_disease_threshold_of_equals_is_taken():
    assert for_lesions([scored(points) for points in (1, 3, 6)])["disease"] == DISEASE_STEPS[0] == 0.3


def test_where_too_few_healthy_films_can_score_zero_as_many_as_can_do():
    films = [healthy(0.99, 0.99) for _ in range(4)] + [healthy(0.42, 0.9) for _ in range(6)]
    chosen = for_lesions([*films, scored(3), scored(4)])
    assert share_at_zero(films, chosen) == 0.6
    assert chosen["disease"] == 0.45


def test_a_zone_threshold_lies_between_what_counts_and_what_does_not():
    films = [scored(points, at=0.55) for points in range(1, 7)]
    for each in films:
        each.seen.affected[each.seen.affected < 0.5] = 0.35
    assert 0.35 <= for_lesions(films)["six-zone"] < 0.55


def test_the_weight_goes_to_what_tells_the_zones_apart():
    told = Observed(case(six_zone_r=6.0), seen(0.9, 0.1, share=0.9))
    untold = Observed(case(six_zone_r=0.0), seen(0.9, 0.9, share=0.1))
    assert for_lesions([told, untold])["opacity-weight"] > 0.5


def test_opacity_is_the_middle_of_the_best(outline):
    assert for_lesions([outlined(outline, 0.9, level=0.52)]) == {"opacity": 0.35}


def test_an_outline_with_nothing_in_it_tells_nothing(tmp_path):
    Image.fromarray(np.zeros(SHAPE, dtype=np.uint8)).save(tmp_path / "empty.png")
    assert for_lesions([outlined(tmp_path / "empty.png", 0.9)]) == {}


def test_films_without_anything_known_choose_nothing():
    assert for_lesions([healthy(0.1, 0.1)]) == {}


def test_counts_are_zero_below_the_disease_threshold_and_zones_count_above_theirs():
    made = counts([seen(0.5, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])], 0.0)[0]
    at = int(np.argmin(np.abs(DISEASE_STEPS - 0.5)))
    assert made[: at + 1, 0].tolist() == [6] * (at + 1)
    assert not made[at + 1 :].any()
    assert made[0, -1] == 0
    assert (np.diff(made[0]) <= 0).all()
