"""What a card says of the training data is counted."""

from dataclasses import replace
from pathlib import Path

import pytest

from hilum.datasets.films import FilmCase
from hilum.training import recipe as recipes
from hilum.training.export import about_of
from hilum.training.material import Material, counted, films_used, lineage


def case(source, split="train", **known):
    return FilmCase("a", "a", split, "scored", source, "", "PA", Path("a.png"), **known)


DRAWN = Path("mask.png")


def test_films_are_counted_that_the_recipe_or_its_first_half_draws():
    recipe = replace(recipes.load("cxr-lesions"), mix={"outlined": 1.0})
    assert "coarse" in lineage(recipe)[1].mix
    cases = [
        case("cohen", lesions=DRAWN),
        case("cohen", lesions=DRAWN, split="val"),
        case("cohen"),
        case("quex", infection=DRAWN),
    ]
    assert films_used(recipe, cases) == {"cohen": 1, "quex": 1}


def test_lungs_count_by_their_own_kinds():
    assert films_used(recipes.load("cxr-lungs"), [case("cohen", lesions=DRAWN), case("cohen", lungs=DRAWN)]) == {
        "cohen": 1
    }


def test_what_cannot_be_counted_keeps_what_was_typed():
    recipe = recipes.load("cxr-lungs")
    known = Material("Films", "CC0-1.0", "doi:10.1/2", "outlines", ("cohen", "figure1"))
    typed = replace(known, collections=("phantom",), n_cases=24)
    cases = [case("cohen", lungs=DRAWN), case("figure1", lungs=DRAWN)]
    assert [each.n_cases for each in counted([known, typed], recipe, cases)] == [2, 24]


@pytest.mark.parametrize("task", ["cxr-lungs", "cxr-lesions"])
def test_every_data_set_of_the_film_networks_names_its_collections(task):
    assert all(each.collections for each in about_of(task).training_data)


def test_a_recipe_of_ones_own_has_no_further_lineage():
    recipe = replace(recipes.load("cxr-lungs"), start_from="my-recipe")
    assert lineage(recipe) == [recipe]
