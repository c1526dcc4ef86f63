"""Summaries of chunks, by which searches pass over many of them at once."""

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, PrimaryKeyConstraint

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Make the table; what is stored is summarised in the background."""
    op.create_table(
        "journal_summaries",
        Column("task_key", Integer, nullable=False),
        Column("last_sequence", Integer, nullable=False),
        Column("first_sequence", Integer, nullable=False),
        Column("summary", LargeBinary, nullable=False),
        PrimaryKeyConstraint("task_key", "last_sequence"),
    )


def downgrade() -> None:
    """An older gateway would leave summaries of lines that it removes."""
    raise NotImplementedError("there is no way back to version 0007")
