"""How much and how often: sizes of requests, and requests in a time."""

from __future__ import annotations

import re
from collections.abc import Mapping

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import Message, Receive

from .errors import ApiError

SMALL_BYTES = 1_000_000
"""Largest body of a request that uploads nothing."""

UPLOADS = re.compile(r"/api/v1/studies(/[0-9a-f]{32}/versions)?")
"""Paths to which files are uploaded by POST."""

RATES: Mapping[str, str] = {
    "login-address": "20 per minute",
    "login-name": "10 per 5 minutes",
    "request": "2400 per minute",
}
"""What may be done how often, by kind."""


class Rates:
    """Counts of what was done lately, in this process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._limits = {kind: parse(text) for kind, text in RATES.items()}

    def count(self, kind: str, who: str) -> None:
        """Count something.

        Parameters
        ----------
        kind : one of :data:`RATES`
        who : did it

        Raises
        ------
        ApiError
            It was done too often (429).
        """
        limit = self._limits[kind]
        if not self._limiter.hit(limit, kind, who):
            seconds = limit.get_expiry()
            raise ApiError(
                429, "too-often", f"That was too often: {limit}. Wait.", headers={"Retry-After": str(seconds)}
            )


def largest_body(method: str, path: str, upload_bytes: float) -> float:
    """Bytes that a request may bring."""
    return upload_bytes if method == "POST" and UPLOADS.fullmatch(path) else SMALL_BYTES


def too_large(limit: float) -> ApiError:
    """The error of a request that brings more."""
    return ApiError(413, "too-large", f"A request may bring {limit / 1e6:,.0f} MB here; this one brings more.")


def counted(receive: Receive, limit: float) -> Receive:
    """``receive`` that raises once more has come than may, whatever the request says of its length."""
    came = 0

    async def counting() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > limit:
            raise too_large(limit)
        return message

    return counting
