"""Files as answers: with a tag that tells their state, kept by browsers, never run by them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from fastapi import Request
from fastapi.responses import FileResponse, Response

from .answers import stamp
from .errors import ApiError

TYPES = {
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".png": "image/png",
    ".csv": "text/csv; charset=utf-8",
    ".gz": "application/gzip",
    ".dcm": "application/dicom",
}
"""Media types by the ending of a file; others are bytes."""

SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Content-Security-Policy of a report: it has its style and pictures within, and runs nothing."""

KEPT = "private, max-age=3600, immutable"
"""Cache-Control of files whose URL changes with them."""

_EPOCH = (1980, 1, 1, 0, 0, 0)

_BLOCK = 1 << 20


def file_response(request: Request, path: Path, *, name: str = "") -> Response:
    """A file, or that the browser has it already.

    Parameters
    ----------
    request : which may state the tag of what it has
    path : of the file
    name : under which it is saved, if it is to be; plain characters only

    Raises
    ------
    ApiError
        There is no such file (404).
    """
    try:
        tag = f'"{stamp(path)}"'
    except OSError as error:
        raise ApiError(404, "no-such-file", "There is no such file, or not yet.") from error
    cache = KEPT if "v" in request.query_params else "private, no-cache"
    headers = {"ETag": tag, "Cache-Control": cache}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if path.suffix == ".html":
        headers["Content-Security-Policy"] = SANDBOX
    elif name:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return FileResponse(path, media_type=TYPES.get(path.suffix, "application/octet-stream"), headers=headers)


def zipped(files: Mapping[str, Path]) -> Iterator[bytes]:
    """A zip file of some files, piece by piece, with no clock in it; packed already are most of them."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, path in files.items():
            with (
                path.open("rb") as source,
                archive.open(zipfile.ZipInfo(name, _EPOCH), "w", force_zip64=True) as target,
            ):
                while block := source.read(_BLOCK):
                    target.write(block)
                    yield sink.taken()
    yield sink.taken()


class _Sink(io.RawIOBase):
    """Takes what is written until somebody fetches it."""

    def __init__(self) -> None:
        self._parts = bytearray()

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: object) -> int:
        """Keep some bytes."""
        before = len(self._parts)
        self._parts += memoryview(data)  # type: ignore[arg-type]  # of bytes, as zipfile hands over
        return len(self._parts) - before

    def taken(self) -> bytes:
        """What was written since the last time."""
        made = bytes(self._parts)
        self._parts.clear()
        return made
