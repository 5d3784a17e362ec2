"""Thresholds, chosen from what a network might say of films."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hilum.datasets.films import FilmCase
from hilum.preprocessing.radiograph import Window
from hilum.segmentation.lesions import Seen
from hilum.training.thresholds import DISEASE_STEPS, HEALTHY, Observed, counts, for_lesions

SHAPE = (40, 40)


def seen(disease, share, *, level=0.6):
    """What a network says of a film whose lungs fill it; opacity of one level on its upper half."""
    opacity = np.zeros(SHAPE, dtype=np.uint8)
    opacity[:20] = round(255 * level)
    return Seen(
        lungs=np.ones(SHAPE, dtype=np.uint8),
        window=Window(0, 0, SHAPE[0]),
        opacity=opacity,
        consolidation=np.zeros(SHAPE, dtype=np.uint8),
        disease=disease,
        brixia=np.zeros(6, dtype=np.float32),
        affected=np.zeros(6, dtype=np.float32),
        share=np.array([share] * 6 if np.isscalar(share) else share, dtype=np.float32),
    )


def case(name="film", finding="", **known):
    return FilmCase(name, name, "val", "scored", "made up", finding, "PA", Path(f"{name}.png"), **known)


def healthy(disease, share, *, level=0.6):
    return Observed(case(finding="No Finding"), seen(disease, share, level=level))


def scored(points, disease=0.99):
    zones = [0.95] * points + [0.02] * (6 - points)
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
    at = int(np.argmin(np.abs(DISEASE_STEPS - chosen["disease"])))
    return (counts([each.seen for each in films], chosen["opacity"])[:, at] == 0).mean()


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


def test_where_too_few_healthy_films_can_score_zero_as_many_as_can_do(outline):
    films = [healthy(0.99, 0.99) for _ in range(4)] + [healthy(0.42, 0.9) for _ in range(6)]
    chosen = for_lesions([*films, scored(3), scored(4), outlined(outline, 0.99)])
    assert share_at_zero(films, chosen) == 0.6
    assert chosen["disease"] == 0.45


def test_a_diseased_film_on_which_nothing_is_drawn_scores_zero():
    films = [healthy(0.99, 0.3, level=0.1) for _ in range(9)]
    assert not counts([each.seen for each in films], 0.5).any()
    assert for_lesions([*films, scored(3)]) == {"disease": 0.3}


def test_opacity_is_the_middle_of_the_best(outline):
    assert for_lesions([outlined(outline, 0.9, level=0.52)]) == {"opacity": 0.35}


def test_an_outline_with_nothing_in_it_tells_nothing(tmp_path):
    Image.fromarray(np.zeros(SHAPE, dtype=np.uint8)).save(tmp_path / "empty.png")
    assert for_lesions([outlined(tmp_path / "empty.png", 0.9)]) == {}


def test_films_without_anything_known_choose_nothing():
    assert for_lesions([healthy(0.1, 0.1)]) == {}


def test_counts_are_zero_below_the_disease_threshold():
    made = counts([seen(0.5, 0.95), seen(0.99, [0.95, 0.95, 0, 0, 0, 0])], 0.5)
    at = int(np.argmin(np.abs(DISEASE_STEPS - 0.5)))
    assert made[0].tolist() == [6] * (at + 1) + [0] * (len(DISEASE_STEPS) - at - 1)
    assert made[1].tolist() == [2] * len(DISEASE_STEPS)
