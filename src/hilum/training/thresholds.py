"""Thresholds of an exported network, chosen on the validation split and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.films import FilmCase, in_split, read_cases, read_labels
from hilum.evaluation.overlap import overlap
from hilum.models.card import CARD, read_card
from hilum.models.card_writer import write_card
from hilum.models.network import Network, open_networks
from hilum.models.runtime import open_runtime
from hilum.readers import read
from hilum.segmentation.lesions import Seen, blend, see
from hilum.segmentation.lungs import segment_lungs
from hilum.settings import RuntimeSettings

from .thresholds_ct import choose_for_ct_lesions

PROVISIONAL: Mapping[str, Mapping[str, float]] = {
    "cxr-lungs": {"film": 0.5, "inverted": 0.5, "turned": 0.5},
    "ct-lungs": {},
    "ct-lesions": {"opacity": 0.5, "consolidation": 0.5, "effusion": 0.5},
    "cxr-lesions": {"disease": 0.5, "opacity": 0.5, "consolidation": 0.5, "six-zone": 0.5, "opacity-weight": 0.5},
}
"""What a card holds between export and choice, and what stays where the split cannot tell."""

HEALTHY_AT_ZERO = 0.97
"""Share of healthy validation films that must score 0: a little above the 95 % that is asked for on other films."""

Row = tuple[float, ...]


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
    lowest = min(stage.film_probability for stage in stages)
    return {
        "film": _floor(min(0.5, lowest * 0.9)),
        "inverted": _ceiling(max([0.5, *(stage.inverted_probability for stage in stages)])),
        "turned": _ceiling(max([0.5, *(stage.turned_probability for stage in stages)])),
    }


def _floor(value: float) -> float:
    return float(np.floor(value * 100) / 100)


def _ceiling(value: float) -> float:
    return float(min(0.99, np.ceil(value * 100) / 100 + 0.01))


def _for_lesions(network: Network, cases: Sequence[FilmCase]) -> dict[str, float]:
    observed = list(_observe(network, cases))
    return {"opacity": _opacity(observed)} | _severity(observed)


def _observe(network: Network, cases: Sequence[FilmCase]) -> Iterator[Observed]:
    (lungs_network,) = open_networks([("cxr-lungs", "")], RuntimeSettings(engine="onnxruntime"), many=False)
    for case in cases:
        if case.lesions is None and case.six_zone is None and not case.is_healthy:
            continue
        image = read(case.image)
        lungs = segment_lungs(image, lungs_network).lungs
        if lungs.mask().any():
            yield Observed(case, see(image, lungs, network))


def _opacity(observed: Sequence[Observed]) -> float:
    """The highest mean Dice with the radiologists' outlines; the middle of the best where several are within 0.005."""
    outlined = [each for each in observed if each.case.lesions is not None]
    references = [np.isin(read_labels(each.case.lesions), (1, 2)) for each in outlined if each.case.lesions]
    grid = np.arange(0.20, 0.71, 0.05)
    means = np.array(
        [np.mean([_dice(r, each.seen, t) for r, each in zip(references, outlined, strict=True)]) for t in grid]
    )
    return round(float(np.median(grid[means >= means.max() - 0.005])), 2)


def _dice(reference: NDArray[np.bool_], seen: Seen, threshold: float) -> float:
    dice = overlap(reference, (seen.opacity >= 255 * threshold) & (seen.lungs > 0)).dice
    return dice if isinstance(dice, float) else 0.0


def _severity(observed: Sequence[Observed]) -> dict[str, float]:
    """The least error of the six-zone score on diseased films, while enough healthy films score 0.

    The error of a zone threshold is the mean over it and its two neighbours on the grid, so that one lucky film does
    not choose.
    """
    steps = np.round(np.arange(0.05, 0.96, 0.05), 2)
    healthy = [each.seen for each in observed if each.case.is_healthy]
    scored = [each for each in observed if each.case.six_zone is not None and not each.case.is_healthy]
    readers = np.array([each.case.six_zone for each in scored], dtype=float)
    found: list[tuple[float, float, Row]] = []
    for weight, disease in product(np.round(np.arange(0.0, 1.01, 0.1), 1), steps):
        errors, clear = [], []
        for threshold in steps:
            errors.append(np.abs(_counts([e.seen for e in scored], weight, disease, threshold) - readers).mean())
            clear.append(np.mean(_counts(healthy, weight, disease, threshold) == 0))
        smooth = np.convolve(np.pad(errors, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
        rows = [(weight, disease, threshold) for threshold in steps]
        found += [
            (float(e), -float(c), row) for e, c, row in zip(smooth, clear, rows, strict=True) if c >= HEALTHY_AT_ZERO
        ]
    if not found:
        return {}
    least = min(error for error, _, _ in found)
    weight, disease, threshold = min((c, e, row) for e, c, row in found if e <= least + 0.01)[2]
    return {"opacity-weight": float(weight), "disease": float(disease), "six-zone": float(threshold)}


def _counts(films: Sequence[Seen], weight: float, disease: float, threshold: float) -> NDArray[np.intp]:
    return np.array(
        [
            int((blend(film.affected, film.share, weight) > threshold).sum()) if film.disease >= disease else 0
            for film in films
        ]
    )
