"""Lungs of training films by the lung network in the catalogue: stage II then learns on what it will be given."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.films import FilmCase
from hilum.models.network import open_networks
from hilum.readers import from_array
from hilum.segmentation.lungs import segment_lungs
from hilum.settings import RuntimeSettings

from .films import Lungs, stored


def network_lungs() -> Lungs:
    """A function that gives a film's lungs by the shipped network, each film once."""
    (network,) = open_networks([("cxr-lungs", "")], RuntimeSettings(threads=1), many=False)
    known: dict[str, NDArray[np.uint8]] = {}

    def lungs(case: FilmCase) -> NDArray[np.uint8]:
        key = str(case.image)
        if key not in known:
            film = from_array(stored(key, False, case.aspect), name=case.case)
            known[key] = np.asarray(segment_lungs(film, network).lungs.array)
        return known[key]

    return lungs
