"""Everything a user can set: frozen dataclasses, filled from defaults < file < environment < flags.

TOML tables are named like the fields of :class:`Settings`; environment variables are ``HILUM_<TABLE>_<KEY>``, but
for ``HILUM_TEST_...``, which the test suite reads. An unknown key is an error that names the nearest.
"""

from .sources import as_json, parse_value, resolve
from .tables import (
    CtSettings,
    FilmSettings,
    GateSettings,
    Mirrored,
    ModelSettings,
    NodeSettings,
    OutputSettings,
    ProjectSettings,
    ReadSettings,
    RuntimeSettings,
    Settings,
    WebSettings,
)

__all__ = [
    "CtSettings",
    "FilmSettings",
    "GateSettings",
    "Mirrored",
    "ModelSettings",
    "NodeSettings",
    "OutputSettings",
    "ProjectSettings",
    "ReadSettings",
    "RuntimeSettings",
    "Settings",
    "WebSettings",
    "as_json",
    "parse_value",
    "resolve",
]
