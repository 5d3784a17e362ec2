"""What a network was trained on, counted from the recipe and the data instead of typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hilum.datasets.films import FilmCase
from hilum.models.card import TrainingData

from .films import kind_for_lesions, kind_for_lungs
from .recipe import Recipe, load, names


@dataclass(frozen=True, slots=True)
class Material:
    """A data set as the texts of a card name it.

    Attributes
    ----------
    name, licence, source, purpose : as on the card
    collections : what the column ``source`` of its films says; they are counted
    n_cases : images, where they cannot be counted
    """

    name: str
    licence: str
    source: str
    purpose: str
    collections: tuple[str, ...] = ()
    n_cases: int = 0


def counted(materials: Iterable[Material], recipe: Recipe, cases: Iterable[FilmCase]) -> tuple[TrainingData, ...]:
    """The data sets of a card, with the training films that the recipe and those that it refines draw from."""
    used = films_used(recipe, cases)
    return tuple(
        TrainingData(
            each.name,
            each.licence,
            each.source,
            each.purpose,
            sum(used[name] for name in each.collections) or each.n_cases,
        )
        for each in materials
    )


def films_used(recipe: Recipe, cases: Iterable[FilmCase]) -> Counter[str]:
    """Films of the training split that have a place in the mix, by collection."""
    kinds = {kind for each in lineage(recipe) for kind in each.mix}
    kind_of = kind_for_lungs if recipe.task == "cxr-lungs" else kind_for_lesions
    return Counter(case.source for case in cases if case.split == "train" and kind_of(case) in kinds)


def lineage(recipe: Recipe) -> Sequence[Recipe]:
    """The recipe, the one that it refines, and so on, as far as they come with Hilum."""
    found = [recipe]
    while found[-1].start_from in names():
        found.append(load(found[-1].start_from))
    return found
