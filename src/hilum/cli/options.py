"""Options that are settings, made from the settings' own declarations."""

from __future__ import annotations

import json
import re
import typing
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, Field, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from hilum.errors import UnknownLabels
from hilum.settings import ReadSettings, Settings, as_json, parse_value, resolve

if TYPE_CHECKING:
    from hilum.readers import SliceFolder

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator = Callable[[Command], Command]

CHOSEN = "hilum.chosen"
"""Key of the context's ``meta``: settings given on the command line, by dotted key."""

MODELS = "hilum.models"
"""Key of the context's ``meta``: networks given on the command line, by name."""

FILE = "hilum.settings-file"
"""Key of the context's ``meta``: the settings file given on the command line."""


@dataclass(frozen=True, slots=True)
class Declared:
    """One setting as it is declared.

    Attributes
    ----------
    key : dotted, such as ``output.report``
    type : its annotation, resolved
    default : what holds if nobody sets it
    meaning : its line in the docstring of its table
    """

    key: str
    type: Any
    default: Any
    meaning: str


def declared() -> Iterator[Declared]:
    """Every setting there is, in the order of declaration."""
    tables = typing.get_type_hints(Settings)
    for table in fields(Settings):
        kind = tables[table.name]
        annotations, meanings = typing.get_type_hints(kind), _meanings(kind.__doc__ or "")
        for item in fields(kind):
            key = f"{table.name}.{item.name}"
            yield Declared(key, annotations[item.name], _default(item), meanings.get(item.name, ""))


def _default(item: Field[Any]) -> Any:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _meanings(docstring: str) -> dict[str, str]:
    """What ``name : meaning`` lines say, with the lines that are indented below them."""
    found = re.findall(r"^ *(\w+) : (.+(?:\n {8,}\S.*)*)", docstring, flags=re.MULTILINE)
    return {name: " ".join(meaning.split()).replace("``", "") for name, meaning in found}


def setting(key: str, flag: str) -> Decorator[Command]:
    """An option that sets one setting; its type, help and default are the setting's own.

    Parameters
    ----------
    key : dotted, such as ``output.report``
    flag : as it is typed, such as ``--report/--no-report``
    """
    known = next(item for item in declared() if item.key == key)

    def choose(context: click.Context, _: click.Parameter, value: Any) -> None:
        _choose(context, key, value)

    is_list = typing.get_origin(known.type) is tuple
    return click.option(
        flag,
        type=_click_type(typing.get_args(known.type)[0] if is_list else known.type),
        multiple=is_list,
        default=None,
        expose_value=False,
        callback=choose,
        help=f"{known.meaning[:1].upper()}{known.meaning[1:]}{'; repeat for several' if is_list else ''}."
        f"  [default: {_shown(known.default)}]",
    )


def _shown(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return (", ".join(default) if isinstance(default, tuple) else str(default)) or "none"


def _click_type(wanted: Any) -> Any:
    if typing.get_origin(wanted) is Literal:
        return click.Choice(typing.get_args(wanted))
    return {int: click.IntRange(min=0), float: click.FLOAT, bool: click.BOOL, str: click.STRING}[wanted]


def _choose(context: click.Context, key: str, value: Any) -> None:
    if value is None or value == ():
        return
    chosen = context.meta.setdefault(CHOSEN, {})
    if key in chosen:
        raise click.UsageError(f"The setting {key} is given twice.", context)
    chosen[key] = value


def settings_sources(command: Command) -> Command:
    """``--settings FILE`` and ``--set KEY=VALUE``."""
    command = click.option(
        "--set",
        multiple=True,
        metavar="KEY=VALUE",
        expose_value=False,
        callback=_assign,
        help="Any setting by its dotted key, its value as in TOML; repeat for several.",
    )(command)
    return click.option(
        "--settings",
        "settings_file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        expose_value=False,
        callback=_remember_file,
        help="A TOML file of settings; environment variables and options override it.",
    )(command)


def _assign(context: click.Context, _: click.Parameter, assignments: tuple[str, ...]) -> None:
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        if not equals:
            raise click.BadParameter(f"{assignment!r} is not KEY=VALUE.", context, param_hint="--set")
        _choose(context, key.strip(), parse_value(text.strip()))


def _remember_file(context: click.Context, _: click.Parameter, file: Path | None) -> None:
    context.meta[FILE] = file


def models_option(command: Command) -> Command:
    """``--model NAME``: a network for the task that its card names."""

    def remember(context: click.Context, _: click.Parameter, names: tuple[str, ...]) -> None:
        context.meta[MODELS] = names

    return click.option(
        "--model",
        multiple=True,
        metavar="NAME",
        expose_value=False,
        callback=remember,
        help="Network to use for its task, of those that 'hilum models list' names; repeat for several. HILUM_MODELS "
        "holds the folders of your own.",
    )(command)


def _chosen_models(names: Iterable[str], chosen: Iterable[str]) -> dict[str, str]:
    """The settings that name networks, by dotted key; those in ``chosen`` are taken."""
    made: dict[str, str] = {}
    for name in names:
        from hilum.models.catalogue import card

        key = f"models.{card(name).task.replace('-', '_')}"
        if key in made or key in chosen:
            raise click.UsageError(f"There are two networks for one task: the setting {key} is given twice.")
        made[key] = name
    return made


def slices_options(command: Command) -> Command:
    """``--slices``, ``--spacing`` and ``--first-slice``: folders of 8-bit pictures as CT."""

    def remember(context: click.Context, parameter: click.Parameter, value: Any) -> None:
        context.meta[f"hilum.{parameter.name}"] = value

    for decorate in (
        click.option(
            "--first-slice",
            type=click.Choice(["head", "feet"]),
            expose_value=False,
            callback=remember,
            help="With --slices: the end of the patient at which the first picture lies; if not given, the head.",
        ),
        click.option(
            "--spacing",
            metavar="Z,Y,X",
            expose_value=False,
            callback=remember,
            help="With --slices: millimetres between slices, rows and columns, such as 5,0.7,0.7.",
        ),
        click.option(
            "--slices",
            is_flag=True,
            expose_value=False,
            callback=remember,
            help="Each SCAN is a folder of 8-bit pictures that together are one CT; needs --spacing.",
        ),
    ):
        command = decorate(command)
    return command


def chosen_slices(scans: Iterable[Path], settings: ReadSettings) -> list[SliceFolder]:
    """The folders of slices to analyse; none unless ``--slices`` is given.

    Raises
    ------
    click.UsageError
        ``--spacing`` or ``--first-slice`` is given without it, or it without a spacing, or the spacing is no spacing.
    """
    meta = click.get_current_context().meta
    spacing, first = meta["hilum.spacing"], meta["hilum.first_slice"]
    if not meta["hilum.slices"]:
        if spacing or first:
            raise click.UsageError("--spacing and --first-slice belong to --slices; other files state their own.")
        return []
    from hilum.readers import slice_folders

    return slice_folders(scans, spacing_mm=_spacing(spacing), first=first, settings=settings)


def _spacing(text: str | None) -> tuple[float, float, float]:
    try:
        slices, rows, columns = (float(part) for part in (text or "").split(","))
        if min(slices, rows, columns) > 0:
            return slices, rows, columns
    except ValueError:
        pass
    raise click.UsageError("--slices needs --spacing Z,Y,X: three positive numbers in mm, such as 5,0.7,0.7.")


@contextmanager
def labels_named_by(option: str) -> Generator[None]:
    """Labels of another tool are told with the option that names the tool, such as ``--labels lungmask``."""
    try:
        yield
    except UnknownLabels as error:
        raise error.named_by(option) from error


def chosen_settings() -> Settings:
    """The settings of this run: defaults < file < environment < command line.

    Raises
    ------
    SettingsError
        A key is unknown, or a value has the wrong type.
    UnknownModel
        ``--model`` names no network.
    click.UsageError
        Two networks are given for one task.
    """
    meta = click.get_current_context().meta
    chosen = meta.get(CHOSEN, {})
    return resolve(meta.get(FILE), overrides={**chosen, **_chosen_models(meta.get(MODELS, ()), chosen)})


def as_toml(settings: Settings) -> str:
    """A settings file that says the same as ``settings``."""
    tables = {table.name: as_json(getattr(settings, table.name)) for table in fields(settings)}
    return "\n\n".join(
        "\n".join([f"[{name}]", *(f"{key} = {toml_value(value)}" for key, value in table.items())])
        for name, table in tables.items()
    )


def toml_value(value: Any) -> str:
    """A text, number, truth value or list of them as TOML, which writes these as JSON does."""
    return json.dumps(value, ensure_ascii=False)
