"""What retention needs to know: the bytes of each task, and when records were stored."""

import time

from alembic import op
from sqlalchemy import Column, Integer, text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Count what is there; as for its age, only that it is not younger than this moment."""
    op.add_column("journal_tasks", Column("stored_bytes", Integer, nullable=False, server_default="0"))
    op.execute(
        "UPDATE journal_tasks SET stored_bytes = (SELECT coalesce(sum(length(payload)), 0) FROM journal_records "
        "WHERE journal_records.task_key = journal_tasks.task_key AND kind = 0)"
    )
    op.create_table(
        "journal_marks",
        Column("record_id", Integer, primary_key=True),
        Column("at", Integer, nullable=False),
    )
    op.execute(
        text(
            "INSERT INTO journal_marks (record_id, at) SELECT max(record_id), :now FROM journal_records "
            "HAVING max(record_id) IS NOT NULL"
        ).bindparams(now=int(time.time()))
    )


def downgrade() -> None:
    """An older gateway does not know what retention has taken away."""
    raise NotImplementedError("there is no way back to version 0001")
