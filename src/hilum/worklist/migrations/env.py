"""How Alembic comes to the database: by the connection that :class:`hilum.worklist.Database` hands it."""

from __future__ import annotations

from alembic import context

from hilum.worklist.models import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
context.run_migrations()
