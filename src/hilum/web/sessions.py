"""Logins: the browser holds a random token, the database its hash."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hilum.worklist import SessionRow, User
from hilum.worklist.models import now

from .users import Visitor

COOKIE = "hilum_session"
"""Name of the cookie that holds the token."""


def begin(session: Session, user: User, *, address: str, hours: float) -> tuple[str, SessionRow]:
    """A new login, and the token for the browser; logins that are over are removed."""
    session.execute(delete(SessionRow).where(SessionRow.expires <= now()))
    token = secrets.token_urlsafe(32)
    row = SessionRow(
        token_hash=token_hash(token),
        user=user.name,
        csrf=secrets.token_urlsafe(32),
        expires=now() + timedelta(hours=hours),
        address=address[:64],
    )
    session.add(row)
    return token, row


def visitor_of(session: Session, token: str, *, address: str) -> Visitor | None:
    """Whoever holds the token; None if the login is over, or the user may not log in now."""
    found = session.execute(
        select(SessionRow, User)
        .join(User, SessionRow.user == User.name)
        .where(SessionRow.token_hash == token_hash(token), SessionRow.expires > now(), User.disabled.is_(False))
    ).one_or_none()
    if found is None:
        return None
    row, user = found
    return Visitor(user.name, user.role, address, row.csrf)


def end(session: Session, token: str) -> None:
    """End a login."""
    session.execute(delete(SessionRow).where(SessionRow.token_hash == token_hash(token)))


def end_all(session: Session, name: str) -> None:
    """End every login of a user."""
    session.execute(delete(SessionRow).where(SessionRow.user == name))


def token_hash(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode()).hexdigest()
