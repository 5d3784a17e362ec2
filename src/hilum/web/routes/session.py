"""Who am I, log in, log out."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from hilum.settings import WebSettings
from hilum.web import sessions
from hilum.web.audit import audit
from hilum.web.errors import ApiError
from hilum.web.limits import Rates
from hilum.web.security import address_of, token_in
from hilum.web.users import CurrentVisitor, Visitor, Worklist, verified

router = APIRouter(tags=["session"])


class Me(BaseModel):
    """Who asks; name, role and csrf are empty while nobody is logged in."""

    name: str
    role: str
    login_required: bool
    csrf: str


class Login(BaseModel):
    """Somebody's name and password."""

    name: str = Field(max_length=100, pattern="^[^\\x00]*$")
    password: str = Field(max_length=1000)


@router.get("/me")
def me(request: Request) -> Me:
    """Who asks."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    needed: bool = request.app.state.login_required
    if visitor is None:
        return Me(name="", role="", login_required=needed, csrf="")
    return Me(name=visitor.name, role=visitor.role, login_required=needed, csrf=visitor.csrf)


@router.post("/login")
def login(request: Request, response: Response, given: Login, worklist: Worklist) -> Me:
    """Log in; the answer sets a cookie that only the browser sees."""
    if not request.app.state.login_required:
        raise ApiError(HTTPStatus.CONFLICT, "no-login", "Nobody has to log in here.")
    rates: Rates = request.app.state.rates
    address = address_of(request.scope)
    rates.count("login-address", address)
    rates.count("login-name", given.name)
    with worklist.reading() as session:
        user = verified(session, given.name, given.password)
    settings: WebSettings = request.app.state.settings.web
    visitor = Visitor(given.name, "", address, "")
    if user is None:
        with worklist.writing() as session:
            audit(session, visitor, "login.refused")
        raise ApiError(HTTPStatus.UNAUTHORIZED, "wrong-login", "The name or the password is wrong.")
    with worklist.writing() as session:
        token, row = sessions.begin(session, user, address=address, hours=settings.session_hours)
        audit(session, visitor, "login")
    response.set_cookie(
        sessions.COOKIE,
        token,
        max_age=int(settings.session_hours * 3600),
        path="/",
        secure=bool(settings.tls_cert) or request.headers.get("origin", "").startswith("https:"),  # TLS by a proxy
        httponly=True,
        samesite="strict",
    )
    return Me(name=user.name, role=user.role, login_required=True, csrf=row.csrf)


@router.post("/logout", status_code=HTTPStatus.NO_CONTENT)
def logout(request: Request, response: Response, visitor: CurrentVisitor, worklist: Worklist) -> None:
    """End this login."""
    with worklist.writing() as session:
        sessions.end(session, token_in(request.headers))
        audit(session, visitor, "logout")
    response.delete_cookie(sessions.COOKIE, path="/", httponly=True, samesite="strict")
