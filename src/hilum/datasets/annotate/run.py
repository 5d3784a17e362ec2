"""Finds what a film's source has no mask of, and writes it as a mask beside the others."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from hilum.datasets.open import open_image, open_mask
from hilum.datasets.schema import CaseTable, DatasetCase, Mask, MaskKind
from hilum.errors import ReadError
from hilum.image import LUNGS, Image, LabelMap
from hilum.models.card import Task
from hilum.models.network import Network, open_networks
from hilum.provenance import ModelRef
from hilum.segmentation.lesions import segment_lesions
from hilum.segmentation.lungs import segment_lungs
from hilum.settings import ModelSettings, RuntimeSettings
from hilum.writers.png import encode_png
from hilum.writers.whole import whole_file

MARK = "mask-by-model."
"""What the fact of a mask that a network made begins with; its value is the network's name, version and hash."""

FILM_LEAST = 0.5
"""A picture that is less likely a frontal chest film is said to be doubtful."""

Annotatable = Literal["lungs", "lung-fields", "lesions"]
"""Masks that there is a network for."""

KINDS: tuple[Annotatable, ...] = get_args(Annotatable)

REJECTED = "reject"
"""The verdict of a reviewer by which a mask is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Annotated:
    """A film and the masks that were made for it.

    Attributes
    ----------
    case : its row, with the masks and their marks
    image : the film, upright
    masks : what was made, by kind
    doubt : 0 to 1: the larger share of a mask's pixels of which the network is in two minds
    note : what a reviewer should know; empty if nothing
    """

    case: DatasetCase
    image: Image
    masks: Mapping[Annotatable, LabelMap]
    doubt: float
    note: str


class Annotator:
    """Networks that are opened once and asked for one film at a time.

    Raises
    ------
    ModelError
        A network cannot be used.
    """

    def __init__(self, kinds: Collection[Annotatable], models: ModelSettings, runtime: RuntimeSettings) -> None:
        self._kinds = tuple(kind for kind in KINDS if kind in kinds)
        wanted: list[tuple[Task, str]] = [("cxr-lungs", models.cxr_lungs)]
        if "lesions" in self._kinds:
            wanted.append(("cxr-lesions", models.cxr_lesions))
        networks: list[Network] = list(open_networks(wanted, runtime, many=True))
        self._lungs, self._lesions = networks[0], networks[-1]

    def __call__(self, case: DatasetCase) -> Annotated | None:
        """The masks that a film lacks; None if it lacks none of them."""
        missing = [kind for kind in self._kinds if kind not in case.masks]
        if case.modality != "CXR" or not missing:
            return None
        image = open_image(case)
        stage = segment_lungs(image, self._lungs)
        found: dict[Annotatable, LabelMap] = {"lungs": stage.lungs}
        if stage.fields is not None:
            found["lung-fields"] = stage.fields
        doubts = [_doubt(stage.probability, stage.lungs)]
        marks: dict[str, ModelRef] = dict.fromkeys(("lungs", "lung-fields"), self._lungs.ref)
        if "lesions" in missing:
            lungs = _by_side(case, image) or stage.lungs
            if lungs.mask().any():
                lesions = segment_lesions(image, lungs, self._lesions)
                found["lesions"], marks["lesions"] = lesions.lesions, self._lesions.ref
                doubts += [_doubt(chance, lesions.lesions) for chance in lesions.probability.values()]
        made: dict[Annotatable, LabelMap] = {kind: found[kind] for kind in missing if kind in found}
        facts = {f"{MARK}{kind}": _named(marks[kind]) for kind in made}
        return Annotated(
            replace(case, facts={**case.facts, **facts}), image, made, max(doubts), _note(stage.film_probability, found)
        )


def annotate(
    table: CaseTable,
    output: Path,
    annotator: Callable[[DatasetCase], Annotated | None],
    *,
    rejected: Collection[tuple[str, str]] = (),
    on_done: Callable[[Annotated | None], None] | None = None,
    on_trouble: Callable[[DatasetCase, ReadError], None] | None = None,
) -> CaseTable:
    """Write the masks that films lack into a folder, and a table of all cases with them.

    Masks are 8-bit PNG on the pixels of the upright film, ``<kind>/<source>-<case>.png``; the table is ``cases.csv``,
    in which the fact ``mask-by-model.<kind>`` names the network. Cases that lack nothing, and CT, pass as they are. The
    masks of a source are never touched.

    Parameters
    ----------
    table : of the cases
    output : folder of the masks and the table
    annotator : such as :class:`Annotator`
    rejected : keys of cases and kinds of masks that a reviewer has rejected: they are not written
    on_done : told of each case
    on_trouble : told of each film that cannot be read, which passes as it is; None raises the error

    Raises
    ------
    ReadError
        A film cannot be read, and nobody wants to be told.
    WriteError
        A file cannot be written.
    """
    rows: list[DatasetCase] = []
    for case in table:
        try:
            made = annotator(case)
        except ReadError as error:
            if on_trouble is None:
                raise
            made = None
            on_trouble(case, error)
        rows.append(case if made is None else _written(made, output, rejected))
        if on_done is not None:
            on_done(made)
    done = CaseTable.of(rows)
    done.write_csv(output / "cases.csv")
    return done


def read_verdicts(path: Path) -> dict[tuple[str, str], str]:
    """What a reviewer wrote into a review's table, by case and kind of mask; empty cells are left out.

    Raises
    ------
    ReadError
        It is no table of a review.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {
                (row["case"], row["mask"]): row["verdict"].strip()
                for row in csv.DictReader(file)
                if row["verdict"].strip()
            }
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        raise ReadError(
            f"Cannot read {str(path)!r} as the table of a review: {error}. Its columns are case, mask, doubt, verdict.",
            path=path,
        ) from error


def rejected_by(verdicts: Mapping[tuple[str, str], str]) -> frozenset[tuple[str, str]]:
    """Cases and kinds of masks whose verdict is :data:`REJECTED`."""
    return frozenset(key for key, verdict in verdicts.items() if verdict.lower() == REJECTED)


def _written(made: Annotated, output: Path, rejected: Collection[tuple[str, str]]) -> DatasetCase:
    case = made.case
    masks: dict[MaskKind, Mask] = dict(case.masks)
    facts = dict(case.facts)
    for kind, labels in made.masks.items():
        path = output / kind / f"{case.key.replace('/', '-')}.png"
        if (case.key, kind) in rejected:
            facts.pop(f"{MARK}{kind}")
            path.unlink(missing_ok=True)  # an earlier run made it
            continue
        with whole_file(path) as unfinished:
            unfinished.write_bytes(encode_png(labels.array, is_picture=False))
        masks[kind] = Mask(path, {number: label.name for number, label in labels.labels.items()})
    return replace(case, masks=masks, facts=facts)


def _by_side(case: DatasetCase, image: Image) -> LabelMap | None:
    """The lungs of the source, if they are told apart."""
    if "lungs" not in case.masks:
        return None
    mask = open_mask(case, "lungs", image)
    if not all(mask.pixels(label.name) for label in LUNGS.values()):
        return None
    return LabelMap(np.where(mask.array <= len(LUNGS), mask.array, np.uint8(0)), mask.grid, LUNGS, mask.origin)


def _doubt(chance: NDArray[np.uint8], labels: LabelMap) -> float:
    """Share of pixels between a quarter and three quarters of certainty, among those and the mask's."""
    torn = np.count_nonzero((chance > 64) & (chance < 192))
    return torn / max(1, torn + np.count_nonzero(labels.array))


def _named(ref: ModelRef) -> str:
    return f"{ref.name} {ref.version} {ref.sha256[:12]}"


def _note(film_probability: float | None, found: Mapping[Annotatable, LabelMap]) -> str:
    missing = [label.name for label in LUNGS.values() if not found["lungs"].pixels(label.name)]
    if film_probability is not None and film_probability < FILM_LEAST:
        return "hardly a frontal chest film"
    return f"no {' and no '.join(missing)} found" if missing else ""
