"""The routes of the API, one module a subject; each has a ``router`` without the prefix ``/api/v1``."""

from __future__ import annotations

from fastapi import APIRouter

from . import audit, compare, health, scores, session, studies, users, versions

ROUTERS: tuple[APIRouter, ...] = (
    session.router,
    users.router,
    audit.router,
    studies.router,
    versions.router,
    scores.router,
    compare.router,
    health.router,
)
"""All of them."""
