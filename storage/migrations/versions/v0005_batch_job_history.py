"""What is kept of batch jobs: retries, times, failures, who works on which, and calls by day; as at this version."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, PrimaryKeyConstraint, Text, inspect

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add what is missing, and count the failures that are there; how long their keywords took is not known."""
    milliseconds = Integer().with_variant(BigInteger(), "postgresql")
    there = {column["name"] for column in inspect(op.get_bind()).get_columns("otto_batch_jobs")}
    for column in (
        Column("retries", Integer, nullable=False, server_default="0"),
        Column("retry_at", milliseconds),
        Column("queued_at", milliseconds),
        Column("first", Integer, nullable=False, server_default="0"),
        Column("failed", Integer, nullable=False, server_default="0"),
        Column("took_ms", milliseconds, nullable=False, server_default="0"),
        Column("timed", Integer, nullable=False, server_default="0"),
        Column("published", Integer, nullable=False, server_default="0"),
        Column("claim", Integer),
        Column("claimed_by", Text),
        Column("claimed_until", milliseconds),
    ):
        if column.name not in there:
            op.add_column("otto_batch_jobs", column)
    op.execute(
        "UPDATE otto_batch_jobs SET failed = (SELECT count(*) FROM otto_batch_items "
        "WHERE otto_batch_items.job_id = otto_batch_jobs.job_id AND otto_batch_items.error IS NOT NULL)"
    )
    op.create_index("otto_batch_jobs_created", "otto_batch_jobs", ["created_at", "job_id"], if_not_exists=True)
    op.create_index("otto_batch_jobs_claim", "otto_batch_jobs", ["claim"], unique=True, if_not_exists=True)
    op.create_table(
        "otto_batch_calls",
        Column("day", Text, nullable=False),
        Column("api", Text, nullable=False),
        Column("calls", Integer, nullable=False, server_default="0"),
        Column("failed", Integer, nullable=False, server_default="0"),
        PrimaryKeyConstraint("day", "api"),
        sqlite_with_rowid=False,
        if_not_exists=True,
    )


def downgrade() -> None:
    """Nothing takes the history away."""
    raise NotImplementedError("the history of jobs is not taken away")
