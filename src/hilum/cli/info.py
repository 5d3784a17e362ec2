"""``hilum info``: what is installed here, and what holds."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterator
from dataclasses import asdict
from importlib import metadata
from pathlib import Path

import click

from hilum import __version__
from hilum.cli.options import as_toml
from hilum.cli.talk import TalkingCommand
from hilum.errors import Error
from hilum.provenance import Json
from hilum.settings import Settings, as_json, resolve


@click.command("info", cls=TalkingCommand)
@click.option(
    "--settings",
    "file",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Print the settings that hold, as TOML; with FILE, as they would with that file.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print JSON.")
def command(file: str | None, json_wanted: bool) -> None:
    """Tell versions, engines, networks and settings."""
    settings = resolve(Path(file) if file else None)
    if file is not None:
        click.echo(json.dumps(as_json(settings), indent=2) if json_wanted else as_toml(settings))
        return
    facts = _facts(settings)
    if json_wanted:
        click.echo(json.dumps({**facts, "settings": as_json(settings)}, indent=2))
    else:
        click.echo("\n".join(_lines(facts)))


def _facts(settings: Settings) -> dict[str, Json]:
    from hilum.models import plan

    return {
        "hilum": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "cores": plan.cores(),
        "packages": dict(_packages()),
        "engine-for-one": _engine(settings, many=False),
        "engine-for-many": _engine(settings, many=True),
        "models": dict(_models(settings)),
    }


def _packages() -> Iterator[tuple[str, Json]]:
    """Versions of what the base install needs; nothing where Hilum itself is not installed but run from its source."""
    try:
        requirements = metadata.requires("hilum") or []
    except metadata.PackageNotFoundError:
        return
    for requirement in requirements:
        name = re.match(r"[\w.-]+", requirement)
        if name and "extra ==" not in requirement:
            yield name.group(), _version(name.group())


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _engine(settings: Settings, *, many: bool) -> Json:
    from hilum.models import plan

    try:
        return asdict(plan.resolve(settings.runtime, many=many))
    except (Error, ImportError) as error:
        return {"error": str(error)}


def _models(settings: Settings) -> Iterator[tuple[str, Json]]:
    """The network that each task takes."""
    from hilum.models.catalogue import DEFAULTS, card

    chosen = as_json(settings.models)
    for task, default in DEFAULTS.items():
        try:
            made = card(str(chosen[task.replace("-", "_")] or default))
            yield task, {"name": made.name, "version": made.version, "folder": str(made.folder)}
        except Error as error:
            yield task, {"error": str(error)}


def _lines(facts: dict[str, Json]) -> Iterator[str]:
    for key, value in facts.items():
        if isinstance(value, dict):
            yield f"{key}:"
            yield from (f"  {line}" for line in _lines(value))
        else:
            yield f"{key}: {value}"
