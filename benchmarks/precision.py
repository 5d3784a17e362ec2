"""What an engine and a lower precision cost in accuracy, on films with references.

    python benchmarks/precision.py FOLDER [--split val] [--limit N] [--json FILE] [--check]

FOLDER holds films as `hilum datasets` knows them. Two tables: the figures of the committed evaluation for every engine
and precision; and how far masks and scores are from those of ONNX Runtime in float32, film by film. --check fails if
the masks' mean Dice against it is below MIN_DICE, or if a mean absolute difference of a score is above MAX_ERROR.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from measure import Row, parser, report
from numpy.typing import NDArray

from hilum.case import Case
from hilum.datasets.films import FilmCase, in_split, read_cases
from hilum.errors import SettingsError
from hilum.evaluation.protocol import Evaluation, evaluate_films
from hilum.measurement import NotMeasured
from hilum.models.plan import resolve
from hilum.pipeline import analyse, open_networks
from hilum.settings import RuntimeSettings, Settings

MIN_DICE = 0.995
"""Lowest mean Dice of lungs, and of lesions, against float32."""

MAX_ERROR = 0.05
"""Largest mean absolute difference of a score from float32, in the score's own unit."""

MASKS = ("lungs", "lesions")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of a film: its masks as bits, its scores, and whether it counts as diseased."""

    masks: dict[str, NDArray[np.uint8]]
    scores: dict[str, float | None]
    is_diseased: bool | None

    @classmethod
    def of(cls, case: Case) -> Kept:
        """The part of a result that is compared."""
        values = {name: score.value for name, score in case.scores.items()}
        return cls(
            {name: np.packbits(getattr(case, name).array > 0) for name in MASKS},
            {name: None if isinstance(value, NotMeasured) else value for name, value in values.items()},
            None if isinstance(case.disease, NotMeasured) else case.disease.is_present,
        )


@dataclass(slots=True)
class Variant:
    """One engine in one precision, and all its results by film."""

    runtime: RuntimeSettings
    kept: dict[Path, Kept] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.runtime.engine} {self.runtime.precision}"

    def evaluate(self, films: tuple[FilmCase, ...]) -> Evaluation:
        """The committed evaluation; what is compared later is remembered on the way."""
        settings = replace(Settings(), runtime=self.runtime)
        networks = open_networks(settings, many=True)

        def remember(path: Path) -> Case:
            case = analyse(path, settings=settings, networks=networks)
            self.kept[path] = Kept.of(case)
            return case

        return evaluate_films(films, remember)


def variants() -> list[Variant]:
    """The reference first, then every other engine and precision that works here."""
    made = [Variant(RuntimeSettings(engine=engine, precision="float32")) for engine in ("onnxruntime", "openvino")]
    lower = RuntimeSettings(engine="openvino", precision="bfloat16")
    with contextlib.suppress(SettingsError):  # this processor may have no bfloat16
        resolve(lower, many=True)
        made.append(Variant(lower))
    return made


def accuracy(evaluations: dict[str, Evaluation]) -> Iterator[Row]:
    """A line for each figure: its value in each variant."""
    for rows in zip(*(each.rows for each in evaluations.values()), strict=True):
        if not rows[0].group and not isinstance(rows[0].value, NotMeasured):
            values = [None if isinstance(row.value, NotMeasured) else row.value.estimate for row in rows]
            figures = dict(zip(evaluations, values, strict=True))
            yield {"figure": rows[0].figure.id, "films": rows[0].value.n_cases, **figures}


def differences(reference: Variant, other: Variant) -> Iterator[Row]:
    """Lines for each mask and score: how far it is from the reference."""
    pairs = [(kept, other.kept[path]) for path, kept in reference.kept.items() if path in other.kept]
    for name in MASKS:
        yield _line(other, f"{name}, Dice", [dice(a.masks[name], b.masks[name]) for a, b in pairs], worst=min)
    for name in pairs[0][0].scores if pairs else ():
        values = [(a.scores[name], b.scores[name]) for a, b in pairs]
        yield _line(
            other, f"{name}, difference", [abs(a - b) for a, b in values if a is not None and b is not None], worst=max
        )
    yield _line(
        other, "diseased, verdict changed", [float(a.is_diseased != b.is_diseased) for a, b in pairs], worst=max
    )
    yield _line(other, "film lost", [float(path not in other.kept) for path in reference.kept], worst=max)


def _line(variant: Variant, what: str, values: list[float], worst: Callable[[list[float]], float]) -> dict[str, Any]:
    mean = float(np.mean(values)) if values else float("nan")
    return {"variant": variant.name, "what": what, "films": len(values), "mean": mean, "worst": worst(values or [mean])}


def dice(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Overlap of two masks of bits; 1 if both are empty, as they then agree."""
    total = int(np.bitwise_count(a).sum() + np.bitwise_count(b).sum())
    return 2 * int(np.bitwise_count(a & b).sum()) / total if total else 1.0


def is_close(row: Row) -> bool:
    """Whether a line of the differences is within the bounds that --check demands."""
    if row["what"].endswith("Dice"):
        return row["mean"] >= MIN_DICE
    return not row["what"].endswith("difference") or not row["mean"] > MAX_ERROR


def main() -> int:
    """Exit status 1 if --check finds a variant too far from the reference."""
    options = parser(__doc__)
    options.add_argument("folder", type=Path, help="of films with a table cases.csv")
    options.add_argument("--split", default="val", help="train, val, test or all")
    options.add_argument("--limit", type=int, default=None, metavar="N", help="only the first N films")
    options.add_argument("--check", action="store_true", help="fail if a variant is too far from the reference")
    given = options.parse_args()
    films = in_split(read_cases(given.folder), given.split)[: given.limit]
    tried = variants()
    evaluations = {variant.name: variant.evaluate(films) for variant in tried}
    reference, *others = tried
    rows = [row for other in others for row in differences(reference, other)]
    figures = list(accuracy(evaluations))
    title = f"{len(films)} films of the split {given.split}"
    report(f"Accuracy against the references, {title}", figures, None)
    report(f"Against {reference.name}, {title}", rows, given.json, accuracy=figures)
    return 1 if given.check and not all(is_close(row) for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
