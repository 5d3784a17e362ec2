"""The ``hilum`` command: finds its subcommands by name, and turns our errors into one line and a status.

Exit status: 0 done, 1 an error of ours, 2 usage, 3 some cases failed, 130 interrupted.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import NoReturn

import click

from hilum import __version__
from hilum.cli.talk import DEBUG
from hilum.errors import Error

COMMANDS = (
    "analyse",
    "detect",
    "batch",
    "report",
    "compare",
    "series",
    "score",
    "project",
    "serve",
    "node",
    "demo",
    "info",
    "models",
    "evaluate",
    "datasets",
    "train",
    "crossval",
    "search",
    "export",
)
"""Subcommands in the order of the help; each is ``command`` in the module of its name in this package."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What writing fails with where there is no room, or no more is allowed."""


class Hilum(click.Group):
    """A group whose subcommands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all subcommands."""
        return [name for name in COMMANDS if find_spec(f"hilum.cli.{name}")]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand of a name, None if there is none."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return import_module(f"hilum.cli.{cmd_name}").command

    def invoke(self, ctx: click.Context) -> object:
        """The subcommand's result; its errors as one line, unless a traceback was asked for."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(130)
        except Error as error:
            if ctx.meta.get(DEBUG, False):
                raise
            raise click.ClickException(str(error)) from error


@click.group(cls=Hilum, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def app() -> None:
    """Lungs, lesions and severity scores from chest X-rays and chest CT.

    For research. Not a medical device: no result may be used for the care of a patient.
    """


def main() -> None:
    """Run the command line; exits with its status.

    What the terminal's encoding cannot show, such as a file name in another script, is told by its code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app(prog_name="hilum")
    except OSError as error:  # click is silent about a reader that closed its pipe
        if error.errno not in _FULL:
            raise
        _tell_full(error)


def _tell_full(error: OSError) -> NoReturn:
    """One sentence about a full disk, as far as that can be written, and status 1."""
    where = "standard output or a temporary file" if error.filename is None else f"'{error.filename}'"
    with suppress(OSError):
        click.echo(f"Error: Cannot write {where}: {error.strerror}. Make room, or write to another disk.", err=True)
    try:
        sys.stdout.flush()
    except OSError:  # what is left would be written once more at the end of Python
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
