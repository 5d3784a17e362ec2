"""Whether the service lives."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import func, select

from hilum import __version__
from hilum.web.users import Worklist
from hilum.worklist import Study

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The service lives; ``queue`` studies wait or are in work."""

    status: str
    version: str
    queue: int


@router.get("/health")
def health(worklist: Worklist) -> Health:
    """Whether the service lives."""
    with worklist.reading() as session:
        waiting = session.scalar(select(func.count()).select_from(Study).where(Study.state.in_(("queued", "running"))))
    return Health(status="ok", version=__version__, queue=waiting or 0)
