"""A small archive on this machine: files with ETags, ranges, and faults that a test can order."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


@dataclass
class Archive:
    """Files by path; what was asked for; and what shall go wrong."""

    files: dict[str, bytes]
    url: str = ""
    breaks_after: int | None = None
    has_tags: bool = True
    has_ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)

    def zenodo(self, number: int) -> bytes:
        """What Zenodo's interface tells of a record with these files."""
        told = [
            {
                "key": name,
                "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
                "links": {"self": f"{self.url}/{name}"},
            }
            for name, content in self.files.items()
        ]
        return json.dumps({"id": number, "files": told}).encode()


@contextmanager
def serving(archive: Archive) -> Generator[Archive]:
    """The archive, reachable at its ``url`` while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            _answer(self, archive)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    archive.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield archive
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answer(handler: BaseHTTPRequestHandler, archive: Archive) -> None:
    name, wanted = handler.path.lstrip("/"), handler.headers.get("Range", "")
    archive.asked.append((name, wanted))
    content = archive.zenodo(1) if name == "api/1" else archive.files.get(name)
    if content is None:
        handler.send_error(404)
        return
    tag = f'"{hashlib.sha256(content).hexdigest()}"'
    start = 0
    if wanted and archive.has_ranges and handler.headers.get("If-Range", tag) == tag:
        start = int(wanted.removeprefix("bytes=").rstrip("-"))
    if start >= len(content) > 0:
        handler.send_response(416)
        handler.send_header("Content-Range", f"bytes */{len(content)}")
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return
    handler.send_response(206 if start else 200)
    if start:
        handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    if archive.has_tags:
        handler.send_header("ETag", tag)
    handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    handler.wfile.write(content[start:][: archive.breaks_after])
