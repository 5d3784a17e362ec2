"""The pages: one document, whose script shows the worklist, a study and the rest by the address."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, FastAPI, Request
from fastapi import Path as InPath
from fastapi.responses import FileResponse, HTMLResponse, Response
from fastapi.staticfiles import StaticFiles

STATIC = Path(__file__).parents[1] / "static"
"""Folder of the built page."""

NOT_BUILT = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Hilum</title>
<h1>The page is not in this installation</h1>
<p>The service runs, but this copy of Hilum was made without its page. Where Node.js is installed,
<code>make frontend</code> in the sources builds it. The <a href="/api/v1/studies">worklist as JSON</a> is there.</p>
</html>
"""

router = APIRouter(include_in_schema=False)


def _page(twin: str) -> Response:
    headers = {"Link": f'<{twin}>; rel="alternate"; type="application/json"', "Cache-Control": "no-cache"}
    index = STATIC / "index.html"
    if index.is_file():
        return FileResponse(index, media_type="text/html", headers=headers)
    return HTMLResponse(NOT_BUILT, headers=headers)


@router.get("/")
def worklist_page() -> Response:
    """The worklist."""
    return _page("/api/v1/studies")


@router.get("/studies/{study_id}")
def study_page(study_id: Annotated[str, InPath(pattern="^[0-9a-f]{32}$")]) -> Response:
    """One study."""
    return _page(f"/api/v1/studies/{study_id}")


@router.get("/login")
def login_page() -> Response:
    """The page to log in."""
    return _page("/api/v1/me")


@router.get("/compare")
@router.get("/users")
@router.get("/audit")
def other_page(request: Request) -> Response:
    """A page whose JSON twin has the same name and query."""
    query = request.url.query
    return _page(f"/api/v1{request.url.path}{'?' if query else ''}{query}")


class Immutable(StaticFiles):
    """Files whose names change with their content, which browsers may keep for good."""

    def file_response(self, *args: object, **options: object) -> Response:
        """A file, as :class:`~starlette.staticfiles.StaticFiles` answers it, to be kept."""
        response = super().file_response(*args, **options)  # pyright: ignore[reportArgumentType]
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response


def add_pages(app: FastAPI) -> None:
    """Let ``app`` answer with the pages and the files that they need."""
    app.include_router(router)
    app.mount("/assets", Immutable(directory=STATIC / "assets", check_dir=False), name="assets")
