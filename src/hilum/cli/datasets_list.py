"""``hilum datasets list``: which public data sets there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from hilum.cli.talk import TalkingCommand

if TYPE_CHECKING:
    from hilum.datasets.catalogue import CatalogueEntry


@click.command("list", cls=TalkingCommand)
@click.argument("names", nargs=-1)
@click.option("--modality", type=click.Choice(["CXR", "CT"], case_sensitive=False), help="Only films, or only CT.")
@click.option(
    "--labels", multiple=True, help="Only those with such labels, as in lesion, lung, score; repeat for several."
)
@click.option("--readable", is_flag=True, help="Only those that Hilum has a reader for.")
@click.option("--json", "is_json", is_flag=True, help="Print everything that is known as JSON.")
def command(
    names: tuple[str, ...], *, modality: str | None, labels: tuple[str, ...], readable: bool, is_json: bool
) -> None:
    """List public data sets; with NAMES, tell everything about those."""
    from hilum.datasets.catalogue import catalogue, find

    found = find(modality or "", labels, readable=readable)
    if names:
        found = tuple(entry for entry in (catalogue()[name] for name in names) if entry in found)
    if is_json:
        click.echo(json.dumps([entry.as_json() for entry in found], indent=2))
    elif names:
        click.echo("\n\n".join("\n".join(_page(entry)) for entry in found))
    else:
        click.echo("\n".join(_lines(found)))


def _lines(found: tuple[CatalogueEntry, ...]) -> Iterator[str]:
    if not found:
        yield "No data set of the catalogue is like that."
        return
    width = max(len(entry.id) for entry in found)
    for entry in found:
        marks = f"{'r' if entry.reader else '-'}{'f' if entry.can_be_fetched else '-'}"
        labels = ", ".join(entry.labels) or "no labels"
        yield f"{entry.id:{width}}  {marks}  {'+'.join(entry.modality):6}  {entry.cases}; {labels}"
    yield "\nr: Hilum reads it, f: 'hilum datasets fetch' downloads it. 'hilum datasets list NAME' tells more."


def _page(entry: CatalogueEntry) -> Iterator[str]:
    yield f"{entry.id}: {entry.name}"
    facts = {
        "Images": f"{'+'.join(entry.modality)}, {entry.told('cases')}",
        "Labels": ", ".join(entry.labels) or "none",
        "Files": ", ".join(part for part in (entry.format, entry.size) if part) or "unknown",
        "Licence": entry.told("licence"),
        "Home": entry.told("home"),
        "Paper": entry.told("paper"),
        "Reader": entry.reader or "none",
        "Systems": ", ".join(entry.trained),
        "Remarks": entry.remarks,
        "To get it": f"hilum datasets fetch {entry.id} -o FOLDER" if entry.can_be_fetched else entry.how_to_get,
    }
    yield from (f"  {name:10} {text}" for name, text in facts.items() if text)
