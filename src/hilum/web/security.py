"""What stands before every request, as ASGI middleware: headers of every answer, and the guard of the API.

The guard decides before a byte of the body is read, and for every path of the API, so that no route can forget it.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Collection
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hilum.worklist import Database

from .errors import ApiError, problem
from .limits import Rates, counted, largest_body, too_large
from .sessions import COOKIE, visitor_of
from .users import LOCAL, Visitor

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "style-src 'self'",
        "img-src 'self' blob: data:",
        "connect-src 'self' blob:",
        "worker-src 'self' blob:",
        "font-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
"""Content-Security-Policy of every answer that brings none of its own."""

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""Headers of every answer, unless it brings its own."""

CSRF_HEADER = "x-hilum-csrf"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OPEN = frozenset({"/api/v1/me", "/api/v1/login", "/api/v1/health"})
"""Paths of the API that answer without a login."""


class SecurityHeaders:
    """Adds :data:`HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, sending if scope["type"] == "http" else send)


class Guard:
    """Lets through what may come through: host, origin, size, login, CSRF, rate.

    Parameters
    ----------
    app : behind it
    database : with users and sessions
    names : that browsers may call this service by, beside plain addresses and ``localhost``
    login_required : False makes everybody the local admin
    local_csrf : what unsafe requests have to name where nobody logs in
    upload_bytes : largest body of an upload
    rates : of requests
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        database: Database,
        names: Collection[str],
        login_required: bool,
        local_csrf: str,
        upload_bytes: float,
        rates: Rates,
    ) -> None:
        self._app, self._database, self._rates = app, database, rates
        self._names = frozenset(name.lower() for name in names) | {"localhost"}
        self._login_required, self._local_csrf, self._upload_bytes = login_required, local_csrf, upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = largest_body(scope["method"], scope["path"], self._upload_bytes)
        try:
            await self._check(scope, limit)
        except ApiError as error:
            await problem(error.status_code, error.code, str(error.detail), error.headers)(scope, receive, send)
            return
        await self._app(scope, counted(receive, limit), send)

    async def _check(self, scope: Scope, limit: float) -> None:
        headers, method, path = Headers(scope=scope), scope["method"], scope["path"]
        host = headers.get("host", "")
        if not host_allowed(host, self._names):
            raise ApiError(
                HTTPStatus.MISDIRECTED_REQUEST,
                "unknown-host",
                f"This service is not called {host!r}. Whoever runs it can list the name in web.allowed_hosts.",
            )
        _check_length(headers, limit)
        if method not in SAFE and not same_origin(headers):
            raise ApiError(HTTPStatus.FORBIDDEN, "other-origin", "The request comes from a page of another site.")
        if not path.startswith("/api/"):
            return
        visitor = await self._visitor(scope, headers)
        scope.setdefault("state", {})["visitor"] = visitor
        if visitor is None:
            if path not in OPEN:
                raise ApiError(HTTPStatus.UNAUTHORIZED, "login-required", "Log in first.")
            return
        if self._login_required:
            self._rates.count("request", visitor.name)
        if method not in SAFE and path not in OPEN:
            _check_csrf(headers, visitor)

    async def _visitor(self, scope: Scope, headers: Headers) -> Visitor | None:
        address = address_of(scope)
        if not self._login_required:
            return Visitor(LOCAL, "admin", address, self._local_csrf)
        token = token_in(headers)
        return None if not token else await run_in_threadpool(self._logged_in, token, address)

    def _logged_in(self, token: str, address: str) -> Visitor | None:
        with self._database.reading() as session:
            return visitor_of(session, token, address=address)


def address_of(scope: Scope) -> str:
    """The address that a request came from; empty where the server does not tell."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def token_in(headers: Headers) -> str:
    """The token of the login that a browser sends; empty for none."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if found is None else found.value


def host_allowed(host: str, names: Collection[str]) -> bool:
    """Whether a Host header may be answered: a plain address, or one of ``names``.

    A page of another site can have its own name point to this machine and then ask it as its own ("DNS rebinding");
    it can not do so with an address.
    """
    try:
        name = (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return False
    if name in names:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(headers: Headers) -> bool:
    """Whether a request comes from one of our pages, or from no page at all."""
    if headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        place = urlsplit(origin).netloc
    except ValueError:
        return False
    return bool(place) and place.lower() == headers.get("host", "").lower()


def _check_length(headers: Headers, limit: float) -> None:
    told = headers.get("content-length")
    if told is None:
        return
    if not (told.isascii() and told.isdigit()):
        raise ApiError(HTTPStatus.BAD_REQUEST, "bad-length", "The Content-Length is no number.")
    if len(told) > 15 or int(told) > limit:
        raise too_large(limit)


def _check_csrf(headers: Headers, visitor: Visitor) -> None:
    if not hmac.compare_digest(headers.get(CSRF_HEADER, "").encode(), visitor.csrf.encode()):
        raise ApiError(
            HTTPStatus.FORBIDDEN,
            "csrf",
            "The header X-Hilum-CSRF has to hold the value csrf of /api/v1/me. Load the page again.",
        )
