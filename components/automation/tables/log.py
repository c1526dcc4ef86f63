"""Rows of ``task_logs`` in the transaction of what they report; a forwarder sends them on by their numbers."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from components.automation.tables.records import TaskLine
from components.automation.tables.schema import courier_progress, task_logs

__all__ = ["append", "progress", "rows_after", "save_progress", "storable"]


def append(connection: Connection, now: datetime, lines: Sequence[TaskLine]) -> None:
    """Add rows in the order of ``lines``; a level that the table does not know is kept in ``metadata.level``."""
    if not lines:
        return
    rows = []
    for line in lines:
        level = line.level.lower()
        metadata = dict(line.metadata)
        if level not in ("info", "warn", "error"):
            metadata.setdefault("level", line.level.upper())
            level = "error" if level == "fatal" else "info"
        rows.append(
            {
                "task_id": line.task_id,
                "queue_id": line.queue_id,
                "level": level,
                "message": storable(line.message),
                "action_type": line.action_type,
                "queue_type": line.queue_type,
                "pid": line.pid,
                "process_name": line.process_name,
                "metadata": storable(json.dumps(metadata, ensure_ascii=False)) if metadata else None,
                "created_at": line.created_at or now,
            }
        )
    connection.execute(insert(task_logs), rows)


def storable(text: str) -> str:
    """Text as UTF-8 can hold it: lone surrogates are replaced with ``?``."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def rows_after(connection: Connection, after_id: int, limit: int) -> list[dict[str, Any]]:
    """The next rows by number, at most ``limit``."""
    found = connection.execute(select(task_logs).where(task_logs.c.id > after_id).order_by(task_logs.c.id).limit(limit))
    return [dict(row) for row in found.mappings()]


def progress(connection: Connection, forwarder: str) -> int:
    """The number of the last row that a forwarder has delivered; 0: none."""
    query = select(courier_progress.c.log_id).where(courier_progress.c.courier == forwarder)
    return connection.execute(query).scalar() or 0


def save_progress(connection: Connection, forwarder: str, log_id: int) -> None:
    """Note the last row that was delivered."""
    connection.execute(delete(courier_progress).where(courier_progress.c.courier == forwarder))
    connection.execute(insert(courier_progress).values(courier=forwarder, log_id=log_id))
