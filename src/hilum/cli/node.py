"""``hilum node``: a service that turns arriving studies into results."""

from __future__ import annotations

import click

from hilum.cli.options import chosen_settings, models_option, setting, settings_sources
from hilum.cli.talk import QUIET, TalkingCommand


@click.command("node", cls=TalkingCommand)
@setting("node.spool", "--spool")
@setting("node.ae_title", "--ae-title")
@setting("node.host", "--host")
@setting("node.port", "--port")
@setting("node.deliver", "--deliver")
@setting("node.poll_url", "--poll-url")
@setting("node.watch", "--watch")
@setting("node.quiet_seconds", "--quiet-seconds")
@setting("node.health_port", "--health-port")
@models_option
@setting("ct.preset", "--preset")
@setting("output.dicom", "--dicom")
@settings_sources
@click.option("--list", "is_list", is_flag=True, help="List the studies of the spool with their states, and end.")
@click.option("--again", metavar="STUDY", help="Have a study of the spool worked on once more, and end.")
def command(*, is_list: bool, again: str | None) -> None:
    """Receive studies, analyse them, and send the results back.

    Studies come by C-STORE, from a DICOMweb service (--poll-url) or from a folder (--watch). Results go to --deliver.
    Everything is kept in a queue on disk until then, through kills and power cuts. Stop it with SIGTERM.
    """
    from pathlib import Path

    settings = chosen_settings()
    if is_list or again is not None:
        from hilum.node.operator import ask_again, table

        spool = Path(settings.node.spool)
        if again is not None:
            ask_again(spool, again)
        if is_list:
            click.echo(table(spool))
        return
    import logging
    import tempfile

    from hilum.node import Node
    from hilum.node.log import speak

    quiet = click.get_current_context().meta.get(QUIET, False)
    speak(level=logging.ERROR if quiet else logging.INFO)
    node = Node(settings)
    tempfile.tempdir = str(node.queue.incoming)  # where arriving objects lie while they come; cleared at each start
    node.run()
