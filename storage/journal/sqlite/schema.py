"""The tables of the journal, as one metadata; migrations bring a database to it."""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, PrimaryKeyConstraint, Table, Text, text

__all__ = ["metadata"]

metadata = MetaData()

meta = Table(
    "journal_meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

tasks = Table(
    "journal_tasks",
    metadata,
    Column("task_key", Integer, primary_key=True),
    Column("task_id", Text, nullable=False, unique=True),
    Column("first_sequence", Integer, nullable=False, server_default="1"),
    Column("last_sequence", Integer, nullable=False, server_default="0"),
    Column("end_status", Text),  # NULL: open
    Column("end_timestamp", Text),
    Column("end_reason", Text),
    Column("end_through_status", Integer),
    Column("stored_bytes", Integer, nullable=False, server_default="0"),  # of the payloads that are there
    Column("last_record", Integer, nullable=False, server_default="0"),  # the newest chunk; 0: it has none
    Column("removable_at", Integer, nullable=False, server_default="0"),  # Unix seconds; where it has no lines
    # Those that have lines, by status and activity. A task that is written to moves at its end: few pages, always the
    # same ones.
    Index("journal_tasks_by_activity", "end_status", "last_record", sqlite_where=text("last_record > 0")),
    # Those that have none, for retention.
    Index("journal_tasks_removable", "removable_at", sqlite_where=text("last_record = 0")),
)

# Tasks whose rows are gone, see storage.journal.removed_tasks: some 26 bytes each.
removed_tasks = Table(
    "journal_removed_tasks",
    metadata,
    Column("name_hash", Integer, primary_key=True),
    Column("last_sequence", Integer, nullable=False),
    Column("has_failed", Integer),  # NULL: it had not ended
    Column("ended_at", Integer),  # Unix seconds
)

# When records were stored: all up to record_id at the time ``at`` or before it. One row per look of the retention, not
# a column of each record: a column after the payload could be read only by going through all of it.
marks = Table(
    "journal_marks",
    metadata,
    Column("record_id", Integer, primary_key=True),
    Column("at", Integer, nullable=False),  # Unix seconds
)

# A record is either a chunk of lines or the end of a task. record_id is the order of commits over all tasks, which
# sinks follow; it must never be given twice, hence AUTOINCREMENT.
records = Table(
    "journal_records",
    metadata,
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
    Column("payload", LargeBinary, nullable=False),  # last, so that SQLite finds the others without reading past it
    Index("journal_records_by_task", "task_key", "kind", "last_sequence"),
    sqlite_autoincrement=True,
)

# What is known of the text of consecutive chunks of a task; see filters.text_summary. Empty: nothing.
summaries = Table(
    "journal_summaries",
    metadata,
    Column("task_key", Integer, nullable=False),
    Column("last_sequence", Integer, nullable=False),
    Column("first_sequence", Integer, nullable=False),
    Column("summary", LargeBinary, nullable=False),
    PrimaryKeyConstraint("task_key", "last_sequence"),
)

workers = Table(
    "journal_workers",
    metadata,
    Column("task_key", Integer, nullable=False),
    Column("worker_id", Text, nullable=False),
    Column("status", Text, nullable=False, server_default=""),
    Column("reason", Text, nullable=False, server_default=""),
    Column("metadata", Text),
    PrimaryKeyConstraint("task_key", "worker_id"),
    sqlite_with_rowid=False,
)

producers = Table(
    "journal_producers",
    metadata,
    Column("producer_id", Text, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("updated_at", Integer, nullable=False),  # Unix seconds
    sqlite_with_rowid=False,
)

stages = Table(
    "journal_stages",
    metadata,
    Column("pipeline_id", Text, nullable=False),
    Column("stage_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("document", LargeBinary, nullable=False),
    PrimaryKeyConstraint("pipeline_id", "stage_id"),
    sqlite_with_rowid=False,
)
