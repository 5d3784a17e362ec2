"""Thresholds of an exported network, chosen on the validation split and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.films import FilmCase, in_split, read_cases, read_labels
from hilum.evaluation.overlap import overlap
from hilum.measurement import NotMeasured
from hilum.models.card import CARD, read_card
from hilum.models.card_writer import write_card
from hilum.models.network import Network, open_networks
from hilum.models.runtime import open_runtime
from hilum.readers import read
from hilum.scoring import Measured
from hilum.scoring.radiograph import COUNTED_SHARE, COUNTED_SPREAD, six_zone
from hilum.segmentation.lesions import Seen, draw, see
from hilum.segmentation.lungs import segment_lungs
from hilum.segmentation.zones import ZONES
from hilum.settings import RuntimeSettings

from .thresholds_ct import choose_for_ct_lesions

PROVISIONAL: Mapping[str, Mapping[str, float]] = {
    "cxr-lungs": {"film": 0.5, "inverted": 0.5, "turned": 0.5},
    "ct-lungs": {},
    "ct-lesions": {"opacity": 0.5, "consolidation": 0.5, "effusion": 0.5},
    "cxr-lesions": {
        "disease": 0.5,
        "opacity": 0.5,
        "consolidation": 0.5,
        "six-zone": COUNTED_SHARE,
        "six-zone-spread": COUNTED_SPREAD,
        "opacity-weight": 1.0,
    },
}
"""What a card holds between export and choice, and what stays where the split cannot tell."""

HEALTHY = 0.96
"""Share of all healthy validation films, whatever folder they come from, that must score 0: a little above the 95 %
that is asked for on other films. Where no thresholds reach it, the highest share that any reach takes its place."""

DICE_POINTS = 2.0
"""Points of six-zone error that a whole unit of mean lesion Dice is worth: 0.05 of Dice weigh as 0.1 points do. It
keeps the disease threshold from hiding lesions of outlined films for the sake of a few healthy ones."""

NEAR = 0.02
"""Costs this close count as equal, in points: one film of fifty that is one point off. Among equals the lowest disease
threshold is taken, as a film that is gated shows nothing at all."""

DISEASE_STEPS = np.round(np.arange(0.30, 0.96, 0.05), 2)
"""Thresholds of the disease that are tried: from 0.30 on, since the verdict on the film is a result of its own, and
means nothing where films that the network takes for healthy would pass."""


Outlined = tuple[NDArray[np.bool_], Seen]
"""Opacity as radiologists outlined it, and what the network sees of the film."""


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """A validation film with what the networks say of it."""

    case: FilmCase
    seen: Seen


def choose(folder: Path, data: Sequence[Path]) -> Mapping[str, float]:
    """Choose the thresholds of the network in ``folder`` on the validation split, and write them to its card.

    Parameters
    ----------
    folder : an exported network
    data : folders of films with ``cases.csv``; for CT, folders that hold folders of slices
    """
    card = read_card(folder / CARD)
    runtime = RuntimeSettings(engine="onnxruntime", precision="float32")
    network = Network(card, open_runtime(card, runtime, many=False))
    chosen = _chosen(network, data)
    write_card(replace(card, thresholds=dict(PROVISIONAL[card.task]) | dict(chosen)), folder / CARD)
    return chosen


def _chosen(network: Network, data: Sequence[Path]) -> Mapping[str, float]:
    if network.card.task == "ct-lungs":
        return {}
    if network.card.task == "ct-lesions":
        return choose_for_ct_lesions(network, data)
    cases = [case for each in data for case in in_split(read_cases(each), "val")]
    return _for_lungs(network, cases) if network.card.task == "cxr-lungs" else _for_lesions(network, cases)


def _for_lungs(network: Network, cases: Sequence[FilmCase]) -> dict[str, float]:
    """No validation film is refused as no film, or taken for a negative or turned; else one half."""
    stages = [segment_lungs(read(case.image), network) for case in cases]
    lowest = min(stage.film_probability or 0.0 for stage in stages)
    return {
        "film": _floor(min(0.5, lowest * 0.9)),
        "inverted": _ceiling(max([0.5, *(stage.inverted_probability or 0.0 for stage in stages)])),
        "turned": _ceiling(max([0.5, *(stage.turned_probability or 0.0 for stage in stages)])),
    }


def _floor(value: float) -> float:
    return float(np.floor(value * 100) / 100)


def _ceiling(value: float) -> float:
    return float(min(0.99, np.ceil(value * 100) / 100 + 0.01))


def _for_lesions(network: Network, cases: Sequence[FilmCase]) -> dict[str, float]:
    return for_lesions(list(_observe(network, cases)))


def for_lesions(observed: Sequence[Observed]) -> dict[str, float]:
    """Thresholds of a lesion network by what it says of validation films.

    The threshold of opacity is the one with the best Dice. That of disease is, of all that leave ``HEALTHY`` of the
    healthy films at a six-zone score of 0, the one of the least cost, which is the mean absolute error of that score on
    diseased films plus ``DICE_POINTS`` times what the Dice of outlined films lacks of 1. A threshold that no film tells
    anything of is left out. How zones are counted is not chosen here but was learned from training films, see
    :data:`hilum.scoring.radiograph.COUNTED_SHARE`.
    """
    outlined = [(reference, each.seen) for each in observed if (reference := _reference(each.case)) is not None]
    found = {"opacity": _opacity(outlined)} if outlined else {}
    opacity = found.get("opacity", PROVISIONAL["cxr-lesions"]["opacity"])
    return found | _disease(observed, outlined, opacity)


def _observe(network: Network, cases: Sequence[FilmCase]) -> Iterator[Observed]:
    (lungs_network,) = open_networks([("cxr-lungs", "")], RuntimeSettings(engine="onnxruntime"), many=False)
    for case in cases:
        if case.lesions is None and case.six_zone is None and not case.is_healthy:
            continue
        image = read(case.image)
        lungs = segment_lungs(image, lungs_network).lungs
        if lungs.mask().any():
            yield Observed(case, see(image, lungs, network))


def _reference(case: FilmCase) -> NDArray[np.bool_] | None:
    """Opacity as radiologists outlined it; None if they did not, or found none."""
    if case.lesions is None:
        return None
    opacity = np.isin(read_labels(case.lesions), (1, 2))
    return opacity if opacity.any() else None


def _opacity(outlined: Sequence[Outlined]) -> float:
    """The highest mean Dice with the radiologists' outlines; the middle of the best where several are within 0.005."""
    grid = np.arange(0.20, 0.71, 0.05)
    means = np.array([np.mean([_dice(reference, seen, at) for reference, seen in outlined]) for at in grid])
    return round(float(np.median(grid[means >= means.max() - 0.005])), 2)


def _dice(reference: NDArray[np.bool_], seen: Seen, opacity: float) -> float:
    """Of what would be drawn, were the film not gated; the reference is not empty."""
    dice = overlap(reference, draw(seen, opacity=opacity, consolidation=1.0) > 0).dice
    return dice if isinstance(dice, float) else 0.0


def _disease(observed: Sequence[Observed], outlined: Sequence[Outlined], opacity: float) -> dict[str, float]:
    """The threshold of disease; see :func:`for_lesions`."""
    healthy = [each.seen for each in observed if each.case.is_healthy]
    scored = [each for each in observed if each.case.six_zone is not None and not each.case.is_healthy]
    if not scored:
        return {}
    readers = np.array([each.case.six_zone for each in scored], dtype=np.float64)
    errors = np.abs(counts([each.seen for each in scored], opacity) - readers[:, None]).mean(axis=0)
    clear = (counts(healthy, opacity) == 0).mean(axis=0) if healthy else np.ones(len(DISEASE_STEPS))
    return {"disease": _cheapest(errors + DICE_POINTS * _lacking(outlined, opacity), clear)}


def counts(films: Sequence[Seen], opacity: float) -> NDArray[np.float64]:
    """Six-zone scores, (films, disease thresholds), of all thresholds that are tried, at a threshold of opacity."""
    scores = [_count(film) if draw(film, opacity=opacity, consolidation=1.0).any() else 0.0 for film in films]
    return np.array(scores, dtype=np.float64)[:, None] * _shown(films)


def _count(film: Seen) -> float:
    shares: dict[str, Measured] = dict(zip(ZONES, film.share.tolist(), strict=True))
    value = six_zone(shares, threshold=COUNTED_SHARE, spread=COUNTED_SPREAD).value
    return 0.0 if isinstance(value, NotMeasured) else value


def _shown(films: Sequence[Seen]) -> NDArray[np.bool_]:
    """Whether a film counts as diseased, (films, disease thresholds)."""
    return np.array([film.disease for film in films])[:, None] >= DISEASE_STEPS


def _lacking(outlined: Sequence[Outlined], opacity: float) -> NDArray[np.float64]:
    """What the mean Dice lacks of 1 at each disease threshold; a film that is gated has a Dice of 0."""
    if not outlined:
        return np.zeros(len(DISEASE_STEPS))
    dices = np.array([_dice(reference, seen, opacity) for reference, seen in outlined])
    return 1.0 - (dices[:, None] * _shown([seen for _, seen in outlined])).mean(axis=0)


def _cheapest(costs: NDArray[np.float64], clear: NDArray[np.float64]) -> float:
    """The lowest threshold of disease whose cost is the least, where enough healthy films score 0."""
    allowed = clear >= min(HEALTHY, clear.max())
    return round(float(DISEASE_STEPS[allowed & (costs <= costs[allowed].min() + NEAR)][0]), 2)
