"""The routes of the API, one module a subject; each has a ``router`` without the prefix ``/api/v1``."""

from __future__ import annotations

from fastapi import APIRouter

from . import audit, health, session, users

ROUTERS: tuple[APIRouter, ...] = (session.router, users.router, audit.router, health.router)
"""All of them."""
