"""The worklist: studies, their versions, readers' scores, sign-offs, users and the audit trail, in one database.

The reader (``hilum serve``) and the node (``hilum node``) write to the same one: SQLite in a file, or PostgreSQL by
URL. :class:`Database` opens it and brings its tables up to date. This needs the extra ``web``.
"""

from __future__ import annotations

from .database import Database
from .models import AuditEntry, ReaderScore, SessionRow, SignOff, Study, User, Version

__all__ = ["AuditEntry", "Database", "ReaderScore", "SessionRow", "SignOff", "Study", "User", "Version"]
