"""The tables of executions, as one metadata for every database. All differences between databases are in this module.

They are in the polling database, which other programs read and write, and which may have had them before.
"""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    DateTime,
    Double,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    cast,
    func,
    inspect,
    text,
)

from storage.errors import SchemaError

__all__ = [
    "create_missing",
    "dashboard_stats",
    "is_complete",
    "log_stats",
    "metadata",
    "microseconds",
    "node_logs",
    "script_executions",
    "summaries",
    "summarised",
    "totals",
]

_Id: Final = Integer().with_variant(BigInteger(), "postgresql")
_Count: Final = _Id
_Milliseconds: Final = Integer().with_variant(Double(), "postgresql")
"""Whole numbers as a rule. SQLite keeps a fraction in an INTEGER column; other databases need the type for it."""

metadata = MetaData()

node_logs = Table(
    "node_execution_logs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("execution_id", Text),
    Column("script_id", Text),
    Column("node_id", Text),
    Column("node_type", Text),
    Column("node_name", Text),
    Column("status", Text, nullable=False),
    Column("started_at", _Milliseconds),
    Column("finished_at", _Milliseconds),
    Column("execution_time_ms", _Milliseconds),
    Column("parameters", Text),
    Column("result", Text),
    Column("error_message", Text),
    Column("error_traceback", Text),
    Index("idx_node_logs_execution_id", "execution_id"),
    Index("idx_node_logs_script_id", "script_id"),
    Index("idx_node_logs_status", "status"),
    Index("idx_node_logs_started_at", "started_at"),
    # Ours: finds the run that a report is about, in a loop that ran a node ten thousand times as well.
    Index("otto_node_logs_run", "execution_id", "node_id", "started_at"),
    # And the one that runs, if its end says another start; rows leave it when they end.
    Index(
        "otto_node_logs_running",
        "execution_id",
        "node_id",
        "status",
        sqlite_where=text("status = 'running'"),
        postgresql_where=text("status = 'running'"),
    ),
    sqlite_autoincrement=True,
)

script_executions = Table(
    "otto_script_executions",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("script_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("error_message", Text),
    Column("execution_time_ms", _Milliseconds),
    Column("created_at", DateTime, server_default=text("CURRENT_TIMESTAMP")),
    Index("otto_script_executions_script_id", "script_id"),
    sqlite_autoincrement=True,
)

summaries = Table(
    "otto_execution_summaries",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("total_executions", _Count, nullable=False),
    Column("failed_count", _Count, nullable=False),
    Column("created_at", DateTime, server_default=text("CURRENT_TIMESTAMP")),
    sqlite_autoincrement=True,
)

# The newest record that a summary has counted: a summary takes the records of its run-all, and those are newer.
summarised = Table("otto_summarised_records", metadata, Column("record_id", _Id, primary_key=True))

log_stats = Table(
    "log_stats",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("total", _Count, nullable=False, server_default="0"),
    Column("completed", _Count, nullable=False, server_default="0"),
    Column("failed", _Count, nullable=False, server_default="0"),
    Column("average_execution_time", Float, nullable=False, server_default="0"),
)

dashboard_stats = Table(
    "dashboard_stats",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("all_executions", _Count, nullable=False, server_default="0"),
    Column("all_failed_scripts", _Count, nullable=False, server_default="0"),
)

# What log_stats is made of. It has a table of its own, because an existing log_stats has no room for the sum that an
# average needs to continue from. Whole microseconds: what is added and taken away again leaves nothing.
totals = Table(
    "otto_log_totals",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("executions", _Count, nullable=False),
    Column("completed", _Count, nullable=False),
    Column("failed", _Count, nullable=False),
    Column("timed", _Count, nullable=False),
    Column("microseconds", _Count, nullable=False),
)

_OPTIONAL: Final = {log_stats.name: {"id"}, dashboard_stats.name: {"id"}}
"""Columns that an existing table need not have."""

microseconds: Final = cast(func.round(node_logs.c.execution_time_ms * 1000), BigInteger)
"""A row's time, rounded in one place: what is counted in and what is taken out again are the same number."""


def is_complete(connection: Connection) -> bool:
    """Whether there is nothing to create.

    Raises:
        SchemaError: a table is there that does not fit.
    """
    return next(iter(_missing(connection)), None) is None


def create_missing(connection: Connection) -> None:
    """Create the tables and indexes that are not there, and leave the others as they are.

    Raises:
        SchemaError: a table is there that does not fit; the text names it and what is missing.
    """
    for part in list(_missing(connection)):
        part.create(connection)


def _missing(connection: Connection) -> Iterable[Table | Index]:
    found = inspect(connection)
    tables, views = set(found.get_table_names()), set(found.get_view_names())
    for table in metadata.sorted_tables:
        if table.name in views:
            raise SchemaError(f"{table.name} is a view; the gateway needs a table that it can write to")
        if table.name not in tables:
            yield table
            continue
        _check(table, {column["name"].lower(): column for column in found.get_columns(table.name)})
        present = [tuple(index["column_names"]) for index in found.get_indexes(table.name)]
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            wanted = tuple(column.name for column in index.columns)
            if not any(columns[: len(wanted)] == wanted for columns in present):
                yield index


def _check(table: Table, columns: dict[str, object]) -> None:
    optional = _OPTIONAL.get(table.name, set())
    missing = [name for name in table.columns.keys() if name not in columns and name not in optional]  # noqa: SIM118
    if missing:
        raise SchemaError(f"the table {table.name} exists without the columns {', '.join(missing)}")
