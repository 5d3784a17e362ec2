"""The build hook: when the page is built, when it is left alone, and what is said where it cannot be."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project with a page that is older than its sources, and no npm."""
    monkeypatch.delenv("READER_PAGE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    page = tmp_path / "src" / "hilum" / "web" / "static" / "index.html"
    for path in (page, tmp_path / "frontend" / "index.html", tmp_path / "frontend" / "node_modules" / "new.js"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("<!doctype html>")
    os.utime(page, (1e9, 1e9))
    return tmp_path


def run(hook, project):
    """The warnings of a build."""
    warnings: list[str] = []
    app = SimpleNamespace(display_warning=warnings.append)
    made = hook.FrontendHook(str(project), {}, None, None, str(project), "wheel", app)
    made.initialize("standard", {})
    return warnings


def npm(project, script):
    path = project / "npm"
    path.write_text(f'#!/bin/sh\necho "$@" >> {project}/asked\n{script}\n')
    path.chmod(0o755)


def test_without_npm_the_build_goes_on_and_says_so(hook, project):
    (warning,) = run(hook, project)
    assert "was not built: npm is not installed (Node.js 18.18 or newer)" in warning


def test_where_the_page_is_required_the_build_fails(hook, project, monkeypatch):
    monkeypatch.setenv("READER_PAGE", "require")
    with pytest.raises(hook.NotBuilt, match="npm is not installed"):
        run(hook, project)


@pytest.mark.parametrize("mode", ["skip", ""])
def test_it_is_left_alone_when_told_or_up_to_date(hook, project, monkeypatch, mode):
    npm(project, "exit 1")
    monkeypatch.setenv("READER_PAGE", mode)
    if not mode:
        os.utime(project / "frontend" / "index.html", (1e9, 1e9))
    assert run(hook, project) == []
    assert not (project / "asked").exists()


def test_npm_installs_and_builds_what_is_stale(hook, project):
    npm(project, "exit 0")
    (project / "frontend" / "package-lock.json").write_text("{}")
    assert run(hook, project) == []
    assert (project / "asked").read_text().splitlines() == ["ci --ignore-scripts", "run build"]


def test_what_npm_says_is_told(hook, project):
    npm(project, "echo 'Type error in app.tsx'; exit 2")
    (warning,) = run(hook, project)
    assert "'npm ci --ignore-scripts' failed" in warning
    assert "Type error in app.tsx" in warning


def test_another_word_is_refused(hook, project, monkeypatch):
    monkeypatch.setenv("READER_PAGE", "yes")
    with pytest.raises(ValueError, match="'yes'; expected 'require', 'skip' or nothing"):
        run(hook, project)


def test_the_lockfile_names_no_registry():
    lock = json.loads((ROOT / "frontend" / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [name for name, entry in packages.items() if not (entry.get("version") and entry.get("integrity"))] == []


def test_the_lockfile_is_whole_for_other_systems():
    packages = json.loads((ROOT / "frontend" / "package-lock.json").read_text())["packages"]
    optional = {name for entry in packages.values() for name in entry.get("optionalDependencies", {})}
    assert "@esbuild/win32-x64" in optional
    assert [name for name in sorted(optional) if f"node_modules/{name}" not in packages] == []
