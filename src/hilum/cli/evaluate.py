"""``hilum evaluate``: the committed figures, on anyone's copy of the data."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.evaluate_thresholds import command as thresholds

if TYPE_CHECKING:
    from hilum.evaluation.ct_methods import MethodName
    from hilum.evaluation.protocol import Evaluation

SOME_FAILED = 3
"""Exit status when results were missing."""

_FORMS = (".txt", ".md", ".json")


_FURTHER = ("masks", "scores", "compare")
"""Subcommands that have a module ``evaluate_<name>`` of their own, imported when they are asked for."""


class _Evaluate(click.Group):
    """A group of which some subcommands stand in modules of their own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all subcommands."""
        own = super().list_commands(ctx)
        return [*own, *(name for name in _FURTHER if name not in own and find_spec(f"hilum.cli.evaluate_{name}"))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a name, None if there is none."""
        if cmd_name in _FURTHER and find_spec(f"hilum.cli.evaluate_{cmd_name}"):
            return import_module(f"hilum.cli.evaluate_{cmd_name}").command
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Evaluate)
def command() -> None:
    """Compare masks and scores with references and readers. Figures have 95 % intervals by patient."""


command.add_command(thresholds)


def _form(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix not in _FORMS:
        raise click.BadParameter(f"the name has to end in {', '.join(_FORMS[:-1])} or {_FORMS[-1]}.")
    return path


def _result_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say where the figures go."""
    options = (
        click.option("--json", "is_json", is_flag=True, help="Print JSON in place of a table."),
        click.option(
            "-o",
            "--output",
            type=click.Path(dir_okay=False, path_type=Path),
            callback=_form,
            help="Write the result to a file as well, in the form that its name ends in: .txt, .md or .json.",
        ),
        click.option(
            "--card",
            "cards",
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            multiple=True,
            help="Folder of a network on whose card the figures are to be put; repeat for several.",
        ),
        click.option(
            "--without",
            "audit",
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="An audit.json of the data: cases that it finds in another part of the data, too, are left out.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@command.command()
@click.option(
    "--data",
    "folders",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    multiple=True,
    required=True,
    help="A folder of films with a cases.csv; repeat for several.",
)
@click.option("--split", default="test", show_default=True, help="Part of the data: train, val, test or all.")
@_result_options
@click.pass_context
def films(
    context: click.Context,
    *,
    folders: tuple[Path, ...],
    split: str,
    is_json: bool,
    output: Path | None,
    cards: tuple[Path, ...],
    audit: Path | None,
) -> None:
    """Analyse films of a split; print every figure with its goal."""
    from hilum.datasets.films import in_split, read_cases
    from hilum.evaluation.figures import is_of_use
    from hilum.evaluation.protocol import evaluate_films
    from hilum.pipeline import analyse, open_networks
    from hilum.settings import resolve

    known = [film for folder in folders for film in in_split(read_cases(folder), split) if is_of_use(film)]
    leaks = _leaks(audit)
    cases = [film for film in known if film.key not in leaks]
    settings = resolve()
    networks = open_networks(settings, many=True)
    with click.progressbar(cases, label="Analysing films", file=sys.stderr) as bar:
        evaluation = evaluate_films(bar, partial(analyse, settings=settings, networks=networks))
    if audit:
        evaluation = replace(evaluation, n_left_out=len(known) - len(cases))
    _give(context, evaluation, is_json=is_json, output=output, cards=cards)


@command.command()
@click.option(
    "--data",
    "root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    required=True,
    help="The folder that holds a folder for each source of CT.",
)
@click.option("--split", type=click.Choice(["train", "val", "test"]), default="test", show_default=True)
@click.option(
    "--method",
    type=click.Choice(["network", "classical", "hounsfield"]),
    default="network",
    show_default=True,
    help="What is judged: the networks, with the others beside; lungs by thresholds; or Hounsfield bands in those.",
)
@_result_options
@click.pass_context
def ct(
    context: click.Context,
    *,
    root: Path,
    split: str,
    method: MethodName,
    is_json: bool,
    output: Path | None,
    cards: tuple[Path, ...],
    audit: Path | None,
) -> None:
    """Analyse CT of a split; print every figure with its goal. Slices, volumes and phantoms are looked at."""
    if cards and method != "network":
        raise click.UsageError("--card takes the figures of networks; leave out --method.")
    from hilum.evaluation.ct import evaluate_ct
    from hilum.evaluation.ct_methods import open_methods
    from hilum.evaluation.ct_scans import count_of, scans_of
    from hilum.settings import resolve

    leaks = _leaks(audit)
    makers = scans_of(root, split, without=leaks)
    methods = open_methods(method, resolve())
    with click.progressbar(makers, label="Looking at scans", file=sys.stderr) as bar:
        evaluation = evaluate_ct(bar, methods, split=split)
    if audit:
        evaluation = replace(evaluation, n_left_out=count_of(root, split, leaks))
    _give(context, evaluation, is_json=is_json, output=output, cards=cards)


def _leaks(audit: Path | None) -> frozenset[str]:
    from hilum.datasets.audit.report import read_leaks

    return read_leaks(audit) if audit else frozenset()


def _give(
    context: click.Context, evaluation: Evaluation, *, is_json: bool, output: Path | None, cards: tuple[Path, ...]
) -> None:
    """Print the figures, and write them where they are wanted."""
    from hilum.evaluation.cards import write_metrics
    from hilum.writers.whole import whole_file

    click.echo(_render(evaluation, ".json" if is_json else ".txt"), nl=False)
    if output:
        with whole_file(output) as unfinished:
            unfinished.write_text(_render(evaluation, output.suffix), encoding="utf-8")
    for folder in cards:
        write_metrics(folder, evaluation)
    if evaluation.failures:
        context.exit(SOME_FAILED)


def _render(evaluation: Evaluation, form: str) -> str:
    from hilum.evaluation.table import as_json, as_markdown, as_text

    if form == ".json":
        return json.dumps(as_json(evaluation), indent=2) + "\n"
    return as_markdown(evaluation) if form == ".md" else as_text(evaluation)
