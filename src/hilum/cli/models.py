"""``hilum models``: which networks there are, and what their cards say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.talk import TalkingCommand
from hilum.errors import MissingExtra
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.models.card import Card


@click.group("models")
def command() -> None:
    """Networks: which there are, and what they are good for."""


@command.command("list", cls=TalkingCommand)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the networks of the package and those in HILUM_MODELS."""
    from hilum.models.catalogue import DEFAULTS, card, names

    rows = [
        {"name": each.name, "version": each.version, "task": each.task, "title": each.title}
        | {"is_default": DEFAULTS[each.task] == each.name}
        for each in map(card, names())
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['name']} {row['version']}  {row['title']}{' (default)' if row['is_default'] else ''}")


@command.command("show", cls=TalkingCommand)
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print the whole card as JSON.")
def show(name: str, as_json: bool) -> None:
    """Show the card of a network: use, limits, data, measured figures."""
    import tomllib

    from hilum.models.card import CARD
    from hilum.models.catalogue import card

    found = card(name)
    if as_json:
        table = tomllib.loads((found.folder / CARD).read_text(encoding="utf-8"))
        click.echo(json.dumps(table, indent=2))
        return
    click.echo("\n".join(_page(found)))


def _list_published(context: click.Context, _: click.Parameter, is_asked: bool) -> None:
    from hilum.training.published_networks import PUBLISHED

    if is_asked:
        for name, each in PUBLISHED.items():
            click.echo(f"{name}  {each.encoder.removeprefix('timm-')}, {each.size_px} pixels")
        context.exit()


@command.command("import", cls=TalkingCommand)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "name", required=True, metavar="NAME", help="Published network that the file holds; see --list.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the network, named like it.  [default: made of NAME, in this folder]",
)
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_published,
    help="Name the published networks and exit.",
)
def import_(file: Path, name: str, output: Path | None) -> None:
    """Import a published network from FILE, a PyTorch state dict.

    HILUM_MODELS has to name the folder, or the one that it lies in, for other commands to find it.
    """
    try:
        from hilum.training.published_import import import_published
    except ModuleNotFoundError as error:
        raise MissingExtra("hilum models import", "train") from error
    click.echo(str(import_published(file, name, output).folder))


@command.command("ensemble", cls=TalkingCommand)
@click.argument("members", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the ensemble, named like it.",
)
def ensemble_(members: tuple[str, ...], output: Path) -> None:
    """Make one network of MEMBERS, with the mean of their outputs. Folds of one recipe, for example.

    Members are folders of networks, or names that 'hilum models list' tells.
    """
    from hilum.training.ensemble import ensemble, find

    cards = [find(each) for each in members]
    if len(cards) < 2 or len({card.sha256 for card in cards}) < len(cards):
        raise click.UsageError("An ensemble has two members at least, all different.")
    click.echo(str(ensemble(cards, output).folder))


def _page(card: Card) -> Iterator[str]:
    yield f"{card.name} {card.version}: {card.title}"
    yield f"  {card.intended_use}"
    yield f"  Licence {card.licence}; recipe {card.recipe}; SHA-256 {card.sha256}"
    if card.members:
        yield from ("", "Mean of", *(f"  - {each.name} {each.version}, SHA-256 {each.sha256}" for each in card.members))
    yield from ("", "Limits", *(f"  - {limit}" for limit in card.limits))
    yield from ("", "Measured, with 95 % intervals")
    for each in card.metrics:
        interval = f"{each.estimate:.3f} ({each.low:.3f} to {each.high:.3f})"
        yield f"  {each.figure:<28} {interval}  {each.split}, {counted(each.n_cases, 'image')}"
    yield from ("", "Trained on")
    for data in card.training_data:
        yield f"  {data.name}: {counted(data.n_cases, 'image')} for {data.purpose}; {data.licence}; {data.source}"
