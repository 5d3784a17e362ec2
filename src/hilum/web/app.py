"""The service as a whole: routes, guard, database and jobs, put together."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from hilum import __version__
from hilum.errors import SettingsError
from hilum.settings import Settings
from hilum.worklist import Database
from hilum.worklist.database import database_url
from hilum.worklist.store import Store

from .answers import API
from .errors import RESPONSES, handle_errors
from .jobs import Jobs
from .limits import Rates
from .routes import ROUTERS
from .routes.pages import add_pages
from .security import Guard, SecurityHeaders
from .users import has_admin, has_users, is_loopback


def create_app(settings: Settings) -> FastAPI:
    """The service, not yet listening.

    ``app.state`` holds ``settings``, ``database``, ``store``, ``jobs``, ``login_required`` and ``rates``.

    Parameters
    ----------
    settings : all of them; ``web`` is its own table

    Raises
    ------
    SettingsError
        A setting cannot be used, or people have to log in and there is no admin.
    """
    web = settings.web
    folder = made_folder(Path(web.folder))
    database = Database(database_url(web.database, folder))
    login_required = _login_required(settings, database)
    app = FastAPI(
        title="Hilum reader",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        responses=RESPONSES,
    )
    state = app.state
    state.settings, state.database, state.login_required, state.rates = settings, database, login_required, Rates()
    state.store = Store(folder)
    state.jobs = Jobs(database, state.store, settings)
    handle_errors(app)
    for router in ROUTERS:
        app.include_router(router, prefix=API)
    add_pages(app)
    app.add_middleware(
        Guard,
        database=database,
        names={web.host, *web.allowed_hosts},
        login_required=login_required,
        local_csrf=secrets.token_urlsafe(32),
        upload_bytes=web.upload_gb * 1e9,
        rates=state.rates,
    )
    app.add_middleware(SecurityHeaders)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncGenerator[None]:
    """What runs beside the requests, from the start of the service to its end."""
    app.state.store.clear()
    app.state.jobs.start()
    yield
    app.state.jobs.stop()
    app.state.database.close()


def made_folder(folder: Path) -> Path:
    """The folder of the reader, which only its owner may look into.

    Raises
    ------
    SettingsError
        It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(f"Cannot use the folder {str(folder)!r}: {error.strerror}. Change web.folder.") from error
    return folder


def _login_required(settings: Settings, database: Database) -> bool:
    """Whether people have to log in: at any address but this machine's own, if it is set, or if there are users."""
    with database.reading() as session:
        if not (settings.web.login or not is_loopback(settings.web.host) or has_users(session)):
            return False
        if has_admin(session):
            return True
    database.close()
    raise SettingsError(
        "People have to log in here, and there is no admin who could add users. Make one first: "
        "hilum serve --add-user NAME --role admin"
    )
