"""Options made from settings: every one is declared, documented, and reaches the resolved settings."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from hilum.cli.app import Hilum
from hilum.cli.options import as_toml, chosen_settings, declared, setting, settings_sources
from hilum.settings import Settings, resolve


class Group(Hilum):
    """The real group, with the commands of this test."""

    list_commands = click.Group.list_commands
    get_command = click.Group.get_command


app = Group()


@app.command()
@setting("output.masks", "--mask-format")
@setting("output.report", "--report/--no-report")
@setting("runtime.workers", "--workers")
@setting("ct.series", "--series")
@settings_sources
def tell() -> None:
    click.echo(as_toml(chosen_settings()))


def run(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ["tell", *arguments], env=environment)


def test_every_setting_has_a_meaning() -> None:
    missing = [each.key for each in declared() if not each.meaning]
    assert missing == []
    assert len(list(declared())) > 10


def test_declared_defaults_are_those_of_the_settings() -> None:
    table = {each.key: each.default for each in declared()}
    assert table["output.masks"] == Settings().output.masks
    assert table["read.zip_max_mb"] == Settings().read.zip_max_mb


def test_toml_is_read_back_as_the_same_settings(tmp_path: Path) -> None:
    changed = resolve(environment={}, overrides={"output.masks": ["png", "nifti"], "models.cxr_lungs": 'a "b" ü'})
    file = tmp_path / "settings.toml"
    file.write_text(as_toml(changed), encoding="utf-8")
    assert resolve(file, environment={}) == changed


def test_flags_go_before_environment_before_file_before_defaults(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[runtime]\nworkers = 3\nthreads = 3\n[output]\nreport = false\n")
    told = run("--settings", str(file), "--workers", "5", HILUM_RUNTIME_WORKERS="4", HILUM_RUNTIME_THREADS="4").output
    assert "workers = 5" in told
    assert "threads = 4" in told
    assert "report = false" in told
    assert "overlay = true" in told


def test_without_options_nothing_is_overridden() -> None:
    assert run().output.strip() == as_toml(Settings())


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--no-report"], "report = false"),
        (["--mask-format", "nifti", "--mask-format", "png"], 'masks = ["nifti", "png"]'),
        (["--set", "output.masks=[]"], "masks = []"),
        (["--set", "models.cxr_lungs=mine"], 'cxr_lungs = "mine"'),
        (["--set", " runtime.threads = 2", "--set", "gate.enabled=false"], "threads = 2"),
    ],
)
def test_options_set_what_they_name(arguments: list[str], expected: str) -> None:
    assert expected in run(*arguments).output


@pytest.mark.parametrize(
    ("arguments", "status", "expected"),
    [
        (["--workers", "-1"], 2, "'--workers'"),
        (["--mask-format", "bmp"], 2, "'png', 'nifti'"),
        (["--set", "runtime.workers"], 2, "'runtime.workers' is not KEY=VALUE."),
        (["--workers", "1", "--set", "runtime.workers=2"], 2, "The setting runtime.workers is given twice."),
        (["--set", "rutime.workers=1"], 1, "Did you mean 'runtime.workers'?"),
        (["--set", "runtime.workers=many"], 1, "runtime.workers cannot be 'many'"),
        (["--settings", "absent.toml"], 2, "'absent.toml' does not exist"),
    ],
)
def test_what_is_not_understood_is_refused(arguments: list[str], status: int, expected: str) -> None:
    result = run(*arguments)
    assert result.exit_code == status
    assert expected in result.stderr
    assert "Traceback" not in result.output


def test_help_tells_the_default() -> None:
    told = " ".join(run("--help").output.split())
    assert "Write report.html. [default: on]" in told
    assert "if the free memory has room for them. [default: 0]" in told
    assert "repeat for several. [default: png]" in told
    assert "hilum series names. [default: none]" in told
