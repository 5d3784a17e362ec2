"""Lungs for cases whose source has none."""

from __future__ import annotations

from threading import Lock

from hilum.datasets.schema import Modality
from hilum.errors import UnknownModel
from hilum.image import Image, LabelMap, Quantity
from hilum.models.card import Task
from hilum.models.catalogue import card, default_for
from hilum.models.network import Network, open_networks
from hilum.segmentation.ct_lungs import segment_ct_lungs
from hilum.segmentation.lungs import segment_lungs
from hilum.settings import RuntimeSettings

from .settings import LungMethod

Found = tuple[LabelMap | None, str]
"""Lungs and how they were found; None and why not."""


class LungFinder:
    """Finds lungs as the settings say; one image at a time, since a network takes all cores.

    Parameters
    ----------
    method : of :class:`~hilum.datasets.harmonise.settings.HarmoniseSettings`
    """

    def __init__(self, method: LungMethod) -> None:
        self._method = method
        self._networks: dict[str, Network] = {}
        self._lock = Lock()

    def __call__(self, image: Image, *, is_to_scale: bool = True) -> Found:
        """The lungs of a film or a CT.

        Parameters
        ----------
        image : film, or CT of any orientation
        is_to_scale : its spacing is known; without that there is only the network

        Raises
        ------
        ModelError
            The network asked for cannot be used.
        """
        if self._method == "source":
            return None, "none, and not looked for"
        with self._lock:
            found, how = self._film(image) if image.quantity is Quantity.RADIOGRAPH else self._ct(image, is_to_scale)
        return (found, how) if found is None or found.mask().any() else (None, f"none found ({how})")

    def plan(self, modality: Modality) -> str:
        """How the lungs of an image would be looked for: the network's weights, or the method."""
        task = "cxr-lungs" if modality == "CXR" else "ct-lungs"
        if self._method in ("source", "classical") or (modality == "CT" and not self._has_network):
            return self._method
        found = card(default_for(task))
        return f"{found.name} {found.version} {found.sha256}"

    @property
    def _has_network(self) -> bool:
        """CT is for the network: it was asked for, or there is one."""
        return self._method == "network" or (self._method == "auto" and _is_installed("ct-lungs"))

    def _film(self, image: Image) -> Found:
        if self._method == "classical":
            return None, "none: there is no classical method for films"
        network = self._network("cxr-lungs")
        return segment_lungs(image, network).lungs, _named(network)

    def _ct(self, image: Image, is_to_scale: bool) -> Found:
        if self._has_network:
            network = self._network("ct-lungs")
            return segment_ct_lungs(image, network).lungs, _named(network)
        if image.quantity is not Quantity.HOUNSFIELD or not is_to_scale:
            return None, "none: the classical method needs Hounsfield units and a spacing"
        return segment_ct_lungs(image, method="classical").lungs, "classical"

    def _network(self, task: Task) -> Network:
        if task not in self._networks:
            (self._networks[task],) = open_networks([(task, "")], RuntimeSettings(), many=True)
        return self._networks[task]


def _is_installed(task: Task) -> bool:
    try:
        default_for(task)
    except UnknownModel:
        return False
    return True


def _named(network: Network) -> str:
    return f"network {network.card.name} {network.card.version}"
