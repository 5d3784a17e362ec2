"""Who asks: users, their passwords, and what a route learns of them."""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Depends, Request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hilum.worklist import Database, User
from hilum.worklist.models import ROLES

from .errors import ApiError

LOCAL = "local"
"""Name of the one user there is where nobody has to log in."""

SHORTEST, LONGEST = 12, 1000
"""Characters that a password may have."""

_HASHER = PasswordHasher()
_TURN = threading.BoundedSemaphore(2)  # each hash takes 64 MB for its time
_NOBODY = _HASHER.hash("a password of nobody, so that unknown names take as long as known ones")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever made a request.

    Attributes
    ----------
    name : of the user
    role : ``reader`` or ``admin``
    address : that the request came from
    csrf : what unsafe requests of this login have to name
    """

    name: str
    role: str
    address: str
    csrf: str


def current_visitor(request: Request) -> Visitor:
    """The user of a request, as the guard found it.

    Raises
    ------
    ApiError
        Nobody is logged in (401).
    """
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is None:
        raise ApiError(HTTPStatus.UNAUTHORIZED, "login-required", "Log in first.")
    return visitor


def admin_visitor(visitor: Annotated[Visitor, Depends(current_visitor)]) -> Visitor:
    """The user of a request, who is an admin.

    Raises
    ------
    ApiError
        Nobody is logged in (401), or a reader (403).
    """
    if visitor.role != "admin":
        raise ApiError(HTTPStatus.FORBIDDEN, "admins-only", "Only an admin may do this.")
    return visitor


def database(request: Request) -> Database:
    """The worklist of the service."""
    found: Database = request.app.state.database
    return found


CurrentVisitor = Annotated[Visitor, Depends(current_visitor)]
"""Type of a route's parameter: whoever asks."""

AdminVisitor = Annotated[Visitor, Depends(admin_visitor)]
"""Type of a route's parameter: whoever asks, who has to be an admin."""

Worklist = Annotated[Database, Depends(database)]
"""Type of a route's parameter: the database."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def hashed(password: str) -> str:
    """A password as it is kept, by Argon2id.

    Raises
    ------
    ApiError
        It is too short or too long (422).
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "weak-password",
            f"A password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}.",
        )
    with _TURN:
        return _HASHER.hash(password)


def verified(session: Session, name: str, password: str) -> User | None:
    """The user of that name and password; None if there is none, or may not log in now."""
    user = session.get(User, name)
    known = user.password_hash if user is not None else _NOBODY
    try:
        with _TURN:
            _HASHER.verify(known, password)
    except (VerificationError, InvalidHashError):
        return None
    return None if user is None or user.disabled else user


def add_user(session: Session, name: str, password_hash: str, role: str) -> User:
    """A new user, with a password by :func:`hashed`.

    Raises
    ------
    ApiError
        The name is taken (409), or the name or role cannot be used (422).
    """
    if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= 100:
        raise ApiError(
            HTTPStatus.UNPROCESSABLE_ENTITY, "bad-name", "A name has 1 to 100 printable characters, no space around it."
        )
    if role not in ROLES:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-role", f"A role is one of {', '.join(ROLES)}.")
    if session.get(User, name) is not None:
        raise ApiError(HTTPStatus.CONFLICT, "name-taken", f"There is a user {name!r} already.")
    user = User(name=name, role=role, password_hash=password_hash, disabled=False)
    session.add(user)
    return user


def has_admin(session: Session) -> bool:
    """Whether there is an admin who may log in."""
    return _count(session, User.role == "admin", User.disabled.is_(False)) > 0


def has_users(session: Session) -> bool:
    """Whether there is any user."""
    return _count(session) > 0


def _count(session: Session, *wanted: object) -> int:
    return session.scalar(select(func.count()).select_from(User).where(*wanted)) or 0  # pyright: ignore[reportArgumentType]
