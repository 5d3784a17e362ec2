"""A projected film as files: the film, its masks, thickness maps, and a manifest of what made them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hilum import __version__
from hilum.image import Image, LabelMap, Quantity
from hilum.projection import Projection
from hilum.provenance import Json, Step, digest

from .masks import write
from .result_json import encode_json, rounded
from .whole import whole_file

MANIFEST_VERSION = "1.0"
"""Of the manifest. A key that is added raises the second number, one that changes or goes the first."""


def write_projection(made: Projection, film: Path, more: dict[str, LabelMap] | None = None) -> list[Path]:
    """Write a projected film and, beside it, all that belongs to it; gives back the files, the manifest last.

    ``<film>-<mask>.png`` holds what a reader outlines, ``<film>-<mask>-shadow.png`` wherever the rays cross a mask,
    ``<film>-<mask>-<structure>.nii.gz`` how far they run through a structure in mm, ``<film>.json`` the settings, the
    history and the sizes.

    Parameters
    ----------
    made : the film and what belongs to it
    film : ends in ``.png`` (16 bits), ``.nii``, ``.nii.gz`` or ``.nrrd``
    more : further masks on the film's pixels, by name

    Raises
    ------
    WriteError
        A file cannot be written, or the ending is unknown.
    """
    written = {write(made.film, film): "film"}
    name = film.name.removesuffix(".gz").rpartition(".")[0]
    for content, artefact in _beside(made, more or {}):
        ending = ".png" if isinstance(artefact, LabelMap) else ".nii.gz"
        written[write(artefact, film.with_name(f"{name}-{content}{ending}"))] = content
    manifest = film.with_name(f"{name}.json")
    with whole_file(manifest) as unfinished:
        unfinished.write_bytes(encode_json(_manifest(made, {path.name: content for path, content in written.items()})))
    return [*written, manifest]


def _beside(made: Projection, more: dict[str, LabelMap]) -> Iterator[tuple[str, Image | LabelMap]]:
    yield from more.items()
    for name, mask in made.masks.items():
        yield name, mask
        yield f"{name}-shadow", made.shadows[name]
        for structure, way in made.thickness_mm[name].items():
            if way.any():
                yield f"{name}-{structure}", Image(way, mask.grid, Quantity.LENGTH_MM, mask.origin)


def _manifest(made: Projection, files: dict[str, str]) -> dict[str, Json]:
    grid, origin = made.film.plane, made.film.origin
    spacing = grid.spacing_mm
    structures: dict[str, Json] = {
        f"{name}.{structure}": {
            "mean_mm": rounded(float(way[way > 0].mean()) if (way > 0).any() else 0.0),
            "most_mm": rounded(float(way.max(initial=0))),
            "outlined_pixels": int(np.count_nonzero(made.masks[name].mask(structure))),
        }
        for name, ways in made.thickness_mm.items()
        for structure, way in ways.items()
    }
    return {
        "manifest_version": MANIFEST_VERSION,
        "hilum_version": __version__,
        "view": made.film.view,
        "shape": list(grid.shape),
        "spacing_mm": None if spacing is None else [rounded(length) for length in spacing],
        "spacing_at": grid.spacing_at.value,
        "settings": dict(origin.settings) if isinstance(origin, Step) else {},
        "structures": structures,
        "files": {**files},
        "digest": digest(origin),
        "provenance": origin.as_json(),
    }
