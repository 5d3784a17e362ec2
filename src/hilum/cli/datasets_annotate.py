"""``hilum datasets annotate``: masks by networks for films that have none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hilum.cli.options import chosen_settings, models_option, settings_sources
from hilum.cli.talk import TalkingCommand, progress
from hilum.wording import counted

if TYPE_CHECKING:
    from hilum.datasets.annotate import Annotated


@click.command("annotate", cls=TalkingCommand)
@click.argument("sources", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for masks and table.",
)
@click.option(
    "--mask",
    "kinds",
    multiple=True,
    type=click.Choice(["lungs", "lung-fields", "lesions"]),
    default=("lungs", "lesions"),
    show_default=True,
    help="What to find where it is lacking; repeat for several.",
)
@click.option(
    "--review",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A review.csv with verdicts: masks with the verdict 'reject' are left out. One in the folder is heeded "
    "without being named.",
)
@models_option
@settings_sources
def command(sources: tuple[Path, ...], output: Path, kinds: tuple[str, ...], review: Path | None) -> None:
    """Give films of SOURCES the masks that they lack, by networks. Such masks are marked in the table.

    The folder gets the masks, cases.csv with all cases, review.html with a picture of each film, the most doubtful
    first, and review.csv for the verdicts, which later runs keep. Masks of a source are never touched. A film that
    cannot be read is told of and passes without masks; exit status 3 then.
    """
    from hilum.cli.run import SOME_FAILED
    from hilum.datasets.annotate import MARK, Annotator, annotate, write_review
    from hilum.datasets.annotate.page import TABLE, Reviewed, reviewed
    from hilum.datasets.annotate.run import KINDS, read_verdicts, rejected_by
    from hilum.datasets.tables import open_tables

    settings = chosen_settings()
    table = open_tables(sources)
    written = [path for path in (output / TABLE, review) if path is not None and path.is_file()]
    verdicts = {key: verdict for path in written for key, verdict in read_verdicts(path).items()}
    annotator = Annotator([kind for kind in KINDS if kind in kinds], settings.models, settings.runtime)
    films: list[Reviewed] = []
    trouble: list[str] = []
    with progress(len(table)) as watch:

        def on_done(made: Annotated | None) -> None:
            films.extend([] if made is None else [reviewed(made)])
            watch.step("")

        done = annotate(
            table,
            output,
            annotator,
            rejected=rejected_by(verdicts),
            on_done=on_done,
            on_trouble=lambda case, error: trouble.append(f"{case.key}: {error}"),
        )
    write_review(films, output, verdicts)
    for text in trouble:
        click.echo(text, err=True)
    masks = sum(fact.startswith(MARK) for case in done for fact in case.facts)
    click.echo(f"{output}: {counted(masks, 'mask')} made for {len(films)} of {counted(len(table), 'case')}")
    if films:
        click.echo(f"Review: {output / 'review.html'}")
    if trouble:
        click.echo(f"{counted(len(trouble), 'film')} could not be read.")
        click.get_current_context().exit(SOME_FAILED)
