"""The flow of the product: an image in, a case out. Command line, batch and tests all call :func:`analyse`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hilum import gate
from hilum.case import Case, Disease
from hilum.image import Image, Quantity
from hilum.measurement import Finding, Gravity
from hilum.models.card import Task
from hilum.models.network import Network
from hilum.models.network import open_networks as open_by_task
from hilum.provenance import Json, Step, sources
from hilum.readers import from_array, read
from hilum.scoring import score
from hilum.segmentation.lesions import LesionStage, segment_lesions
from hilum.segmentation.lungs import LungStage, segment_lungs
from hilum.settings import Settings, as_json


@dataclass(frozen=True, slots=True)
class Networks:
    """The networks of a run, opened once and shared by its threads."""

    lungs: Network
    lesions: Network


def open_networks(settings: Settings, *, many: bool) -> Networks:
    """The networks that the settings name.

    Parameters
    ----------
    settings : models and runtime
    many : whether throughput over many films counts, or the time to the first result
    """
    tasks: list[tuple[Task, str]] = [
        ("cxr-lungs", settings.models.cxr_lungs),
        ("cxr-lesions", settings.models.cxr_lesions),
    ]
    return Networks(*open_by_task(tasks, settings.runtime, many=many))


def analyse(
    source: Image | Path | str | NDArray[Any],
    *,
    settings: Settings | None = None,
    networks: Networks | None = None,
    name: str = "",
) -> Case:
    """Lungs, lesions and severity scores of one chest film.

    Parameters
    ----------
    source : a film: a file, an array (rows, columns) with larger as brighter and the patient upright, or an image
    settings : None takes the defaults
    networks : opened before, for several films; None opens the ones that the settings name
    name : of the case; empty takes the file's

    Raises
    ------
    ReadError
        The file cannot be read, or the input gate refuses it (:class:`~hilum.errors.Refused`).
    ModelError
        A network cannot be used.

    Examples
    --------
    >>> from hilum.phantom import sample_film
    >>> case = analyse(sample_film(1, severity=0.6).image)
    >>> case.scores["six-zone"].definition.range
    (0.0, 6.0)
    """
    settings = settings or Settings()
    image = _image(source, settings)
    found = gate.before(image, settings.gate)
    gate.refuse(found, _file(source, image))
    networks = networks or open_networks(settings, many=False)
    image, lungs = _lungs(image, networks.lungs)
    found += gate.after(
        lungs.lungs,
        film_probability=lungs.film_probability,
        film_threshold=networks.lungs.card.threshold("film"),
        is_inverted=lungs.inverted_probability >= networks.lungs.card.threshold("inverted"),
        settings=settings.gate,
    )
    found += _turned(lungs, networks.lungs)
    gate.refuse(found, _file(source, image))
    lesions = segment_lesions(image, lungs.lungs, networks.lesions)
    title = name or _name(source, image)
    return _case(title, image, lungs, lesions, found=found, settings=settings, networks=networks)


def _image(source: Image | Path | str | NDArray[Any], settings: Settings) -> Image:
    if isinstance(source, Image):
        return source
    if isinstance(source, Path | str):
        return read(source, settings.read, series=settings.ct.series)
    return from_array(source)


def _lungs(image: Image, network: Network) -> tuple[Image, LungStage]:
    """Stage I; a negative is turned into a positive first, which the gate then warns of."""
    lungs = segment_lungs(image, network)
    if lungs.inverted_probability < network.card.threshold("inverted"):
        return image, lungs
    positive = _positive(image)
    again = segment_lungs(positive, network)
    return positive, replace(again, inverted_probability=lungs.inverted_probability)


def _positive(image: Image) -> Image:
    array = image.array
    low, high = array.min(), array.max()
    turned = (high - array + low) if array.dtype.kind == "u" else (low + high) - array
    return replace(image, array=turned.astype(array.dtype), origin=Step("invert", {}, (image.origin,)))


def _turned(lungs: LungStage, network: Network) -> tuple[Finding, ...]:
    if lungs.turned_probability < network.card.threshold("turned"):
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
    )
    probability: dict[str, NDArray[np.float32]] = {}
    if settings.output.probability:
        maps = {"lungs": lungs.probability, **lesions.probability}
        probability = {key: value.astype(np.float32) / np.float32(255) for key, value in maps.items()}
    made_from = (lungs.lungs.origin, lungs.fields.origin, lesions.lesions.origin)
    return Case(
        name=name,
        image=image,
        lungs=lungs.lungs,
        lesions=lesions.lesions,
        disease=Disease(lesions.disease_probability, lesions.disease_threshold),
        scores=scores,
        findings=found,
        provenance=Step("analyse", _of_result(settings), made_from),
        lung_fields=lungs.fields,
        probability=probability,
    )


def _of_result(settings: Settings) -> dict[str, Json]:
    """The settings that a result depends on: not what is written of it, nor by how many threads it was made.

    Engine and arithmetic stand with each stage, as they were resolved.
    """
    return {name: table for name, table in as_json(settings).items() if name not in ("output", "runtime")}


def _path(source: Image | Path | str | NDArray[Any]) -> Path | None:
    return Path(source) if isinstance(source, Path | str) else None


def _file(source: Image | Path | str | NDArray[Any], image: Image) -> Path | str | None:
    """What the input is called in messages: its path, or the file that an image was read from."""
    if isinstance(source, np.ndarray):
        return None
    return _path(source) or next((item.name for item in sources(image.origin)), None)


def _name(source: Image | Path | str | NDArray[Any], image: Image) -> str:
    path = _path(source)
    return path.stem if path is not None else "film" if image.quantity is Quantity.RADIOGRAPH else "scan"
