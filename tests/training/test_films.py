"""Films as samples: kinds, partial labels, targets and mirror images."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hilum.datasets.films import read_cases
from hilum.training.films import STORED_SIDE, Films, Sample, kind_for_lesions, kind_for_lungs, shrunk
from hilum.training.negatives import negatives
from hilum.training.recipe import Augment
from hilum.training.run import reference_lungs

STILL = Augment(scale=1.0, aspect=1.0, rotation_degrees=0.0, shift=0.0, flip=0.0, intensity=0.0)
MIRROR = replace(STILL, flip=1.0)


@pytest.fixture(scope="module")
def cases(folders):
    return {case.case: case for folder in folders for case in read_cases(folder)}


KINDS = {
    "outlined": ("lungs", "outlined"),
    "union": ("lungs-union", "scored"),
    "healthy": ("lungs", "healthy"),
    "expert": ("fields-expert", "other-disease"),
    "coarse": ("fields-coarse", "coarse"),
    "clear": ("fields-expert", "healthy"),
}


@pytest.mark.parametrize(("name", "kinds"), KINDS.items())
def test_kinds(cases, name, kinds):
    case = cases[f"{name}-train"]
    assert (kind_for_lungs(case), kind_for_lesions(case)) == kinds


def test_a_film_of_which_nothing_is_known_teaches_nothing(cases):
    case = replace(cases["expert-train"], finding="", lung_fields=None)
    assert kind_for_lungs(case) is None
    assert kind_for_lesions(case) is None
    assert kind_for_lesions(replace(case, finding="todo")) is None


def sample(case, recipe, augment, *, how=STILL):
    films = Films([Sample("any", case)], replace(recipe, augment=how), lungs=reference_lungs, augment=augment)
    return {name: value.numpy() for name, value in films[0].items()}


@pytest.mark.parametrize(
    ("name", "lungs", "fields"),
    [("outlined", {1, 2, 4}, {7}), ("union", {1, 6}, {7}), ("expert", {7}, {1, 2, 4}), ("coarse", {7}, {1, 2, 4})],
)
def test_what_a_film_says_of_lungs(cases, lung_recipe, name, lungs, fields):
    made = sample(cases[f"{name}-train"], lung_recipe, augment=False)
    assert made["film"].shape == (1, 64, 64)
    assert 0 <= made["film"].min() < made["film"].max() <= 1
    assert (set(np.unique(made["lungs"])), set(np.unique(made["fields"]))) == (lungs, fields)
    assert made["kind"].tolist() == [1, 0, 0]


def test_the_right_lung_is_at_the_left_and_changes_side_with_the_film(cases, lung_recipe):
    case = cases["outlined-train"]
    plain, mirrored = (sample(case, lung_recipe, augment=True, how=how) for how in (STILL, MIRROR))
    assert (
        np.flatnonzero((plain["lungs"] == 2).any(0)).mean() < 32 < np.flatnonzero((plain["lungs"] == 4).any(0)).mean()
    )
    assert np.abs(mirrored["film"] - plain["film"][..., ::-1]).max() < 0.05
    swapped = np.array([0, 1, 4, 3, 2], np.uint8)[plain["lungs"][:, ::-1]]
    assert (mirrored["lungs"] != swapped).mean() < 0.02


def test_a_negative_and_a_turned_film_are_told_as_such(cases, lung_recipe):
    case = cases["outlined-train"]
    plain = sample(case, lung_recipe, augment=True)
    negative = sample(case, lung_recipe, augment=True, how=replace(STILL, inverted=1.0))
    turned = sample(case, lung_recipe, augment=True, how=replace(STILL, turned=1.0))
    assert np.allclose(negative["film"], 1 - plain["film"])
    assert negative["kind"].tolist() == [1, 1, 0]
    assert np.array_equal(negative["lungs"], plain["lungs"])
    assert turned["kind"].tolist() == [1, 0, 1]
    assert set(np.unique(turned["lungs"])) == {7}
    assert sorted(turned["film"].ravel()) == sorted(plain["film"].ravel())


def test_what_is_no_film_has_no_lungs_and_no_other_kind(cases, lung_recipe):
    made = negatives([cases["union-train"].image], [cases["clear-train"].image])
    assert {each.kind for each in made} == {"not-a-film"}
    films = Films([made[0], made[1], made[2], made[-1]], lung_recipe, lungs=None, augment=True)
    for number in range(4):
        found = films[number]
        assert bool((found["lungs"] == 1).all())
        assert bool((found["fields"] == 1).all())
        assert found["kind"][0] == 0
        assert bool(torch.isnan(found["kind"][1:]).all())


def test_outlines_tell_how_likely_readers_count_each_zone(cases, lesion_recipe):
    made = sample(cases["outlined-train"], lesion_recipe, augment=False)
    opaque = (made["lesions"] & 1) == 0
    share = np.array([opaque[zone > 0].mean() for zone in made["zones"]])
    affected = np.asarray(made["affected"])
    assert (affected[share < 0.01] < 0.2).all()
    assert (affected[share > 0.4] > 0.9).all()
    assert (np.argsort(affected, kind="stable") == np.argsort(share, kind="stable")).all()


def test_readers_grades_become_steps_and_nan_where_there_are_none(cases, lesion_recipe):
    made = sample(cases["outlined-train"], lesion_recipe, augment=False)
    assert made["brixia"].sum(1).tolist() == [0, 1, 2, 3, 0, 0]
    assert made["brixia"][2].tolist() == [1, 1, 0]
    assert made["six-zone"].tolist() == [2]
    assert np.isnan(made["extent"]).all()
    assert made["disease"].tolist() == [1]
    scored = sample(cases["union-train"], lesion_recipe, augment=False)
    assert np.isnan(scored["brixia"]).all()
    assert np.isnan(scored["affected"]).all()
    assert scored["extent"].tolist() == [3]
    assert set(np.unique(scored["lesions"])) == {7}


def test_two_radiologists_are_weighed(cases, lesion_recipe):
    case = cases["outlined-train"]
    junior = replace(case.brixia_senior, zones=(3.0,) * 6, total=18.0)
    made = sample(replace(case, brixia_junior=junior), lesion_recipe, augment=False)
    assert made["brixia"][0] == pytest.approx([0.35] * 3)
    assert made["brixia"][4] == pytest.approx([0.35] * 3)
    assert made["brixia"][2] == pytest.approx([1, 1, 0.35])


def test_a_mirrored_film_has_its_zones_exchanged(cases, lesion_recipe):
    case = cases["outlined-train"]
    plain, mirrored = (sample(case, lesion_recipe, augment=True, how=how) for how in (STILL, MIRROR))
    order = [3, 4, 5, 0, 1, 2]
    assert np.array_equal(mirrored["brixia"], plain["brixia"][order])
    assert (mirrored["zones"] != plain["zones"][order][..., ::-1]).mean() < 0.02
    assert (mirrored["lesions"] != plain["lesions"][:, ::-1]).mean() < 0.02
    assert set(np.unique(plain["lesions"])) == {1, 2}
    assert plain["zones"].sum(0).max() == 1


def test_a_healthy_film_is_all_zero_and_a_coarse_mask_says_one_of_two(cases, lesion_recipe):
    healthy = sample(cases["healthy-train"], lesion_recipe, augment=False)
    assert set(np.unique(healthy["lesions"])) == {1}
    targets = np.concatenate(
        [healthy[name].ravel() for name in ("brixia", "affected", "six-zone", "extent", "disease")]
    )
    assert np.array_equal(targets, np.zeros(27))
    coarse = sample(cases["coarse-train"], lesion_recipe, augment=False)
    assert set(np.unique(coarse["lesions"])) == {1, 6}


def test_lesions_are_not_learnt_without_lungs(cases, lesion_recipe):
    films = Films([Sample("any", cases["outlined-train"])], lesion_recipe, lungs=None, augment=False)
    with pytest.raises(ValueError, match="lungs"):
        films[0]


def test_films_are_kept_small_with_their_proportions():
    assert shrunk(np.zeros((840, 630), np.uint8), labels=False).shape == (STORED_SIDE, 315)
    kept = np.zeros((7, 13), np.uint8)
    assert shrunk(kept, labels=True) is kept
