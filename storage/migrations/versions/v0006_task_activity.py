"""The newest chunk of each task, and an index by it: lists of tasks no longer look at all of them."""

from alembic import op
from sqlalchemy import Column, Integer, text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Look up the newest chunk of each task that has lines."""
    op.add_column("journal_tasks", Column("last_record", Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE journal_tasks SET last_record = coalesce((SELECT record_id FROM journal_records r "
        "WHERE r.task_key = journal_tasks.task_key AND kind = 0 ORDER BY r.last_sequence DESC LIMIT 1), 0)"
    )
    op.create_index(
        "journal_tasks_by_activity",
        "journal_tasks",
        ["end_status", "last_record"],
        sqlite_where=text("last_record > 0"),
    )


def downgrade() -> None:
    """An older gateway would not keep it up to date."""
    raise NotImplementedError("there is no way back to version 0005")
