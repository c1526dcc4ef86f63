"""The tables of batch jobs, as they were at this version."""

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text

revision = "0004"
down_revision = "0003"

_Milliseconds: Final = Integer().with_variant(BigInteger(), "postgresql")

_METADATA: Final = MetaData()

Table(
    "otto_batch_jobs",
    _METADATA,
    Column("job_id", Text, primary_key=True),
    Column("priority", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("current", Integer, nullable=False, server_default="0"),
    Column("total", Integer, nullable=False),
    Column("error", Text),
    Column("created_at", _Milliseconds, nullable=False),
    Column("started_at", _Milliseconds),
    Column("completed_at", _Milliseconds),
    Index("otto_batch_jobs_status", "status"),
)

Table(
    "otto_batch_items",
    _METADATA,
    Column("job_id", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Column("keyword", Text, nullable=False),
    Column("begun", Integer, nullable=False, server_default="0"),
    Column("counts", Text),
    Column("error", Text),
    Column("done_at", _Milliseconds),
    PrimaryKeyConstraint("job_id", "position"),
    sqlite_with_rowid=False,
)


def upgrade() -> None:
    """Create them."""
    _METADATA.create_all(op.get_bind())


def downgrade() -> None:
    """Nothing takes jobs away."""
    raise NotImplementedError("jobs are not taken away")
