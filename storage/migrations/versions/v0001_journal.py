"""The journal: tasks, records, workers, producers' numbers, stages."""

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, PrimaryKeyConstraint, Text

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "journal_meta",
        Column("name", Text, primary_key=True),
        Column("value", Text, nullable=False),
    )
    op.create_table(
        "journal_tasks",
        Column("task_key", Integer, primary_key=True),
        Column("task_id", Text, nullable=False, unique=True),
        Column("first_sequence", Integer, nullable=False, server_default="1"),
        Column("last_sequence", Integer, nullable=False, server_default="0"),
        Column("end_status", Text),
        Column("end_timestamp", Text),
        Column("end_reason", Text),
        Column("end_through_status", Integer),
    )
    op.create_table(
        "journal_records",
        Column("record_id", Integer, primary_key=True),
        Column("task_key", Integer, nullable=False),
        Column("kind", Integer, nullable=False),
        Column("first_sequence", Integer, nullable=False),
        Column("last_sequence", Integer, nullable=False),
        Column("levels", Integer, nullable=False),
        Column("earliest", Text, nullable=False),
        Column("latest", Text, nullable=False),
        Column("codec", Integer, nullable=False),
        Column("raw_size", Integer, nullable=False),
        Column("checksum", Integer, nullable=False),
        Column("payload", LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("journal_records_by_task", "journal_records", ["task_key", "kind", "last_sequence"])
    op.create_table(
        "journal_workers",
        Column("task_key", Integer, nullable=False),
        Column("worker_id", Text, nullable=False),
        Column("status", Text, nullable=False, server_default=""),
        Column("reason", Text, nullable=False, server_default=""),
        Column("metadata", Text),
        PrimaryKeyConstraint("task_key", "worker_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal_producers",
        Column("producer_id", Text, primary_key=True),
        Column("number", Integer, nullable=False),
        Column("updated_at", Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "journal_stages",
        Column("pipeline_id", Text, nullable=False),
        Column("stage_id", Text, nullable=False),
        Column("number", Integer, nullable=False),
        Column("document", LargeBinary, nullable=False),
        PrimaryKeyConstraint("pipeline_id", "stage_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """The journal is the truth; nothing takes it away."""
    raise NotImplementedError("there is nothing before version 0001")
