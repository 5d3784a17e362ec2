"""``hilum datasets split``: who is trained on, who is tested on."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hilum.cli.talk import TalkingCommand
from hilum.wording import counted, noun

if TYPE_CHECKING:
    from hilum.datasets.schema import CaseTable
    from hilum.datasets.split import Split

_NAMES = ("train", "val", "test")
_FORMS = ("hilum", "miscnn", "ggo-cons", "covid-scoring")
_STRATA = ("source", "modality", "severity", "finding", "view", "masks", "cases")


def _fractions(_context: click.Context, _parameter: click.Parameter, text: str) -> dict[str, Fraction]:
    try:
        numbers = [Fraction(number) for number in text.split(",")]
    except (ValueError, ZeroDivisionError):
        numbers = []
    if len(numbers) != len(_NAMES):
        raise click.BadParameter("expected three numbers, as in 0.8,0.1,0.1")
    return dict(zip(_NAMES, numbers, strict=True))


def _strata(_context: click.Context, _parameter: click.Parameter, text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


@click.command("split", cls=TalkingCommand)
@click.argument("tables", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Where the split goes; a folder for some formats."
)
@click.option(
    "--fractions",
    "shares",
    default="0.8,0.1,0.1",
    show_default=True,
    callback=_fractions,
    help="Shares of the patients in train, val and test.",
)
@click.option("--folds", type=click.IntRange(2), help="Split into this many folds instead.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed, another split.")
@click.option(
    "--stratify",
    "strata",
    default="source,severity",
    show_default=True,
    callback=_strata,
    help=f"What the parts have equal shares of, out of {', '.join(_STRATA)}; empty for nothing.",
)
@click.option(
    "--from",
    "given",
    type=click.Path(exists=True, path_type=Path),
    help="Take this split, of any format, and make none.",
)
@click.option("--stated", is_flag=True, help="Take the split that the sources state, and make none.")
@click.option(
    "--as", "form", type=click.Choice(_FORMS), default="hilum", show_default=True, help="The format to write."
)
@click.option("--json", "is_json", is_flag=True, help="Print what came of it as JSON.")
@click.pass_context
def command(
    context: click.Context,
    *,
    tables: tuple[Path, ...],
    output: Path | None,
    form: str,
    is_json: bool,
    **making: Any,
) -> None:
    """Split by patient into train, val and test, or into folds.

    TABLES are tables of cases, databases that Hilum made, or downloaded folders of data sets that it reads. A split of
    somebody else's (--from, --stated) is checked against them: the exit status is 1 if a patient is in more than one
    part.
    """
    from hilum.datasets.split import write_split
    from hilum.datasets.tables import open_tables

    table = open_tables(tables)
    split = _split(table, **making)
    if output:
        write_split(split, output, form)
    click.echo(_as_json(split, table) if is_json else _as_text(split, table))
    if split.divided(table):
        context.exit(1)


def _split(table: CaseTable, *, given: Path | None, stated: bool, **making: Any) -> Split:
    """Somebody else's split of the table, or a new one."""
    from hilum.datasets.split import Split, read_split

    if given and stated:
        raise click.UsageError("--from and --stated name two splits; leave one out.")
    if given:
        return read_split(given).matched(table)
    return Split.stated(table) if stated else _made(table, **making)


def _made(
    table: CaseTable, *, shares: dict[str, Fraction], folds: int | None, seed: int, strata: tuple[str, ...]
) -> Split:
    from hilum.datasets.split import split_folds, split_fractions

    if folds:
        return split_folds(table, folds, seed=seed, strata=strata)
    return split_fractions(table, shares, seed=seed, strata=strata)


def _patients(split: Split, table: CaseTable) -> dict[str, int]:
    person_of = {case.key: case.person for case in table}
    return {part: len({person_of[key] for key in keys}) for part, keys in split.parts.items()}


def _as_text(split: Split, table: CaseTable) -> str:
    patients = _patients(split, table)
    lines = [_line(part, patients[part], len(keys)) for part, keys in split.parts.items()]
    left = len(table) - sum(map(len, split.parts.values()))
    lines += [f"{counted(left, 'case')} {noun(left, 'is', 'are')} in no part."] if left else []
    divided = split.divided(table)
    lines += [f"Patient {each.person} is in {' and '.join(each.parts)}." for each in divided[:10]]
    if divided:
        patients_are = f"{counted(len(divided), 'patient')} {noun(len(divided), 'is', 'are')}"
        lines.append(f"{patients_are} in more than one part: this split does not hold.")
    return "\n".join(lines)


def _line(part: str, patients: int, cases: int) -> str:
    return f"{part:8}{patients:7} {noun(patients, 'patient'):8}{cases:8} {noun(cases, 'case')}"


def _as_json(split: Split, table: CaseTable) -> str:
    patients = _patients(split, table)
    parts = {part: {"patients": patients[part], "cases": len(keys)} for part, keys in split.parts.items()}
    divided = [{"patient": each.person, "parts": list(each.parts)} for each in split.divided(table)]
    return json.dumps({"parts": parts, "divided": divided, "made": dict(split.made)}, indent=2)
