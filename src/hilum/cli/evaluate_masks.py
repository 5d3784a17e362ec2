"""``hilum evaluate masks``: anyone's masks against the truth of a table of cases."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from hilum.cli.talk import QUIET, TalkingCommand, progress
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.datasets.schema import DatasetCase, MaskKind
    from hilum.evaluation.predictions import Numbers, Predictions


class _Given(TypedDict):
    """The options."""

    truths: tuple[Path, ...]
    systems: tuple[str, ...]
    readers: tuple[str, ...]
    kinds: tuple[str, ...]
    labels: tuple[str, ...]
    split: str
    tolerance_mm: float
    assume_spacing_mm: float | None
    distances: bool
    pictures: int
    output: Path | None
    is_json: bool


SOME_MISSING = 3
"""Exit status when predictions were missing."""


truth_option = click.option(
    "--truth",
    "truths",
    multiple=True,
    required=True,
    metavar="DB",
    type=click.Path(exists=True, path_type=Path),
    help="A table of cases, a folder that holds one, or a downloaded data set; repeat for several.",
)
split_option = click.option(
    "--split", default="all", show_default=True, help="Part of the data: train, val, test or all."
)


@click.command("masks", cls=TalkingCommand)
@truth_option
@click.option(
    "--predictions",
    "systems",
    multiple=True,
    required=True,
    metavar="[NAME=]PLACE",
    help="A folder of masks named like the cases, or a table with a column of their files; repeat for several.",
)
@click.option("--reader", "readers", multiple=True, metavar="[NAME=]PLACE", help="Masks of a further reader.")
@click.option("--kind", "kinds", multiple=True, help="Kind of mask: lungs, lesions, lung-fields or lobes; or all.")
@click.option(
    "--labels",
    multiple=True,
    metavar="[NAME:]KIND:N=STRUCTURE,...",
    help="What numbers mean in predicted masks, such as lungs:255=lungs, or in those of one system, such as "
    "unet:lungs:255=lungs; without it, Hilum's own. Repeat for several.",
)
@split_option
@click.option("--tolerance-mm", default=2.0, show_default=True, type=click.FloatRange(0.0), help="Of the surface Dice.")
@click.option(
    "--assume-spacing-mm",
    type=click.FloatRange(0.0, min_open=True),
    help="Between the pixels of films that state no spacing; 1 gives distances in pixels.",
)
@click.option("--distances/--no-distances", default=True, show_default=True, help="Between surfaces; extra 'ct'.")
@click.option("--pictures", default=0, show_default=True, type=click.IntRange(0, 50), help="Best, middle, worst cases.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the figures of every case, their means, what was missing, and pictures.",
)
@click.option("--json", "is_json", is_flag=True, help="Print JSON in place of tables.")
@click.pass_context
def command(context: click.Context, **given: Unpack[_Given]) -> None:
    """Judge anyone's masks: Dice, distances, volumes, single lesions. Every mean has its 95 % interval by patient.

    A prediction that is missing, or does not lie on its image, counts with the worst value there is and is listed;
    then the exit status is 3.
    """
    output, count = given["output"], given["pictures"]
    if count and output is None:
        raise click.UsageError("--pictures are written to the folder of --output.")
    from hilum.evaluation.masks import Conditions, judge
    from hilum.evaluation.results import as_json, as_markdown, results_of, write_results

    kinds = _kinds(given["kinds"])
    cases = [case for case in cases_of(given["truths"], given["split"]) if any(kind in case.masks for kind in kinds)]
    predictions = _predictions(given["systems"], given["readers"], given["labels"])
    conditions = Conditions(given["tolerance_mm"], given["assume_spacing_mm"], has_surfaces=given["distances"])
    with progress(len(cases)) as watch:

        def watched() -> Iterable[DatasetCase]:
            for case in cases:
                yield case
                watch.step("")

        results = results_of(judge(watched(), predictions, kinds, conditions))
    if output:
        write_results(results, output)
        if count:
            from hilum.evaluation.gallery import write_gallery

            write_gallery(results, cases, predictions, output, count=count)
        if not context.meta.get(QUIET):
            click.echo(f"Written to {output}", err=True)
    told = json.dumps(as_json(results), indent=2) + "\n" if given["is_json"] else as_markdown(results)
    click.echo(told, nl=False)
    if results.missing:
        context.exit(SOME_MISSING)


def _kinds(names: tuple[str, ...]) -> list[MaskKind]:
    from hilum.datasets.schema import MASK_KINDS
    from hilum.errors import SettingsError
    from hilum.registry import unknown

    for name in names:
        if name not in MASK_KINDS:
            raise SettingsError(unknown("kind of mask", name, MASK_KINDS))
    return [kind for kind in MASK_KINDS if not names or kind in names]


def cases_of(truths: tuple[Path, ...], split: str) -> list[DatasetCase]:
    """The cases of a split, of all tables that are named.

    Raises
    ------
    SettingsError
        There is no such split, or nothing in it.
    """
    from hilum.datasets.schema import SPLITS
    from hilum.datasets.tables import open_tables
    from hilum.errors import SettingsError
    from hilum.registry import unknown

    known = [name for name in SPLITS if name]
    if split not in (*known, "all"):
        raise SettingsError(unknown("split", split, [*known, "all"]))
    table = open_tables(truths)
    found = [case for case in table if split in ("all", case.split)]
    if not found:
        raise SettingsError(f"There are {counted(len(table), 'case')}, and none in the split {split!r}.")
    return found


def _predictions(systems: tuple[str, ...], readers: tuple[str, ...], labels: tuple[str, ...]) -> list[Predictions]:
    from hilum.errors import SettingsError
    from hilum.evaluation.predictions import Predictions

    places = [named(text) for text in (*systems, *readers)]
    names = [name for name, _ in places]
    if len(set(names)) < len(names):
        raise SettingsError(f"Predictions need names of their own, not {', '.join(names)}: give them as NAME=PLACE.")
    numbers = _numbers(labels, names)
    return [
        Predictions(name, place, numbers[name], is_reader=n >= len(systems)) for n, (name, place) in enumerate(places)
    ]


def _numbers(labels: tuple[str, ...], names: list[str]) -> dict[str, Numbers]:
    """By prediction, what the numbers in its masks mean: as said of it, or else as said of all."""
    from hilum.errors import SettingsError
    from hilum.evaluation.predictions import numbers_of
    from hilum.registry import unknown

    of_all: dict[MaskKind, Mapping[int, int]] = {}
    of_one: dict[str, dict[MaskKind, Mapping[int, int]]] = {name: {} for name in names}
    for text in labels:
        name, rest = text.split(":", 1) if text.count(":") > 1 else ("", text)
        if name and name not in names:
            raise SettingsError(f"--labels {text}: {unknown('prediction', name, names)}")
        kind, numbers = numbers_of(rest)
        (of_one[name] if name else of_all)[kind] = numbers
    return {name: {**of_all, **of_one[name]} for name in names}


def named(text: str) -> tuple[str, Path]:
    """A name and a place, from ``NAME=PLACE``; a place alone is named like its file or folder.

    Raises
    ------
    SettingsError
        There is no such place.
    """
    from hilum.errors import SettingsError

    name, sign, place = text.partition("=")
    path = Path(place) if sign else Path(text)
    if not path.exists():
        raise SettingsError(f"There is no {str(path)!r}. Predictions are given as a folder, a table, or NAME=PLACE.")
    return (name if sign else path.stem or path.resolve().name), path
