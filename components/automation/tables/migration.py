"""Brings automation tables of other and older programs to the present schema: missing columns and indexes are added."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Column, Connection, Index, Table, func, inspect, select, update
from sqlalchemy.schema import CreateColumn

from components.automation.tables.log import append
from components.automation.tables.records import TaskLine
from components.automation.tables.schema import POSTGRES_TRIGGERS, SQLITE_TRIGGERS, metadata, task_queue, tasks
from storage.errors import SchemaError

__all__ = ["Change", "create_missing", "pending_changes"]

_PUT_BACK: Final = "한 큐에 처리 중인 작업이 여러 개여서 대기로 되돌렸습니다"


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a migration: what it is, and what makes it."""

    text: str
    apply: Callable[[Connection, datetime], None]


def create_missing(connection: Connection, now: datetime) -> list[str]:
    """Create missing tables and columns. Existing tables keep their rows and columns.

    Returns:
        what was changed of tables that existed; nothing for a database without any.

    Raises:
        SchemaError: a table lacks a column that cannot be added.
    """
    changes = pending_changes(connection)
    metadata.create_all(connection)
    for change in changes:
        change.apply(connection, now)
    for trigger in SQLITE_TRIGGERS if connection.dialect.name == "sqlite" else POSTGRES_TRIGGERS:
        connection.exec_driver_sql(trigger)
    return [change.text for change in changes]


def pending_changes(connection: Connection) -> list[Change]:
    """What ``create_missing`` would change of the tables that exist, in order; reads only.

    Raises:
        SchemaError: as above.
    """
    found = set(inspect(connection).get_table_names())
    changes: list[Change] = []
    for table in metadata.sorted_tables:
        if table.name in found:
            changes += _columns(connection, table)
    for table in metadata.sorted_tables:
        if table.name in found:
            if table is task_queue:
                changes += _duplicates(connection)
            changes += _indexes(connection, table)
    return changes


def _columns(connection: Connection, table: Table) -> Iterator[Change]:
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    for column in table.columns:
        if column.name in there:
            continue
        name = f"{table.name}.{column.name}"
        if column.primary_key or not column.nullable:
            raise SchemaError(f"the table {table.name} has no column {column.name}, and no value for it is known")
        yield Change(f"column {name} is added", _adding(table, column))


def _adding(table: Table, column: "Column[object]") -> Callable[[Connection, datetime], None]:
    references = "".join(f" REFERENCES {key.column.table.name} ({key.column.name})" for key in column.foreign_keys)

    def add(connection: Connection, _now: datetime) -> None:
        kind = str(CreateColumn(column).compile(dialect=connection.dialect)) + references
        kind = kind.replace(" DEFAULT CURRENT_TIMESTAMP", "")  # which SQLite allows for new tables alone
        connection.exec_driver_sql(f"ALTER TABLE {table.name} ADD COLUMN {kind}")

    return add


def _indexes(connection: Connection, table: Table) -> Iterator[Change]:
    there = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    for index in sorted(table.indexes, key=lambda each: str(each.name)):
        if index.name not in there:
            yield Change(f"index {index.name} on {table.name} is added", _creating(index))


def _creating(index: Index) -> Callable[[Connection, datetime], None]:
    return lambda connection, _now: index.create(connection)


def _duplicates(connection: Connection) -> Iterator[Change]:
    """Several items of one queue that are ``processing``, as a crash leaves them: the oldest one stays."""
    queue = task_queue.c
    first = select(func.min(queue.id)).where(queue.status == "processing").group_by(queue.queue_type)
    query = select(queue.id, queue.queue_type).where(queue.status == "processing", queue.id.not_in(first))
    for row in connection.execute(query.order_by(queue.id)).all():
        yield Change(f"task_queue {row.id} ({row.queue_type}) is put back to waiting", _putting_back(row.id))


def _putting_back(queue_id: int) -> Callable[[Connection, datetime], None]:
    def put_back(connection: Connection, now: datetime) -> None:
        changed = update(task_queue).where(task_queue.c.id == queue_id).values(status="waiting", updated_at=now)
        row = connection.execute(changed.returning(task_queue.c.task_id, task_queue.c.queue_type)).one()
        if connection.execute(select(tasks.c.id).where(tasks.c.id == row.task_id)).first() is None:
            return  # a row of task_logs would be refused
        line = TaskLine(
            row.task_id, _PUT_BACK, level="warn", queue_id=queue_id, queue_type=row.queue_type, action_type="retry"
        )
        append(connection, now, [line])

    return put_back
