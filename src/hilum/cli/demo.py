"""``hilum demo``: the main job on a film that is made on the spot."""

from __future__ import annotations

from pathlib import Path

import click

from hilum.cli.options import chosen_settings, settings_sources
from hilum.cli.talk import TalkingCommand


@click.command("demo", cls=TalkingCommand)
@click.option(
    "-o",
    "--output",
    default=Path("hilum-demo"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the film and its results.",
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Another seed, another patient.")
@settings_sources
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
def command(output: Path, seed: int, as_json: bool) -> None:
    """Analyse a computed film of a computed chest; no data needed."""
    from hilum.cli.run import finish, run
    from hilum.readers import find

    settings = chosen_settings()
    film = _write_film(output / "demo-film.png", seed)
    finish(run(find([film], settings.read), output, settings), as_json=as_json)


def _write_film(path: Path, seed: int) -> Path:
    from hilum.phantom import demo_film
    from hilum.writers.png import encode_png
    from hilum.writers.whole import whole_file

    with whole_file(path) as unfinished:
        unfinished.write_bytes(encode_png(demo_film(seed).image.array, is_picture=True))
    return path
