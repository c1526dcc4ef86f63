"""The tables of batch jobs, in the journal's database.

One job at a time is worked on: ``claim`` is 1 in its row and NULL in all others, which the unique index
enforces among all programs that use the table. ``claimed_by`` names the gateway, and ``claimed_until`` is when another
one may take the job from it. On SQLite there is one gateway, which takes over at its start.
"""

from typing import Final

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, PrimaryKeyConstraint, Table, Text

__all__ = ["calls", "items", "jobs", "metadata"]

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
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("retry_at", _Milliseconds),
    Column("queued_at", _Milliseconds),
    Column("first", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    Column("took_ms", _Milliseconds, nullable=False, server_default="0"),
    Column("timed", Integer, nullable=False, server_default="0"),
    Column("published", Integer, nullable=False, server_default="0"),
    Column("claim", Integer),
    Column("claimed_by", Text),
    Column("claimed_until", _Milliseconds),
    Index("otto_batch_jobs_status", "status"),
    Index("otto_batch_jobs_created", "created_at", "job_id"),
    Index("otto_batch_jobs_claim", "claim", unique=True),
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

calls = Table(
    "otto_batch_calls",
    metadata,
    Column("day", Text, nullable=False),
    Column("api", Text, nullable=False),
    Column("calls", Integer, nullable=False, server_default="0"),
    Column("failed", Integer, nullable=False, server_default="0"),
    PrimaryKeyConstraint("day", "api"),
    sqlite_with_rowid=False,
)
