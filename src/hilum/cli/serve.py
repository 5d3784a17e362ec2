"""``hilum serve``: a page on this machine to load, look, correct and sign off."""

from __future__ import annotations

import sys

import click

from hilum.cli.options import chosen_settings, models_option, setting, settings_sources
from hilum.cli.talk import QUIET, TalkingCommand


@click.command("serve", cls=TalkingCommand)
@setting("web.folder", "--folder")
@setting("web.host", "--host")
@setting("web.port", "--port")
@setting("web.database", "--database")
@setting("web.login", "--login/--no-login")
@setting("web.tls_cert", "--tls-cert")
@setting("web.tls_key", "--tls-key")
@setting("ct.preset", "--preset")
@models_option
@settings_sources
@click.option("--add-user", metavar="NAME", help="Add a user, or give one a new password and role, and end.")
@click.option(
    "--role",
    type=click.Choice(["reader", "admin"]),
    default="reader",
    show_default=True,
    help="With --add-user: an admin manages users and sees the audit trail.",
)
def command(*, add_user: str | None, role: str) -> None:
    """Open a page to look at films and CT, correct, score, sign off.

    It answers on this machine only, and nothing leaves it. With --host it can answer others: then people have to log
    in, and there has to be an admin first, made with --add-user NAME --role admin; the password is asked for, or read
    from standard input. Stop it with Ctrl-C or SIGTERM.
    """
    settings = chosen_settings()
    from hilum.web import require_extra

    require_extra()
    from hilum.web.serve import put_user, serve
    from hilum.web.users import is_loopback

    if add_user is not None:
        is_new = put_user(settings, add_user, _password(), role)
        click.echo(f"{add_user}: {'added' if is_new else 'changed'}, {role}.")
        return

    def listening(address: str) -> None:
        if not context.meta.get(QUIET, False):
            click.echo(f"The reader is at {address} (Ctrl-C stops it).", err=True)
            if not (is_loopback(settings.web.host) or settings.web.tls_cert):
                click.echo("Without --tls-cert, passwords and images go over the network in the clear.", err=True)

    context = click.get_current_context()
    serve(settings, listening)


def _password() -> str:
    """Asked for twice of a person, else the first line of standard input."""
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return sys.stdin.readline().rstrip("\r\n")
