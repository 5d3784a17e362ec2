"""The flow of the product: an image in, a case out. Command line, batch and tests all call :func:`analyse`.

The flow of a film stands here, that of a CT in :mod:`hilum.pipeline_ct`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from hilum import gate
from hilum.case import Case, Disease
from hilum.errors import WrongQuantity
from hilum.geometry import VolumeGrid
from hilum.image import Image, LabelMap, Quantity
from hilum.measurement import Finding, Gravity, NotMeasured
from hilum.models.card import Task
from hilum.models.network import Network
from hilum.models.network import open_networks as open_by_task
from hilum.provenance import Json, Step, sources
from hilum.readers import InMemory, from_object, read
from hilum.scoring import score
from hilum.scoring.film_lesions import film_lesions
from hilum.segmentation.lesions import LesionStage, segment_lesions
from hilum.segmentation.lungs import LungStage, segment_lungs
from hilum.settings import Settings, as_json

if TYPE_CHECKING:
    from hilum.pipeline_ct import CtNetworks
    from hilum.segmentation.slices import Progress


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of both stages, for films or for CT."""

    lungs: Network
    lesions: Network


class RunNetworks:
    """The networks of a run: opened when the first image needs them, once, and shared by its threads.

    Parameters
    ----------
    settings : models and runtime
    many : whether throughput over many films counts, or the time to the first result; for CT throughput always does
    """

    def __init__(self, settings: Settings, *, many: bool) -> None:
        self._settings, self._many = settings, many
        self._opened: dict[Task, Network] = {}
        self._lock = RLock()

    @property
    def films(self) -> Networks:
        """Both networks of films, opened at the same time."""
        names = self._settings.models
        return Networks(
            *self._open([("cxr-lungs", names.cxr_lungs), ("cxr-lesions", names.cxr_lesions)], many=self._many)
        )

    def ct_lungs(self) -> Network:
        """The network of stage I on CT."""
        return self._open([("ct-lungs", self._settings.models.ct_lungs)], many=True)[0]

    def ct_lesions(self) -> Network:
        """The network of stage II on CT."""
        return self._open([("ct-lesions", self._settings.models.ct_lesions)], many=True)[0]

    def _open(self, tasks: list[tuple[Task, str]], *, many: bool) -> list[Network]:
        with self._lock:
            missing = [each for each in tasks if each[0] not in self._opened]
            if missing:
                opened = open_by_task(missing, self._settings.runtime, many=many)
                self._opened.update(zip((task for task, _ in missing), opened, strict=True))
            return [self._opened[task] for task, _ in tasks]


def open_networks(settings: Settings, *, many: bool) -> RunNetworks:
    """The networks that the settings name, each pair to be opened by the first image that needs it.

    Parameters
    ----------
    settings : models and runtime
    many : whether throughput over many films counts, or the time to the first result
    """
    return RunNetworks(settings, many=many)


def analyse(
    source: Image | Path | str | InMemory,
    *,
    settings: Settings | None = None,
    networks: RunNetworks | Networks | None = None,
    name: str = "",
    lobes: LabelMap | None = None,
    progress: Progress | None = None,
) -> Case:
    """Lungs, lesions and severity scores of one chest film or CT.

    Parameters
    ----------
    source : a file; an image; an array (rows, columns) of a film, larger as brighter and the patient upright; or a CT
        as an image of nibabel or SimpleITK in Hounsfield units
    settings : None takes the defaults
    networks : for several images: those of a run, or both of the image's kind; None opens the ones that the settings
        name
    name : of the case; empty takes the file's
    lobes : the five lobes of a CT on its grid, from any source; scores of lobes take them
    progress : told how far the stages of a CT are

    Raises
    ------
    ReadError
        The file cannot be read, or the input gate refuses it (:class:`~hilum.errors.Refused`).
    ModelError
        A network cannot be used.
    GridMismatch
        The lobes do not lie on the image's grid.
    WrongQuantity
        There are lobes, and the image is a film.

    Examples
    --------
    >>> from hilum.phantom import sample_film
    >>> case = analyse(sample_film(1, severity=0.6).image)
    >>> case.scores["six-zone"].definition.range
    (0.0, 6.0)
    """
    settings = settings or Settings()
    image = _image(source, settings)
    networks = networks or open_networks(settings, many=False)
    title = name or _name(source, image)
    if not isinstance(image.grid, VolumeGrid):
        if lobes is not None:
            raise WrongQuantity("There are lobes, and a film has none: leave them out, or give a CT.")
        return _analyse_film(image, title, _file(source, image), settings=settings, networks=_of_films(networks))
    from hilum.pipeline_ct import analyse_ct

    return analyse_ct(
        image,
        name=title,
        path=_file(source, image),
        settings=settings,
        networks=_of_ct(networks),
        lobes=lobes,
        recorded=_of_result(settings, "ct"),
        progress=progress,
    )


def _of_films(networks: RunNetworks | Networks) -> Callable[[], Networks]:
    return (lambda: networks.films) if isinstance(networks, RunNetworks) else lambda: networks


def _of_ct(networks: RunNetworks | Networks) -> CtNetworks:
    from hilum.pipeline_ct import CtNetworks

    if isinstance(networks, RunNetworks):
        return CtNetworks(networks.ct_lungs, networks.ct_lesions)
    return CtNetworks(lambda: networks.lungs, lambda: networks.lesions)


def _analyse_film(
    image: Image, name: str, path: Path | str | None, *, settings: Settings, networks: Callable[[], Networks]
) -> Case:
    found = gate.before(image, settings.gate)
    gate.refuse(found, path)
    opened = networks()
    image, lungs = _lungs(image, opened.lungs)
    tells_kind = lungs.film_probability is not None
    found += gate.after(
        lungs.lungs,
        film_probability=lungs.film_probability,
        film_threshold=opened.lungs.card.threshold("film") if tells_kind else 0.0,
        is_inverted=_reaches(lungs.inverted_probability, "inverted", opened.lungs),
        settings=settings.gate,
    )
    found += _turned(lungs, opened.lungs)
    gate.refuse(found, path)
    gate.require_lungs(lungs.lungs, path)
    lesions = segment_lesions(image, lungs.lungs, opened.lesions, mirrored=settings.film.mirrored)
    if not lesions.are_kinds_told:
        message = "The lesion network does not tell ground-glass from consolidation; all is marked as ground-glass."
        found += (Finding("opacity-not-told-apart", Gravity.NOTE, message),)
    return _case(name, image, lungs, lesions, found=found, settings=settings, networks=opened)


def _image(source: Image | Path | str | InMemory, settings: Settings) -> Image:
    if isinstance(source, Image):
        return source
    if isinstance(source, Path | str):
        return read(source, settings.read, series=settings.ct.series)
    return from_object(source)


def _lungs(image: Image, network: Network) -> tuple[Image, LungStage]:
    """Stage I; a negative is turned into a positive first, which the gate then warns of."""
    lungs = segment_lungs(image, network)
    if not _reaches(lungs.inverted_probability, "inverted", network):
        return image, lungs
    positive = _positive(image)
    again = segment_lungs(positive, network)
    return positive, replace(again, inverted_probability=lungs.inverted_probability)


def _reaches(probability: float | None, name: str, network: Network) -> bool:
    """Whether a probability is at least the card's threshold of that name; never where the network does not tell."""
    return probability is not None and probability >= network.card.threshold(name)


def _positive(image: Image) -> Image:
    array = image.array
    low, high = array.min(), array.max()
    turned = (high - array + low) if array.dtype.kind == "u" else (low + high) - array
    return replace(image, array=turned.astype(array.dtype), origin=Step("invert", {}, (image.origin,)))


def _turned(lungs: LungStage, network: Network) -> tuple[Finding, ...]:
    if not _reaches(lungs.turned_probability, "turned", network):
        return ()
    message = (
        "The film seems to lie on its side or upside down; turn it, or state its orientation, and analyse it again."
    )
    return (Finding("turned", Gravity.WARNING, message),)


def _case(
    name: str,
    image: Image,
    lungs: LungStage,
    lesions: LesionStage,
    *,
    found: tuple[Finding, ...],
    settings: Settings,
    networks: Networks,
) -> Case:
    scores = score(
        lungs.lungs,
        lesions.lesions,
        brixia=lesions.brixia,
        zone_evidence=lesions.affected,
        six_zone_threshold=networks.lesions.card.threshold("six-zone"),
        six_zone_spread=networks.lesions.card.thresholds.get("six-zone-spread", 0.0),
    )
    probability: dict[str, NDArray[np.float32]] = {}
    if settings.output.probability:
        maps = {"lungs": lungs.probability, **lesions.probability}
        probability = {key: value.astype(np.float32) / np.float32(255) for key, value in maps.items()}
    masks = (lungs.lungs, lungs.fields, lesions.lesions)
    made_from = tuple(mask.origin for mask in masks if mask is not None)
    return Case(
        name=name,
        image=image,
        lungs=lungs.lungs,
        lesions=lesions.lesions,
        disease=_disease(lesions),
        scores=scores,
        findings=found,
        provenance=Step("analyse", _of_result(settings, "cxr"), made_from),
        lung_fields=lungs.fields,
        probability=probability,
        instances=film_lesions(lungs.lungs, lesions.lesions, lesions.probability.get("opacity")),
    )


def _disease(lesions: LesionStage) -> Disease | NotMeasured:
    if lesions.disease_probability is None:
        return NotMeasured("the lesion network does not tell")
    return Disease(lesions.disease_probability, lesions.disease_threshold)


def _of_result(settings: Settings, modality: Literal["cxr", "ct"]) -> dict[str, Json]:
    """The settings that a result depends on: not what is written of it, nor by how many threads it was made.

    Engine and arithmetic stand with each stage, as they were resolved; settings of the other modality are left out.
    """
    own = ("read", "gate", "film" if modality == "cxr" else "ct")
    tables = {name: table for name, table in as_json(settings).items() if name in own}
    models = as_json(settings.models)
    tables["models"] = {name: model for name, model in models.items() if name.startswith(f"{modality}_")}
    return tables


def _path(source: Image | Path | str | InMemory) -> Path | None:
    return Path(source) if isinstance(source, Path | str) else None


def _file(source: Image | Path | str | InMemory, image: Image) -> Path | str | None:
    """What the input is called in messages: its path, or the file that an image was read from."""
    if isinstance(source, np.ndarray):
        return None
    return _path(source) or next((item.name for item in sources(image.origin)), None)


def _name(source: Image | Path | str | InMemory, image: Image) -> str:
    path = _path(source)
    if path is None:
        return "film" if image.quantity is Quantity.RADIOGRAPH else "scan"
    return path.name.removesuffix(".gz").rsplit(".", 1)[0] if path.name.endswith(".nii.gz") else path.stem
