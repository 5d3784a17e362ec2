"""Every error of the service as JSON: a code for programs and a sentence for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteError

from hilum.errors import Error, code_of

LOG = logging.getLogger(__name__)


class Problem(BaseModel):
    """What every error says."""

    code: str
    message: str


class ApiError(HTTPException):
    """A request that cannot be granted.

    Parameters
    ----------
    status : of HTTP, 400 to 499
    code : for programs, such as ``no-such-study``
    message : the sentence for the person who must act on it
    headers : to answer with
    """

    def __init__(self, status: int, code: str, message: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail=message, headers=dict(headers or {}))
        self.code = code


def problem(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as it is answered."""
    return JSONResponse({"code": code, "message": message}, status_code=status, headers=headers)


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "The request cannot be granted; the message says why."}
}
"""What every route may answer besides its own."""


def handle_errors(app: FastAPI) -> None:
    """Let every error of ``app`` be answered in our form."""

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, ApiError):
            return problem(error.status_code, error.code, str(error.detail), error.headers)
        status = error.status_code if isinstance(error, StarletteError) else HTTPStatus.BAD_REQUEST
        name = HTTPStatus(status).phrase
        headers = error.headers if isinstance(error, StarletteError) else None
        return problem(status, name.lower().replace(" ", "-"), f"{name}.", headers)

    async def on_invalid(_: Request, error: Exception) -> JSONResponse:
        found = error.errors() if isinstance(error, RequestValidationError) else []
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", " ".join(map(_sentence, found)) or "Not valid.")

    async def on_ours(_: Request, error: Exception) -> JSONResponse:
        code = code_of(error) if isinstance(error, Error) else "error"
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, code, str(error))

    async def on_defect(request: Request, error: Exception) -> JSONResponse:
        LOG.error("defect in %s %s: %s", request.method, request.url.path, type(error).__name__, exc_info=error)
        message = f"{type(error).__name__}. This is a defect of Hilum; please report it. The server's log says more."
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", message)

    app.add_exception_handler(StarletteError, on_http)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(Error, on_ours)
    app.add_exception_handler(Exception, on_defect)


def _sentence(found: Mapping[str, Any]) -> str:
    """What is wrong with one part of a request; never what was sent, which might be a password."""
    where = ".".join(str(part) for part in found["loc"][1:]) or found["loc"][0]
    return f"{where}: {found['msg']}."
