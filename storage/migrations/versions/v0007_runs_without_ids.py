"""Execution records as older programs report them: runs without ids, and which script records a summary has counted.

A table of runs that has rows, or other columns than ours, stays as it is: where its ids may not be empty, an empty text
stands for none.
"""

from typing import Final

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, inspect, text

revision = "0007"
down_revision = "0006"

_RUNS: Final = "node_execution_logs"
_FIRST: Final = f"SELECT 1 FROM {_RUNS} LIMIT 1"  # noqa: S608 - ours
_COLUMNS: Final = {
    *("id", "execution_id", "script_id", "node_id", "node_type", "node_name", "status", "started_at", "finished_at"),
    *("execution_time_ms", "parameters", "result", "error_message", "error_traceback"),
}
_Id: Final = Integer().with_variant(BigInteger(), "postgresql")


def upgrade() -> None:
    """Add what is missing; the ids of a table without rows may be empty from now on."""
    connection = op.get_bind()
    op.create_table("otto_summarised_records", Column("record_id", _Id, primary_key=True), if_not_exists=True)
    columns = {column["name"]: column for column in inspect(connection).get_columns(_RUNS)}
    if not {"id", "execution_id", "node_id", "status"} <= columns.keys():
        return  # an older application's; the component knows whether it fits
    op.create_index(
        "otto_node_logs_running",
        _RUNS,
        ["execution_id", "node_id", "status"],
        sqlite_where=text("status = 'running'"),
        postgresql_where=text("status = 'running'"),
        if_not_exists=True,
    )
    required = [name for name in ("execution_id", "node_id") if not columns[name]["nullable"]]
    if required and columns.keys() == _COLUMNS and connection.execute(text(_FIRST)).first() is None:
        with op.batch_alter_table(_RUNS, table_kwargs={"sqlite_autoincrement": True}) as table:
            for name in required:
                table.alter_column(name, nullable=True)


def downgrade() -> None:
    """Nothing takes records away."""
    raise NotImplementedError("records are not taken away")
