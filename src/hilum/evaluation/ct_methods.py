"""The methods that a CT evaluation compares: the networks, and the classical ones beside them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from hilum.image import Image, LabelMap
from hilum.models.card import Task
from hilum.provenance import ModelRef
from hilum.settings import Settings

from .ct_figures import BANDS, BOTH, CLASSICAL

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
    find_lungs, find_lesions, models = _networks(settings)
    networks = Method("", find_lungs, find_lesions)
    classical = Method(CLASSICAL, _classical, None, needs_hounsfield=True)
    bands = Method(BANDS, find_lungs, hounsfield_opacity, is_of_lungs=False, needs_hounsfield=True)
    both = Method(BOTH, find_lungs, _agreed(find_lesions), is_of_lungs=False, needs_hounsfield=True)
    return Methods((networks, classical, bands, both), models)


def _remembered(find: FindLesions) -> FindLesions:
    """The same, which knows the answer to its last question when it is asked again."""
    last: list[tuple[Image, LabelMap, LabelMap]] = []

    def find_again(image: Image, inside: LabelMap) -> LabelMap:
        if not last or last[0][0] is not image or last[0][1] is not inside:
            last[:] = [(image, inside, find(image, inside))]
        return last[0][2]

    return find_again


def _agreed(find: FindLesions) -> FindLesions:
    """A method's lesions where bands of Hounsfield units find opacity as well."""
    from hilum.segmentation.hounsfield import hounsfield_opacity

    def find_agreed(image: Image, inside: LabelMap) -> LabelMap:
        found, dense = find(image, inside), hounsfield_opacity(image, inside)
        return replace(found, array=found.array * dense.mask())

    return find_agreed


def _classical(image: Image) -> LabelMap:
    from hilum.segmentation.ct_lungs import segment_ct_lungs

    return segment_ct_lungs(image, method="classical").lungs


def _networks(settings: Settings) -> tuple[FindLungs, FindLesions, tuple[ModelRef, ...]]:
    """Lungs and lesions by the networks that the settings name, and those networks."""
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

    return find_lungs, _remembered(find_lesions), (lungs.ref, lesions.ref)
