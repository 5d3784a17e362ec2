"""Users, for admins."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from sqlalchemy import select

from hilum.provenance import Json
from hilum.web import sessions
from hilum.web.audit import audit
from hilum.web.errors import ApiError
from hilum.web.users import AdminVisitor, Worklist, add_user, has_admin, hashed
from hilum.worklist import User

router = APIRouter(tags=["users"])

Role = Literal["reader", "admin"]
Name = Annotated[str, Path(min_length=1, max_length=100)]


class UserOut(BaseModel):
    """A user, without what is kept of the password."""

    name: str
    role: Role
    created: datetime
    disabled: bool


class Users(BaseModel):
    """All users."""

    items: list[UserOut]


class NewUser(BaseModel):
    """Somebody who shall be able to log in."""

    name: str = Field(min_length=1, max_length=100)
    password: str = Field(max_length=1000)
    role: Role = "reader"


class Change(BaseModel):
    """What shall be different; what is left out stays."""

    role: Role | None = None
    password: str | None = Field(default=None, max_length=1000)
    disabled: bool | None = None


@router.get("/users")
def users(_: AdminVisitor, worklist: Worklist) -> Users:
    """All users, by name."""
    with worklist.reading() as session:
        return Users(items=[_out(user) for user in session.scalars(select(User).order_by(User.name))])


@router.post("/users", status_code=HTTPStatus.CREATED)
def add(given: NewUser, visitor: AdminVisitor, worklist: Worklist) -> UserOut:
    """Add a user."""
    password_hash = hashed(given.password)  # slow, and so not within the transaction
    with worklist.writing() as session:
        user = add_user(session, given.name, password_hash, given.role)
        session.flush()
        audit(session, visitor, "user.add", detail={"name": user.name, "role": user.role})
        return _out(user)


@router.patch("/users/{name}")
def change(name: Name, given: Change, visitor: AdminVisitor, worklist: Worklist) -> UserOut:
    """Change a user's role or password, or keep them from logging in; their logins end with it."""
    password_hash = None if given.password is None else hashed(given.password)
    with worklist.writing() as session:
        user = session.get(User, name) if "\0" not in name else None
        if user is None:
            raise ApiError(HTTPStatus.NOT_FOUND, "no-such-user", "There is no such user.")
        had_admin = has_admin(session)
        if given.role is not None:
            user.role = given.role
        if given.disabled is not None:
            user.disabled = given.disabled
        if password_hash is not None:
            user.password_hash = password_hash
        session.flush()
        if had_admin and not has_admin(session):
            raise ApiError(HTTPStatus.CONFLICT, "last-admin", "Nobody would be left who may manage users.")
        sessions.end_all(session, name)
        changed: list[Json] = [key for key, value in given.model_dump().items() if value is not None]
        audit(session, visitor, "user.change", detail={"name": name, "changed": changed, "role": user.role})
        return _out(user)


def _out(user: User) -> UserOut:
    return UserOut.model_validate(user, from_attributes=True)
