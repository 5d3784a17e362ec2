"""Lungs and lesions of a film or a CT: the grid of the image decides which."""

from __future__ import annotations

from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap
from hilum.models.network import Network

from .ct_lesions import CtLesionStage, segment_ct_lesions
from .ct_lungs import CtLungStage, segment_ct_lungs
from .lesions import LesionStage
from .lesions import segment_lesions as segment_film_lesions
from .lungs import LungStage
from .lungs import segment_lungs as segment_film_lungs


def segment_lungs(image: Image, network: Network | None = None) -> LungStage | CtLungStage:
    """The patient's right and left lung on the image's own grid.

    Parameters
    ----------
    image : a film or a CT, in any orientation that its grid states
    network : of the task ``cxr-lungs`` or ``ct-lungs``; None opens the shipped one

    Raises
    ------
    WrongQuantity
        The image is neither.
    ModelError
        The network cannot be used.

    Examples
    --------
    >>> from hilum.phantom import sample_film
    >>> segment_lungs(sample_film(1).image).lungs.pixels("right-lung") > 0
    True
    """
    find = segment_ct_lungs if isinstance(image.grid, VolumeGrid) else segment_film_lungs
    return find(image, network)


def segment_lesions(image: Image, lungs: LabelMap, network: Network | None = None) -> LesionStage | CtLesionStage:
    """Lesions on the image's own grid.

    Parameters
    ----------
    image : a film or a CT
    lungs : its lungs, on the same grid, from any source
    network : of the task ``cxr-lesions`` or ``ct-lesions``; None opens the shipped one

    Raises
    ------
    GridMismatch
        The lungs lie on another grid.
    WrongQuantity
        The image is neither a film nor a CT.
    ModelError
        The network cannot be used.
    ValueError
        There are no lungs.
    """
    find = segment_ct_lesions if isinstance(image.grid, VolumeGrid) else segment_film_lesions
    return find(image, lungs, network)
