"""Build hook of hatch: the page of ``hilum serve`` is built by npm into the package.

What the environment variable ``READER_PAGE`` says: ``require`` fails where the page cannot be built, ``skip`` leaves it
as it is; otherwise a missing npm is a warning, and ``hilum serve`` tells that this installation has no page.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODES = ("", "require", "skip")


class NotBuilt(Exception):
    """The page could not be built; says why."""


class FrontendHook(BuildHookInterface[Any]):
    """Builds ``src/hilum/web/static`` from ``frontend`` before anything is packed."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Run npm where the page is not up to date."""
        mode = os.environ.get("READER_PAGE", "")
        if mode not in MODES:
            raise ValueError(f"READER_PAGE is {mode!r}; expected 'require', 'skip' or nothing.")
        frontend = Path(self.root) / "frontend"
        page = Path(self.root) / "src" / "hilum" / "web" / "static" / "index.html"
        if mode == "skip" or not frontend.is_dir() or not is_stale(frontend, page):
            return
        try:
            build(frontend)
        except (OSError, NotBuilt) as error:
            if mode == "require":
                raise
            self.app.display_warning(f"The page of 'hilum serve' was not built: {error}")


def is_stale(frontend: Path, page: Path) -> bool:
    """Whether the built page is missing or older than its sources."""
    if not page.is_file():
        return True
    sources = [path for path in frontend.rglob("*") if "node_modules" not in path.parts and path.is_file()]
    return any(path.stat().st_mtime > page.stat().st_mtime for path in sources)


def build(frontend: Path) -> None:
    """Install what the lockfile names, where it is not there yet, and build the page.

    Raises
    ------
    NotBuilt
        npm is missing or has failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise NotBuilt("npm is not installed (Node.js 18.18 or newer).")
    installed, lockfile = frontend / "node_modules" / ".package-lock.json", frontend / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < lockfile.stat().st_mtime:
        _npm(npm, "ci", "--ignore-scripts", folder=frontend)
    _npm(npm, "run", "build", folder=frontend)


def _npm(npm: str, *arguments: str, folder: Path) -> None:
    done = subprocess.run([npm, *arguments], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise NotBuilt(f"'npm {' '.join(arguments)}' failed in {folder}:\n{said}")
