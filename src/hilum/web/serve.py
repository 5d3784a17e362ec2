"""Starting the service: its address, TLS, and users made from the command line."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from hilum.errors import SettingsError
from hilum.settings import Settings, WebSettings
from hilum.worklist import Database, User
from hilum.worklist.database import database_url
from hilum.writers.claim import claimed

from .app import create_app, made_folder
from .audit import audit
from .errors import ApiError
from .sessions import end_all
from .users import Visitor, add_user, hashed

STOP_SECONDS = 10
"""That answers may still take when the service is told to stop."""

COMMAND_LINE = Visitor("command line", "admin", "", "")
"""Who it is in the audit trail that works on the command line."""


def serve(settings: Settings, listening: Callable[[str], None]) -> None:
    """Run the service until the process is told to stop by SIGTERM or SIGINT.

    Parameters
    ----------
    settings : all of them; ``web`` is its own table
    listening : told the address as it is typed into a browser

    Raises
    ------
    SettingsError
        A setting cannot be used, the address is taken, another reader works in the folder, or there is no admin where
        people have to log in.
    """
    web = settings.web
    check_tls(web)
    holding = claimed(Path(web.folder), worker="reader", name="folder", setting="web.folder")
    with holding, listener(web.host, web.port) as open_socket:
        app = create_app(settings)
        config = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            ssl_certfile=web.tls_cert or None,
            ssl_keyfile=web.tls_key or None,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        listening(address(web, int(open_socket.getsockname()[1])))
        uvicorn.Server(config).run(sockets=[open_socket])


def address(web: WebSettings, port: int) -> str:
    """As it is typed into a browser on this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(web.host, f"[{web.host}]" if ":" in web.host else web.host)  # noqa: S104
    return f"{'https' if web.tls_cert else 'http'}://{host}:{port}"


def listener(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises
    ------
    SettingsError
        It cannot.
    """
    if port > 65535:
        raise SettingsError(f"There is no port {port}; ports go up to 65535. Change web.port.")
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise SettingsError(
            f"Cannot listen at {host}:{port}: {error.strerror}. Change web.host or web.port."
        ) from error


def check_tls(web: WebSettings) -> None:
    """Raise SettingsError if the certificate or its key cannot be used."""
    import ssl

    if not (web.tls_cert or web.tls_key):
        return
    if not (web.tls_cert and web.tls_key):
        raise SettingsError("TLS needs both web.tls_cert and web.tls_key.")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(web.tls_cert, web.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"Cannot use web.tls_cert {web.tls_cert!r} with web.tls_key {web.tls_key!r}: {error}."
        ) from error


def put_user(settings: Settings, name: str, password: str, role: str) -> bool:
    """Add a user, or give the one of that name a new password and role; whether it is a new one.

    Raises
    ------
    SettingsError
        The name, role or password cannot be used, or the database not be opened.
    """
    database = Database(database_url(settings.web.database, made_folder(Path(settings.web.folder))))
    try:
        password_hash = hashed(password)
        with database.writing() as session:
            user = session.get(User, name)
            if user is None:
                add_user(session, name, password_hash, role)
            else:
                user.password_hash, user.role, user.disabled = password_hash, role, False
                end_all(session, name)
            audit(session, COMMAND_LINE, "user.change" if user else "user.add", detail={"name": name, "role": role})
            return user is None
    except ApiError as error:
        raise SettingsError(str(error.detail)) from error
    finally:
        database.close()
