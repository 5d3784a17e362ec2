"""A page for machines: /health says whether the node lives, /metrics counts, in Prometheus' text format."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from hilum.errors import SettingsError

Metrics = Mapping[str, tuple[str, str, Mapping[str, float]]]
"""By name: the type (``gauge`` or ``counter``), the meaning, and values by their labels, such as ``state="done"``."""


class HealthPage:
    """A small HTTP server.

    Parameters
    ----------
    host, port : where it listens; port 0 takes a free one
    troubles : what is wrong now, as codes; nothing wrong is healthy
    metrics : the figures of now

    Raises
    ------
    SettingsError
        It cannot listen there.
    """

    def __init__(
        self, host: str, port: int, *, troubles: Callable[[], list[str]], metrics: Callable[[], Metrics]
    ) -> None:
        class Handler(BaseHTTPRequestHandler):
            server_version, sys_version, timeout = "hilum", "", 10

            def do_GET(self) -> None:
                if self.path == "/health":
                    found = troubles()
                    status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
                    content = json.dumps({"status": "trouble" if found else "ok", "troubles": found})
                    self._answer(status, "application/json", content)
                elif self.path == "/metrics":
                    self._answer(HTTPStatus.OK, "text/plain; version=0.0.4", as_prometheus(metrics()))
                else:
                    self._answer(HTTPStatus.NOT_FOUND, "text/plain", "There are /health and /metrics.\n")

            def _answer(self, status: HTTPStatus, kind: str, content: str) -> None:
                encoded = content.encode()
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(encoded)))
                self.end_headers()
                self.wfile.write(encoded)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
                """Questions about health are not logged."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise SettingsError(
                f"Cannot show health at {host}:{port}: {error.strerror or error}. Change node.health_port, or set it "
                "to 0."
            ) from error
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        """Close the page."""
        self._server.shutdown()
        self._server.server_close()


def as_prometheus(metrics: Metrics) -> str:
    """Figures in Prometheus' text format."""
    lines: list[str] = []
    for name, (kind, meaning, values) in metrics.items():
        lines += [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
        lines += [
            f"{name}{{{labels}}} {value:g}" if labels else f"{name} {value:g}" for labels, value in values.items()
        ]
    return "\n".join(lines) + "\n"


def resident_bytes() -> float:
    """Memory of this process that is in use now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))
