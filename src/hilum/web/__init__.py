"""The reader: a page on this machine to load films and CT, look at them, correct masks and sign off: ``hilum serve``.

:func:`hilum.web.app.create_app` makes the service; ``docs/reader.md`` is for those who run it. This needs the extra
``web``; nothing in it is imported before it is asked for.
"""

from __future__ import annotations

from importlib.util import find_spec

from hilum.errors import MissingExtra

NEEDED = ("alembic", "argon2", "fastapi", "limits", "python_multipart", "sqlalchemy", "uvicorn")
"""Modules that the extra brings."""


def require_extra() -> None:
    """Raise MissingExtra unless the extra ``web`` is installed."""
    if any(find_spec(name) is None for name in NEEDED):
        raise MissingExtra("hilum serve", "web")
