"""A real service on a free port, in this process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from hilum.settings import Settings, WebSettings
from hilum.web.app import create_app

PASSWORD = "correct horse battery"


class Client(httpx.Client):
    """May be used before its ``with`` block, too."""

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class Served:
    """A running service."""

    app: FastAPI
    url: str

    def client(self, *, csrf: bool = True) -> Client:
        """Somebody who has asked for /me, and names the CSRF value from then on unless ``csrf`` is off."""
        client = Client(base_url=self.url, timeout=600, trust_env=False)
        if csrf:
            client.headers["X-Hilum-CSRF"] = client.get("/api/v1/me").json()["csrf"]
        return client

    def logged_in(self, name: str, password: str = PASSWORD) -> Client:
        client = self.client(csrf=False)
        answer = client.post("/api/v1/login", json={"name": name, "password": password})
        assert answer.status_code == 200, answer.text
        client.headers["X-Hilum-CSRF"] = answer.json()["csrf"]
        return client


@contextmanager
def serving(folder: Path, *, works: bool = True, **web: Any) -> Iterator[Served]:
    """A service whose ``web`` settings are ``web``, in ``folder``, until the block ends.

    Without ``works`` studies stay in the queue, and no time goes into networks.
    """
    app = create_app(Settings(web=WebSettings(folder=str(folder), **web)))
    if not works:
        app.state.jobs.start = lambda: None
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="error", server_header=False, timeout_graceful_shutdown=10
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield Served(app, f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()  # what it has open is closed in the test that opened it


def ended(client: httpx.Client, study: str) -> dict:
    """What a study is once its analysis has come to an end."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        made = client.get(f"/api/v1/studies/{study}").json()
        if made["state"] not in {"queued", "running"}:
            return made
        time.sleep(0.05)
    pytest.fail("the study does not come to an end")
