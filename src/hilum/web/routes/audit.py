"""The audit trail, for admins."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlalchemy import func, select

from hilum.web.users import AdminVisitor, Worklist
from hilum.worklist import AuditEntry

router = APIRouter(tags=["audit"])


class Entry(BaseModel):
    """Who did what, and when."""

    id: int
    time: datetime
    user: str
    address: str
    action: str
    study_id: str | None
    detail: dict[str, Any]


class Trail(BaseModel):
    """A page of the trail, the newest first."""

    items: list[Entry]
    total: int
    page: int
    size: int


@router.get("/audit")
def trail(
    _: AdminVisitor,
    worklist: Worklist,
    study: Annotated[str, Query(pattern="^([0-9a-f]{32})?$")] = "",
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    size: Annotated[int, Query(ge=1, le=500)] = 50,
) -> Trail:
    """What was done, of one study or of all."""
    wanted = [AuditEntry.study_id == study] if study else []
    with worklist.reading() as session:
        total = session.scalar(select(func.count()).select_from(AuditEntry).where(*wanted)) or 0
        rows = session.scalars(
            select(AuditEntry).where(*wanted).order_by(AuditEntry.id.desc()).offset((page - 1) * size).limit(size)
        )
        items = [Entry.model_validate(row, from_attributes=True) for row in rows]
    return Trail(items=items, total=total, page=page, size=size)
