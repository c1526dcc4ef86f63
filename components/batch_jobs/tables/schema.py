"""The tables of batch jobs, in the journal's database."""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text

__all__ = ["items", "jobs", "metadata"]

_Milliseconds: Final = Integer().with_variant(BigInteger(), "postgresql")
"""Since the Unix epoch."""

metadata = MetaData()

jobs = Table(
    "otto_batch_jobs",
    metadata,
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

# ``begun`` is written before a keyword is asked for, the rest with its result: a row with the one and without the other
# is what a crash interrupted.
items = Table(
    "otto_batch_items",
    metadata,
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
