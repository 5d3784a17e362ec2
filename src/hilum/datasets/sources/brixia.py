"""BrixIA: films with Brixia scores (Signoroni et al. 2021, doi 10.1016/j.media.2021.102046). Two sets, two layouts.

The hospital's 4,703 films (columns as on brixia.github.io): ``dicom_clean/*.dcm`` and ``metadata_global_v2.csv``,
separated by semicolons, whose ``BrixiaScore`` writes the zones A to F as digits and lacks leading zeros where a
spreadsheet went over it; ``metadata_consensus_v1.csv``, by commas, has the most frequent score of five readers for 150
of them (``ModeA`` to ``ModeF``), which are the test set.

192 films of Cohen's collection (github.com/BrixIA/Brixia-score-COVID-19): ``public-annotations.csv`` with ``S-A`` to
``S-F`` and ``S-Global`` of a senior and ``J-`` of a junior radiologist; films in ``public-cohen-subset``, or in the
``images`` of Cohen's repository beside it. Zones A, B, C are the patient's right upper, middle, lower; D, E, F the
left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hilum.datasets.schema import DatasetCase
from hilum.datasets.slices import existing, rows_of
from hilum.errors import ReadError

from .layout import Layout, number

ID = "brixia"
ZONES = "ABCDEF"
"""The zones in the order of the scores."""

_GLOBAL = ("Filename", "BrixiaScore", "BrixiaScoreGlobal", "ConsensusTestset", "Subject", "Sex")
_READERS = {"S": "brixia-senior", "J": "brixia-junior"}


def cases(root: Path) -> Iterator[DatasetCase]:
    """The films of whichever of the two sets is there."""
    table = next((path for path in sorted(root.glob("metadata_global_v*.csv"))[::-1]), None)
    if table is not None:
        yield from _hospital(root, table)
    if (root / "public-annotations.csv").is_file():
        yield from _public(root)


def _hospital(root: Path, table: Path) -> Iterator[DatasetCase]:
    consensus = _consensus(root)
    for row in rows_of(table, _GLOBAL, delimiter=";"):
        name = Path(row["Filename"]).stem
        is_test = row["ConsensusTestset"] in ("1", "1.0", "True")
        yield DatasetCase(
            source=ID,
            case=name,
            patient=row["Subject"] or name,
            modality="CXR",
            image=existing(root / "dicom_clean" / row["Filename"]),
            scores={**_digits(row["BrixiaScore"], row["BrixiaScoreGlobal"], table), **consensus.get(name, {})},
            finding="COVID-19",
            split="test" if is_test else "",
            licence="BrixIA COVID-19 Dataset Research Use Agreement",
            facts={"sex": row["Sex"], "collection": "spedali-civili"},
        )


def _digits(text: str, total: str, table: Path) -> dict[str, float]:
    """The score of six digits; ReadError if they are none, or not of the sum that is stated."""
    digits = text.removesuffix(".0").zfill(len(ZONES))
    if len(digits) != len(ZONES) or set(digits) - set("0123"):
        raise ReadError(f"{str(table)!r}: BrixiaScore is {text!r}; expected six digits from 0 to 3.", path=table)
    return _score("brixia", [float(digit) for digit in digits], total, table)


def _score(name: str, zones: list[float], total: str, table: Path) -> dict[str, float]:
    stated = number(total, f"the total of {name}", table, 18)
    if stated != sum(zones):
        raise ReadError(
            f"{str(table)!r}: the zones of {name}, {', '.join(f'{zone:g}' for zone in zones)}, do not make {stated:g}.",
            path=table,
        )
    return {name: stated, **{f"{name}.{zone}": value for zone, value in zip(ZONES, zones, strict=True)}}


def _consensus(root: Path) -> dict[str, dict[str, float]]:
    table = next(iter(sorted(root.glob("metadata_consensus_v*.csv"))), None)
    if table is None:
        return {}
    columns = ("Filename", *(f"Mode{zone}" for zone in ZONES))
    found: dict[str, dict[str, float]] = {}
    for row in rows_of(table, columns):
        zones = [number(row[f"Mode{zone}"], f"Mode{zone}", table, 3) for zone in ZONES]
        found[Path(row["Filename"]).stem] = _score("brixia-consensus", zones, f"{sum(zones)}", table)
    return found


def _public(root: Path) -> Iterator[DatasetCase]:
    table = root / "public-annotations.csv"
    columns = ("filename", *(f"{reader}-{zone}" for reader in _READERS for zone in (*ZONES, "Global")))
    for row in rows_of(table, columns):
        scores: dict[str, float] = {}
        for reader, name in _READERS.items():
            zones = [number(row[f"{reader}-{zone}"], f"{reader}-{zone}", table, 3) for zone in ZONES]
            scores |= _score(name, zones, row[f"{reader}-Global"], table)
        places = (root / "public-cohen-subset", root / "images", root.parent / "images")
        image = next((path for place in places if (path := place / row["filename"]).is_file()), None)
        yield DatasetCase(
            source=ID,
            case=row["filename"],
            patient=row["filename"],
            modality="CXR",
            image=image or existing(places[0] / row["filename"]),
            scores=scores,
            licence="the film's own (Cohen et al.); scores CC BY-NC-SA 4.0",
            facts={"collection": "cohen"},
        )


SOURCE = Layout(
    ID,
    "BrixIA: 4,703 films and 192 of Cohen's collection with Brixia scores",
    (("metadata_global_v*.csv", "dicom_clean"), ("public-annotations.csv",)),
    cases,
)
