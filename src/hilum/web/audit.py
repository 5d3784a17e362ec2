"""The audit trail: who did what, and when."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.orm import Session

from hilum.provenance import Json
from hilum.worklist import AuditEntry

from .users import Visitor


def audit(
    session: Session,
    visitor: Visitor,
    action: str,
    study_id: str | None = None,
    detail: Mapping[str, Json] | None = None,
) -> None:
    """Add a line to the trail, in the transaction of what was done.

    Parameters
    ----------
    session : of the transaction
    visitor : who did it
    action : such as ``study.upload``
    study_id : of the study concerned, None for none
    detail : what else there is to say; no passwords, no pixels
    """
    session.add(
        AuditEntry(
            user=visitor.name, address=visitor.address[:64], action=action, study_id=study_id, detail=dict(detail or {})
        )
    )
