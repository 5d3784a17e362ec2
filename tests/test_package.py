"""Guards of the package as a whole: its names, its weight, its limits, its papers."""

from __future__ import annotations

import ast
import doctest
import importlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import hilum

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "hilum"
MODULES = sorted(PACKAGE.rglob("*.py"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
HEAVY = {"SimpleITK", "highdicom", "numpy", "onnxruntime", "openvino", "pydicom"}
NEVER_IN_INFERENCE = {
    "cv2",
    "lightning",
    "matplotlib",
    "monai",
    "pandas",
    "scipy",
    "skimage",
    "sklearn",
    "timm",
    "torch",
}
ANALYSE_ALL_THE_WAY = """
import sys
from pathlib import Path

import hilum
from hilum.cli.app import app

status = app(["demo", "--output", sys.argv[1]], standalone_mode=False)
assert status in (None, 0), status
assert list(Path(sys.argv[1]).rglob("result.json"))
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seconds(*arguments: str) -> float:
    """Processor time of a start of Python, the least of several: what the code costs, whatever else runs."""
    durations: list[float] = []
    for _ in range(5):
        before = os.times()
        python(*arguments)
        after = os.times()
        user, system = after.children_user - before.children_user, after.children_system - before.children_system
        durations.append(user + system)
    return min(durations)


# names


def test_public_names_are_these() -> None:
    assert sorted(hilum.__all__) == [
        "Case",
        "Image",
        "LabelMap",
        "__version__",
        "analyse",
        "project",
        "read",
        "read_slices",
        "score",
        "segment_lesions",
        "segment_lungs",
        "write",
    ]


def test_the_stub_has_the_same_names() -> None:
    stub = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imported = {alias.asname for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert imported | {"__version__"} == set(hilum.__all__)


@pytest.mark.parametrize("name", sorted(hilum.__all__))
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(hilum, name) is not None
    assert name in dir(hilum)


def test_other_names_cannot() -> None:
    with pytest.raises(AttributeError, match="'hilum' has no attribute 'analyze'"):
        _ = hilum.analyze  # type: ignore[attr-defined]


# weight


def test_import_loads_nothing_heavy() -> None:
    loaded = set(python("-c", "import hilum, sys; print(*sys.modules)").split())
    assert loaded & (HEAVY | NEVER_IN_INFERENCE | {"click"}) == set()


def test_help_loads_nothing_heavy() -> None:
    help_ = "import sys; from hilum.cli.app import app; app(['--help'], standalone_mode=False); print(*sys.modules)"
    assert set(python("-c", help_).split()) & (HEAVY | NEVER_IN_INFERENCE) == set()


def test_import_is_quick() -> None:
    assert seconds("-c", "import hilum") < 0.15


def test_help_is_quick() -> None:
    assert seconds("-m", "hilum", "--help") < 0.3


@pytest.mark.slow
def test_inference_loads_no_training_library(tmp_path: Path) -> None:
    from hilum.models import catalogue

    if not set(catalogue.DEFAULTS.values()) <= set(catalogue.names()):
        pytest.skip("the networks are not in the package yet")
    loaded = set(python("-c", ANALYSE_ALL_THE_WAY, str(tmp_path)).splitlines()[-1].split())
    assert {"hilum", "numpy"} <= loaded
    assert loaded & NEVER_IN_INFERENCE == set()


def test_the_wheel_holds_what_is_read_at_run_time(tmp_path: Path) -> None:
    python("-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    names = set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist())
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert [str(path) for path in files if path.relative_to(PACKAGE.parent).as_posix() not in names] == []
    assert "hilum/py.typed" in names
    assert [name for name in names if not name.startswith(("hilum/", f"hilum-{hilum.__version__}.dist-info/"))] == []


# limits


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 500
    assert list(_long_functions(ast.parse(text))) == []


def _long_functions(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = (node.end_lineno or 0) - body[0].lineno + 1 if body else 0
            if length > 50:
                yield f"{node.name} has {length} lines"


def _with_examples() -> list[str]:
    names = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in MODULES if ">>>" in path.read_text()]
    return [".".join(parts).removesuffix(".__init__") for parts in names if parts[1] != "training"]


@pytest.mark.parametrize("name", _with_examples())
def test_examples_run(name: str) -> None:
    ran = doctest.testmod(importlib.import_module(name))
    assert ran.attempted > 0
    assert ran.failed == 0


# papers


def test_the_reference_is_what_the_code_says() -> None:
    python("docs/generate.py", "--check")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    assert [page.name for page in (ROOT / "docs" / "adr").glob("*.md") if page.name not in index] == []


def test_there_is_one_version() -> None:
    assert f"\nversion: {hilum.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_the_base_install_has_no_training_library() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[^\w-]", requirement)[0] for requirement in project["dependencies"]}
    assert names & NEVER_IN_INFERENCE == set()
    assert names == {name.lower() for name in names}
    assert not any("torch" in name for name in names)
