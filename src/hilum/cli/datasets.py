"""``hilum datasets``: other people's data, from the catalogue to splits that hold."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

import click

COMMANDS = ("list", "fetch", "read", "import", "harmonise", "explore", "split", "audit", "mix", "annotate", "export")
"""Subcommands in the order of the help; each is ``command`` in the module ``datasets_<name>`` of this package."""


class _Datasets(click.Group):
    """A group whose subcommands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all subcommands."""
        return [name for name in COMMANDS if find_spec(f"hilum.cli.datasets_{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a name, None if there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return import_module(f"hilum.cli.datasets_{cmd_name}").command


@click.group("datasets", cls=_Datasets)
def command() -> None:
    """Find, fetch, read, harmonise, explore, split, audit data sets."""
