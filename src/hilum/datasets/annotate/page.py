"""The page on which a person looks at masks that a network made, the most doubtful first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as Picture

from hilum.datasets.explore.page import render
from hilum.writers.csv_file import write_csv
from hilum.writers.data_url import data_url
from hilum.writers.strokes import FILL, draw_structures
from hilum.writers.whole import whole_file

from .run import Annotated

SIDE = 420
"""Longer side of a film on the page, in pixels."""

PAGE, TABLE = "review.html", "review.csv"


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What the page and its table show of a film: it keeps no pixels but a small picture's.

    Attributes
    ----------
    key : of the case
    masks : kinds that a network made
    doubt, note : of :class:`~hilum.datasets.annotate.run.Annotated`
    picture : a data URL of the film with outlines
    """

    key: str
    masks: tuple[str, ...]
    doubt: float
    note: str
    picture: str


def reviewed(made: Annotated) -> Reviewed:
    """A film as the page shows it."""
    return Reviewed(made.case.key, tuple(made.masks), made.doubt, made.note, _picture(made))


def write_review(
    films: Sequence[Reviewed], folder: Path, verdicts: Mapping[tuple[str, str], str] | None = None
) -> None:
    """Write ``review.html`` and ``review.csv``, whose column ``verdict`` is the reviewer's.

    Parameters
    ----------
    films : with masks that were made
    folder : of both files
    verdicts : what the reviewer has said before, by case and kind of mask

    Raises
    ------
    WriteError
        A file could not be written.
    """
    ordered = sorted(films, key=lambda film: (not film.note, -film.doubt, film.key))
    page = render("annotate.html.j2", films=ordered)
    with whole_file(folder / PAGE) as unfinished:
        unfinished.write_text(page, encoding="utf-8")
    said = verdicts or {}
    rows = (
        (film.key, kind, f"{film.doubt:.3f}", film.note, said.get((film.key, kind), ""))
        for film in ordered
        for kind in film.masks
    )
    write_csv(folder / TABLE, ("case", "mask", "doubt", "note", "verdict"), rows)


def _picture(made: Annotated) -> str:
    array = made.image.array
    low, high = (float(level) for level in np.quantile(array[::4, ::4], (0.005, 0.995)))
    grey = np.clip((array.astype(np.float32) - low) * np.float32(255 / max(high - low, 1e-6)), 0, 255).astype(np.uint8)
    scale = SIDE / max(grey.shape)
    size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
    canvas = Picture.fromarray(grey).resize(size, Picture.Resampling.BILINEAR).convert("RGB")
    for kind, labels in made.masks.items():
        small = np.array(Picture.fromarray(labels.array).resize(size, Picture.Resampling.NEAREST))
        draw_structures(canvas, small, labels.labels, fill=FILL if kind == "lesions" else 0)
    return data_url(canvas, "JPEG", quality=85, subsampling=0)
