"""Films of computed chests as a folder of training data, in the layout of films with outlines."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from hilum.datasets.films import TABLE, columns_of
from hilum.phantom import sample_film

from .films import PHANTOM_SOURCE as SOURCE

LICENCE = "license"
"""A column that a table of cases is made of, too: 'hilum datasets' reads the folder as it does real films."""


def write_phantom_films(folder: Path, count: int, *, seed: int = 0, side_px: int = 512) -> Path:
    """Write ``count`` films with their lungs and lesions; every fourth is healthy. Gives the folder back.

    Parameters
    ----------
    folder : made if need be; films that are there already are kept
    count : films
    seed : of the first; the next has the next
    side_px : rows and columns of each film
    """
    kinds = ("images", "lungs_lr", "lesions")
    for kind in kinds:
        (folder / kind).mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, str]] = []
    for number in range(seed, seed + count):
        name, severity = f"{SOURCE}-{number:05d}", 0.0 if number % 4 == 0 else (number % 7 + 1) / 7
        if not all((folder / kind / f"{name}.png").exists() for kind in kinds[1:]):
            made = sample_film(number, severity=severity, shape=(side_px, side_px))
            for kind, array in zip(kinds, (made.image.array, made.lungs.array, made.lesions.array), strict=True):
                suffix = "jpg" if kind == "images" else "png"
                Picture.fromarray(np.asarray(array)).save(folder / kind / f"{name}.{suffix}")
        facts = {
            "case": name,
            "source": SOURCE,
            "patient": name,
            "split": "train",
            "lungs_lr": "True",
            "lesions": "True",
            LICENCE: "Apache-2.0",
        }
        rows.append(facts | {"finding": "No finding" if severity == 0 else "phantom"})
    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, (*columns_of("scored"), LICENCE), restval="")
        table.writeheader()
        table.writerows(rows)
    return folder
