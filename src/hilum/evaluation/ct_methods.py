"""The methods that a CT evaluation compares: the networks, and the classical ones beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hilum.image import Image, LabelMap
from hilum.models.card import Task
from hilum.provenance import ModelRef
from hilum.settings import Settings

from .ct_figures import BANDS, CLASSICAL

MethodName = Literal["network", "classical", "hounsfield"]
"""What is judged: both networks, with the other two beside; the classical lungs; or Hounsfield bands in those."""

FindLungs = Callable[[Image], LabelMap]
FindLesions = Callable[[Image, LabelMap], LabelMap]


@dataclass(frozen=True, slots=True)
class Method:
    """A way to find lungs, and lesions in them.

    Attributes
    ----------
    group : names its figures; empty for the method that is judged
    lungs : makes right and left lung, on the image's grid
    lesions : makes the lesions, on the image's grid; None for a method of lungs only
    is_of_lungs : its lungs are judged; otherwise only its lesions
    needs_hounsfield : it cannot do with grey levels
    """

    group: str
    lungs: FindLungs
    lesions: FindLesions | None
    is_of_lungs: bool = True
    needs_hounsfield: bool = False


@dataclass(frozen=True, slots=True)
class Methods:
    """Methods, the judged one first, and the networks that it uses."""

    methods: tuple[Method, ...]
    models: tuple[ModelRef, ...] = ()


def open_methods(name: MethodName, settings: Settings) -> Methods:
    """The methods to compare, ready to be used.

    Raises
    ------
    ModelError
        A network cannot be used.
    """
    from hilum.segmentation.hounsfield import hounsfield_opacity

    if name == "classical":
        return Methods((Method("", _classical, None, needs_hounsfield=True),))
    if name == "hounsfield":
        return Methods((Method("", _classical, hounsfield_opacity, needs_hounsfield=True),))
    networks, models = _networks(settings)
    classical = Method(CLASSICAL, _classical, None, needs_hounsfield=True)
    bands = Method(BANDS, networks.lungs, hounsfield_opacity, is_of_lungs=False, needs_hounsfield=True)
    return Methods((networks, classical, bands), models)


def _classical(image: Image) -> LabelMap:
    from hilum.segmentation.ct_lungs import segment_ct_lungs

    return segment_ct_lungs(image, method="classical").lungs


def _networks(settings: Settings) -> tuple[Method, tuple[ModelRef, ...]]:
    """The method by the networks that the settings name."""
    from hilum.models.network import open_networks
    from hilum.segmentation.ct_lesions import segment_ct_lesions
    from hilum.segmentation.ct_lungs import segment_ct_lungs

    names = settings.models
    tasks: list[tuple[Task, str]] = [("ct-lungs", names.ct_lungs), ("ct-lesions", names.ct_lesions)]
    lungs, lesions = open_networks(tasks, settings.runtime, many=False)
    preset = settings.ct.preset

    def find_lungs(image: Image) -> LabelMap:
        return segment_ct_lungs(image, lungs, preset=preset).lungs

    def find_lesions(image: Image, inside: LabelMap) -> LabelMap:
        return segment_ct_lesions(image, inside, lesions, preset=preset).lesions

    return Method("", find_lungs, find_lesions), (lungs.ref, lesions.ref)
