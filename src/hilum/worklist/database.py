"""Opening the worklist's database, and transactions on it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from hilum.errors import MissingExtra, SettingsError

FILE = "worklist.sqlite"
"""Name of the database in the reader's folder, if it has no URL."""

MIGRATION_LOCK = 4_815_162
"""Number of PostgreSQL's advisory lock that one process at a time holds while it changes the tables."""

BUSY_SECONDS = 30
"""That a transaction of SQLite waits for another to end."""


def database_url(setting: str, folder: Path) -> str:
    """The URL of the database: the setting, or a file of SQLite in the folder if it is empty."""
    return setting or f"sqlite:///{folder / FILE}"


class Database:
    """The worklist.

    Parameters
    ----------
    url : such as ``sqlite:////folder/worklist.sqlite`` or ``postgresql+psycopg://user:password@host/name``
    setting : where it comes from, which errors say

    Raises
    ------
    SettingsError
        The URL cannot be understood, or nothing answers there.
    MissingExtra
        PostgreSQL is asked for, and its driver is not installed.
    """

    def __init__(self, url: str, *, setting: str = "web.database") -> None:
        self.engine = _engine(url, setting)
        self._reading = self.engine.execution_options(reading=True)
        self.place = self.engine.url.render_as_string(hide_password=True)
        try:
            self._migrate()
        except SQLAlchemyError as error:
            self.engine.dispose()
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise SettingsError(f"Cannot use the database {self.place}: {reason}. Change {setting}.") from error

    @contextmanager
    def writing(self) -> Generator[Session]:
        """A transaction that may change things: kept when the block ends, undone when it raises."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A transaction that only looks; SQLite lets any number of them go on beside a writing one."""
        with Session(self._reading, expire_on_commit=False) as session:
            yield session

    def close(self) -> None:
        """End all connections."""
        self.engine.dispose()

    def _migrate(self) -> None:
        """Bring the tables up to date, in one transaction that holds other processes off."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": MIGRATION_LOCK})
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def _engine(text_url: str, setting: str) -> Engine:
    try:
        url = make_url(text_url)
        if url.drivername in {"postgresql", "postgres"}:
            url = url.set(drivername="postgresql+psycopg")
        if url.get_backend_name() not in {"sqlite", "postgresql"}:
            raise SettingsError(
                f"The worklist cannot be kept in {url.get_backend_name()!r}; expected a URL that begins with sqlite: "
                f"or postgresql:. Change {setting}."
            )
        engine = create_engine(url, pool_pre_ping=True, hide_parameters=True)  # patients and hashes go into no log
    except (ArgumentError, NoSuchModuleError) as error:
        raise SettingsError(
            f"The setting {setting} is no URL of a database; expected sqlite:///FILE or "
            "postgresql+psycopg://USER:PASSWORD@HOST/NAME."
        ) from error
    except ModuleNotFoundError as error:
        raise MissingExtra("A worklist in PostgreSQL", "postgresql") from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Transactions are begun by us, wait for each other, and hold to foreign keys."""
    connection.isolation_level = None
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    """A transaction that will write asks for the lock at once: one that asks later may have to be given up."""
    is_reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if is_reading else "BEGIN IMMEDIATE")
