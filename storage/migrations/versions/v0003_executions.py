"""The tables of executions, for polling tables in the journal's database; elsewhere the component makes them itself.

They are as they were at this version: a migration means the same for ever, whatever the component changes later.
"""

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, Double, Float, Index, Integer, MetaData, Table, Text, text

revision = "0003"
down_revision = "0002"

_Id: Final = Integer().with_variant(BigInteger(), "postgresql")
_Count: Final = _Id
_Milliseconds: Final = Integer().with_variant(Double(), "postgresql")

_METADATA: Final = MetaData()

Table(
    "node_execution_logs",
    _METADATA,
    Column("id", _Id, primary_key=True),
    Column("execution_id", Text, nullable=False),
    Column("script_id", Text),
    Column("node_id", Text, nullable=False),
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
    Index("otto_node_logs_run", "execution_id", "node_id", "started_at"),
    sqlite_autoincrement=True,
)

Table(
    "otto_script_executions",
    _METADATA,
    Column("id", _Id, primary_key=True),
    Column("script_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("error_message", Text),
    Column("execution_time_ms", _Milliseconds),
    Column("created_at", DateTime, server_default=text("CURRENT_TIMESTAMP")),
    Index("otto_script_executions_script_id", "script_id"),
    sqlite_autoincrement=True,
)

Table(
    "otto_execution_summaries",
    _METADATA,
    Column("id", _Id, primary_key=True),
    Column("total_executions", _Count, nullable=False),
    Column("failed_count", _Count, nullable=False),
    Column("created_at", DateTime, server_default=text("CURRENT_TIMESTAMP")),
    sqlite_autoincrement=True,
)

Table(
    "log_stats",
    _METADATA,
    Column("id", _Id, primary_key=True),
    Column("total", _Count, nullable=False, server_default="0"),
    Column("completed", _Count, nullable=False, server_default="0"),
    Column("failed", _Count, nullable=False, server_default="0"),
    Column("average_execution_time", Float, nullable=False, server_default="0"),
)

Table(
    "dashboard_stats",
    _METADATA,
    Column("id", _Id, primary_key=True),
    Column("all_executions", _Count, nullable=False, server_default="0"),
    Column("all_failed_scripts", _Count, nullable=False, server_default="0"),
)

Table(
    "otto_log_totals",
    _METADATA,
    Column("id", _Id, primary_key=True),
    Column("executions", _Count, nullable=False),
    Column("completed", _Count, nullable=False),
    Column("failed", _Count, nullable=False),
    Column("timed", _Count, nullable=False),
    Column("microseconds", _Count, nullable=False),
)


def upgrade() -> None:
    """Create missing tables; those of an older application are left to the component, which knows if they fit."""
    _METADATA.create_all(op.get_bind())


def downgrade() -> None:
    """Nothing takes records away."""
    raise NotImplementedError("records are not taken away")
