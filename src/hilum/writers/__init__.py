"""Results as files: masks, overlay, report, JSON, and the table of a run.

A case becomes a folder that appears when it is whole::

    <output>/<case>/result.json            always; the last to be written
                    lungs.png  lesions.png  lung-fields.png     and .nii.gz, as asked for
                    overlay.png  report.html                    as asked for
                    probability-<name>.png                      as asked for
    <output>/results.csv                   a row a case
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from hilum.case import Case
from hilum.errors import ModelError, SettingsError
from hilum.provenance import ModelRef, Step, walk
from hilum.registry import unknown
from hilum.settings import OutputSettings

from .masks import ENDINGS, as_bytes, write, write_straight
from .png import encode_png
from .result_json import WrittenFile, encode_json, label_maps, result
from .whole import MARKER, whole_folder

__all__ = ["write", "write_case"]


def write_case(case: Case, output: Path, settings: OutputSettings) -> Path:
    """Write a case into a folder of its name, whole or not at all, and give back that folder.

    The result of an earlier run of the same case is replaced; a folder of that name that is no result is not.

    Parameters
    ----------
    case : of a film
    output : folder of the run, made if need be
    settings : what to write

    Raises
    ------
    WriteError
        The folder could not be written; nothing new stands under its name.
    SettingsError
        A mask format is not known.
    ValueError
        The case's name cannot name a folder.
    WrongQuantity
        The case is of a volume.
    """
    if case.name in {"", ".", ".."} or any(character in case.name for character in "/\\\0"):
        raise ValueError(f"a case cannot be named {case.name!r}: its name is also that of its folder")
    for name in settings.masks:
        if name not in ENDINGS:
            raise SettingsError(unknown("mask format", name, ENDINGS))
    folder = output / case.name
    with whole_folder(folder) as unfinished:
        written = [
            *_write_masks(case, unfinished, settings),
            *_write_probability(case, unfinished, settings),
            *_write_pictures(case, unfinished, settings),
        ]
        (unfinished / MARKER).write_bytes(encode_json(result(case, written)))
    return folder


def _write_masks(case: Case, folder: Path, settings: OutputSettings) -> Iterator[WrittenFile]:
    for content, labels in label_maps(case).items():
        for name in settings.masks:
            path = folder / f"{content}{ENDINGS[name]}"
            write_straight(labels, path)
            yield WrittenFile(path.name, content, on_grid=True)


def _write_probability(case: Case, folder: Path, settings: OutputSettings) -> Iterator[WrittenFile]:
    for name, probability in case.probability.items() if settings.probability else ():
        path = folder / f"probability-{name}.png"
        path.write_bytes(encode_png(as_bytes(probability), is_picture=True))
        yield WrittenFile(path.name, "probability", on_grid=True)


def _write_pictures(case: Case, folder: Path, settings: OutputSettings) -> Iterator[WrittenFile]:
    """Overlay and report, from one drawing."""
    if not (settings.overlay or settings.report):
        return
    from .display import display
    from .overlay import draw

    shown = display(case)
    overlay = draw(case, shown)
    if settings.overlay:
        (folder / "overlay.png").write_bytes(encode_png(overlay, is_picture=True))
        yield WrittenFile("overlay.png", "overlay", on_grid=False)
    if settings.report:
        from .report import render_report

        page = render_report(case, shown.film, overlay, _limits(case.provenance))
        (folder / "report.html").write_bytes(page.encode(errors="xmlcharrefreplace"))
        yield WrittenFile("report.html", "report", on_grid=False)


def _limits(provenance: Step) -> Mapping[str, tuple[str, ...]]:
    """By name, what the cards of the networks in a history say of their limits."""
    models = [node.model for node in walk(provenance) if isinstance(node, Step) and node.model is not None]
    return {model.name: limits for model in models if (limits := _limits_of(model))}


@lru_cache(maxsize=16)
def _limits_of(model: ModelRef) -> tuple[str, ...]:
    """Limits on the card of a network; none if this installation does not have that very network."""
    from hilum.models import catalogue

    try:
        card = catalogue.card(model.name)
    except (ModelError, SettingsError):
        return ()
    return card.limits if card.sha256 == model.sha256 else ()
