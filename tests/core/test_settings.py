"""Settings: defaults < file < environment < overrides, and nothing unknown."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hilum.errors import SettingsError
from hilum.settings import Settings, as_json, resolve
from hilum.settings.sources import _fits


@pytest.fixture
def toml(tmp_path):
    def write(text):
        path = tmp_path / "hilum.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_defaults():
    assert resolve(environment={}) == Settings()


def test_later_sources_win(toml):
    path = toml("[read]\nzip_max_mb = 1\nzip_max_ratio = 1\nzip_max_files = 1\n")
    environment = {"HILUM_READ_ZIP_MAX_RATIO": "2", "HILUM_READ_ZIP_MAX_FILES": "2", "PATH": "/bin", "HILUM": "x"}
    made = resolve(path, environment, {"read.zip_max_files": 3, "read.max_megapixels": None})
    assert (made.read.zip_max_mb, made.read.zip_max_ratio, made.read.zip_max_files) == (1, 2, 3)
    assert made.read.max_megapixels == Settings().read.max_megapixels


def test_values_of_every_kind(toml):
    path = toml('[output]\nmasks = ["png", "nifti"]\nreport = false\n[models]\ncxr_lungs = "mine"\n')
    made = resolve(path, {"HILUM_RUNTIME_ENGINE": "openvino", "HILUM_GATE_ENABLED": "false"})
    assert made.output.masks == ("png", "nifti")
    assert made.output.report is False
    assert made.models.cxr_lungs == "mine"
    assert made.runtime.engine == "openvino"
    assert made.gate.enabled is False


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            {"read.zip_max_md": 1},
            r"No setting named 'read.zip_max_md'. Did you mean 'read.zip_max_mb'\?.*on the command line",
        ),
        ({"zip_max_mb": 1}, "No setting named 'zip_max_mb'"),
        ({"read": 1}, "No setting named 'read'"),
        ({"read.zip_max_mb": "1"}, "read.zip_max_mb cannot be '1' .on the command line.; expected a whole number"),
        ({"read.zip_max_mb": True}, "cannot be True .*expected a whole number"),
        ({"read.zip_max_mb": 1.5}, "cannot be 1.5 .*expected a whole number"),
        ({"gate.enabled": 1}, "cannot be 1 .*expected true or false"),
        ({"runtime.engine": "tensorrt"}, "expected one of 'auto', 'openvino', 'onnxruntime'"),
        ({"output.masks": [1]}, "expected a list, each item one of 'png', 'nifti'"),
        ({"output.masks": "png"}, "expected a list, each item one of 'png', 'nifti'"),
    ],
)
def test_what_is_not_understood(overrides, message):
    with pytest.raises(SettingsError, match=message):
        resolve(environment={}, overrides=overrides)


@pytest.mark.parametrize(
    ("value", "wanted", "fits"),
    [
        (1, float, True),
        (1.5, float, True),
        (True, float, False),
        ("1", float, False),
        (None, int | None, True),
        (3, int | None, True),
        ("3", int | None, False),
        (-1, int, False),
        (("a", "b"), tuple[str, ...], True),
        (("a", 1), tuple[str, ...], False),
        (["a"], tuple[str, ...], False),
    ],
)
def test_what_fits_a_type(value, wanted, fits):
    assert _fits(value, wanted) is fits


def test_where_an_unknown_key_was_found(toml):
    with pytest.raises(SettingsError, match=r"It was found in .*hilum.toml"):
        resolve(toml("[gates]\nenabled = true\n"), {})
    with pytest.raises(SettingsError, match=r"in the environment variable HILUM_GATE_ON"):
        resolve(environment={"HILUM_GATE_ON": "true"})


@pytest.mark.parametrize("content", ["[read", "read = {", "\x00"])
def test_a_file_that_is_no_toml(toml, content):
    with pytest.raises(SettingsError, match=r"hilum.toml is not valid TOML"):
        resolve(toml(content), {})


def test_a_file_of_another_encoding(tmp_path):
    path = tmp_path / "hilum.toml"
    path.write_bytes(b"\xff\xfe[")
    with pytest.raises(SettingsError, match=r"is not valid TOML"):
        resolve(path, {})


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(SettingsError, match=r"Cannot read the settings file .*hilum.toml"):
        resolve(tmp_path / "hilum.toml", {})


def test_settings_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Settings().read.zip_max_mb = 1


def test_json_has_every_table_and_key():
    made = as_json(Settings())
    for table in fields(Settings()):
        part = getattr(Settings(), table.name)
        assert set(made[table.name]) == {field.name for field in fields(part)}
    assert made["output"]["masks"] == ["png"]


def flat(settings):
    return {f"{table}.{key}": value for table, part in as_json(settings).items() for key, value in part.items()}


@given(
    st.integers(1, 10**6),
    st.booleans(),
    st.sampled_from(["auto", "float32", "bfloat16"]),
    st.lists(st.sampled_from(["png", "nifti"]), max_size=3),
)
def test_settings_survive_json(number, is_on, precision, masks):
    overrides = {
        "read.max_megapixels": number,
        "gate.enabled": is_on,
        "runtime.precision": precision,
        "output.masks": masks,
    }
    made = resolve(environment={}, overrides=overrides)
    assert resolve(environment={}, overrides=flat(made)) == made
