"""Uploads: multipart forms whose files go to disk as they come, within limits that hold whatever the sender claims."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from hilum.provenance import Json
from hilum.worklist.store import SafePaths

from .errors import ApiError

if TYPE_CHECKING:
    from starlette.requests import Request

FIELD_BYTES = 4096
"""Longest value of a field that is no file."""

MOST_FIELDS, MOST_FILES = 20, 20_000

_HEADER_BYTES = 8192
"""Longest header of a part."""

SPARE_BYTES = 1 << 28
"""Free space of the disk that uploads leave."""


@dataclass(slots=True)
class Received:
    """A form.

    Attributes
    ----------
    fields : by name, the last of each
    files : by a safe relative path, where each lies; in the order in which they came
    names : by the same path, the name of the field
    size : bytes of all files
    """

    fields: dict[str, str] = field(default_factory=dict[str, str])
    files: dict[str, Path] = field(default_factory=dict[str, Path])
    names: dict[str, str] = field(default_factory=dict[str, str])
    size: int = 0

    def file(self, name: str) -> Path | None:
        """The file of a field; None if there is none."""
        return next((self.files[path] for path, each in self.names.items() if each == name), None)


def described(required: str, **fields: Json) -> dict[str, Json]:
    """What OpenAPI is told of a route that takes a form by :func:`receive`.

    Parameters
    ----------
    required : the field that has to be there
    fields : JSON Schema by name
    """
    form: Json = {"type": "object", "required": [required], "properties": fields}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form}}}}


def a_file(description: str) -> Json:
    """The schema of a field that is a file."""
    return {"type": "string", "format": "binary", "description": description}


async def receive(request: Request, folder: Path, *, left: int) -> Received:
    """The form that a request brings, its files in a folder.

    Parameters
    ----------
    request : nothing of its body has been read; how much may come is counted by who passes it on
    folder : empty; takes the files by their safe paths; removed by the caller
    left : bytes that the reader's folder may still take

    Raises
    ------
    ApiError
        It is no form, too large, cut short, or there is no room for it.
    """
    left = min(left, shutil.disk_usage(folder).free - SPARE_BYTES)
    claim = request.headers.get("content-length", "0")
    if left <= 0 or (claim.isdecimal() and int(claim) > left):
        raise _no_room()
    form = _Form(request.headers.get("content-type", ""), folder)
    size = 0
    try:
        async for chunk in _stream(request):
            size += len(chunk)
            if size > left:
                raise _no_room()
            form.take(chunk)
        return form.end()
    finally:
        form.close()


async def _stream(request: Request) -> AsyncIterator[bytes]:
    from starlette.requests import ClientDisconnect

    try:
        async for chunk in request.stream():
            yield chunk
    except ClientDisconnect as error:
        raise ApiError(400, "cut-short", "The upload ended before it was whole. Send it again.") from error


def _no_room() -> ApiError:
    return ApiError(
        413,
        "no-room",
        "The reader's folder has no room for it. Delete studies, free the disk, or raise the setting web.folder_gb.",
    )


def _bad_form(why: str) -> ApiError:
    return ApiError(400, "bad-form", f"The upload is no form of files: {why}. Send multipart/form-data.")


class _Form:
    """Parts of a multipart form as they come."""

    def __init__(self, content_type: str, folder: Path) -> None:
        from python_multipart.multipart import MultipartParser, parse_options_header

        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind.lower() != b"multipart/form-data" or not boundary or len(boundary) > 200:
            raise ApiError(415, "no-form", "Files are sent as multipart/form-data, with a boundary.")
        self._folder, self._paths, self._made = folder, SafePaths(), Received()
        self._header, self._value = b"", b""
        self._disposition = b""
        self._name, self._path = "", ""
        self._text: bytearray | None = None
        self._file: BinaryIO | None = None
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def take(self, chunk: bytes) -> None:
        """The next bytes of the request."""
        from python_multipart.exceptions import FormParserError

        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _bad_form(str(error)) from error
        except OSError as error:
            raise _no_room() from error

    def end(self) -> Received:
        """What has come, when the request is at its end."""
        if not self._is_whole:
            raise _bad_form("its last boundary is missing")
        return self._made

    def close(self) -> None:
        """Close the file that was being written."""
        if self._file is not None:
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._header, self._value, self._disposition = b"", b"", b""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]
        self._require_short()

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]
        self._require_short()

    def _require_short(self) -> None:
        if len(self._header) + len(self._value) > _HEADER_BYTES:
            raise _bad_form("the header of a part is too long")

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header, self._value = b"", b""

    def _headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode(errors="replace")
        given = options.get(b"filename")
        if given is None:
            if len(self._made.fields) >= MOST_FIELDS:
                raise _bad_form(f"it has more than {MOST_FIELDS} fields")
            self._text = bytearray()
            return
        if len(self._made.files) >= MOST_FILES:
            raise _bad_form(f"it has more than {MOST_FILES:,} files; pack them into a zip file")
        self._path = self._paths.add(given.decode(errors="replace"))
        target = self._folder / self._path
        target.parent.mkdir(parents=True, exist_ok=True)
        self._made.files[self._path], self._made.names[self._path] = target, self._name
        self._file = target.open("xb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(memoryview(data)[start:end])
            self._made.size += end - start
        elif self._text is not None:
            self._text += data[start:end]
            if len(self._text) > FIELD_BYTES:
                raise _bad_form(f"a field is longer than {FIELD_BYTES} bytes")

    def _end_part(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        elif self._text is not None:
            self._made.fields[self._name] = self._text.decode(errors="replace").replace("\0", "")
            self._text = None

    def _end(self) -> None:
        self._is_whole = True
