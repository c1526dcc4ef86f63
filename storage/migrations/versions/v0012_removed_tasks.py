"""Rows of tasks without lines can go: when, and how far each task was counted."""

import time

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column, Integer

revision = "0012"
down_revision = "0008"

_IDLE_SECONDS = 90 * 86400


def upgrade() -> None:
    """Those that have lost their lines and have ended go with the next pass of retention."""
    op.create_table(
        "journal_removed_tasks",
        Column("name_hash", Integer, primary_key=True),
        Column("last_sequence", Integer, nullable=False),
        Column("has_failed", Integer),
        Column("ended_at", Integer),
    )
    op.add_column("journal_tasks", Column("removable_at", Integer, nullable=False, server_default="0"))
    op.execute(
        sa.text(
            "UPDATE journal_tasks SET removable_at = :at WHERE last_record = 0 "
            "AND (end_status IS NULL OR last_sequence = 0)"
        ).bindparams(at=int(time.time()) + _IDLE_SECONDS)
    )
    op.create_index(
        "journal_tasks_removable", "journal_tasks", ["removable_at"], sqlite_where=sa.text("last_record = 0")
    )


def downgrade() -> None:
    """An older gateway would count removed tasks from 1 again."""
    raise NotImplementedError("there is no way back to version 0008")
