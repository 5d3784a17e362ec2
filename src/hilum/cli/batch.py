"""``hilum batch``: thousands of cases, in as many runs as it takes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NoReturn

import click

from hilum.cli.options import chosen_settings, models_option, setting, settings_sources
from hilum.cli.talk import TalkingCommand
from hilum.wording import counted


@click.command("batch", cls=TalkingCommand)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the cohort: one folder a case in it, the journal, and the tables.",
)
@click.option("--path-column", default="path", show_default=True, metavar="NAME", help="Column of paths, of a list.")
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="NAME",
    help="Column of a list to take over into the results, besides patient, date, site, sex and age; repeat for "
    "several.",
)
@click.option("--by-content", is_flag=True, help="Know inputs by the hash of their bytes, not by size and time.")
@click.option("--retry", is_flag=True, help="Work again on all cases that failed.")
@click.option("--parquet", is_flag=True, help="Write results.parquet too; needs the extra 'cluster'.")
@click.option(
    "--ray",
    "address",
    default="",
    metavar="ADDRESS",
    help="Work on a Ray cluster, such as 'auto', or on one on this machine, 'local'; needs the extra 'cluster'.",
)
@click.option(
    "--gpus", type=click.FloatRange(min=0), default=0.0, metavar="NUMBER", help="GPUs that each worker of Ray reserves."
)
@models_option
@setting("ct.preset", "--preset")
@setting("output.masks", "--mask-format")
@setting("output.overlay", "--overlay/--no-overlay")
@setting("output.report", "--report/--no-report")
@setting("runtime.workers", "--workers")
@setting("runtime.threads", "--threads")
@settings_sources
def command(
    inputs: tuple[str, ...],
    *,
    output: Path,
    path_column: str,
    groups: tuple[str, ...],
    address: str,
    gpus: float,
    **how: bool,
) -> None:
    """Analyse a cohort; the same command again goes on where it was.

    INPUT is what 'hilum analyse' takes, a pattern such as 'films/**/*.png' in quotes, a list: CSV or Parquet with a
    column of paths and URLs; or a URL of a file, a folder or a pattern, such as 's3://bucket/films', with the extra
    'cluster'. Ctrl-C and SIGTERM let the cases in work finish, and write the tables. A case is worked on again if
    its file, the settings or the networks have changed since. Writes journal.jsonl, results.csv, failures.csv and
    run.json. Exit status 3 if some cases failed.
    """
    from hilum.batch.cohort import run_cohort
    from hilum.batch.inputs import cohort_of
    from hilum.batch.processes import by_processes
    from hilum.batch.ray import RayCluster
    from hilum.cli.live import Live
    from hilum.cli.run import SOME_FAILED

    settings = chosen_settings()
    cohort = cohort_of(inputs, settings, path_column=path_column, groups=groups)
    with closing(Live()) as live, _ended_in_order():
        summary = run_cohort(
            cohort,
            output,
            settings,
            mapper=RayCluster(address, gpus=gpus) if address else by_processes,
            watcher=live,
            **how,
        )
    cases = counted(summary.cases, "case")
    click.echo(f"{summary.done} of {cases} done, {summary.kept} of the {summary.cases} settled before.")
    for code, count in summary.failures.items():
        click.echo(f"{count} failed: {code}")
    click.echo(f"Table: {output / 'results.csv'}")
    if summary.failures:
        click.get_current_context().exit(SOME_FAILED)


@contextmanager
def _ended_in_order() -> Generator[None]:
    """SIGTERM, by which schedulers end what runs, does what Ctrl-C does; only the first thread hears signals."""

    def heard(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, heard)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
