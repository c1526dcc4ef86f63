"""What a completed stage leaves in ``contents`` and ``tasks``, and the rows of ``task_logs`` that say so."""

import json
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import Connection, insert, update

from components.automation.tables.log import storable
from components.automation.tables.records import QueueItem, TaskLine
from components.automation.tables.schema import contents, tasks

__all__ = ["record_results"]

_TASK_COLUMNS: Final = ("script_path", "video_path", "thumbnail_path", "youtube_url")
_CONTENT_COLUMNS: Final = ("video_path", "thumbnail_path", "youtube_url")


def record_results(
    connection: Connection, item: QueueItem, task: Any, result: dict[str, Any], now: datetime
) -> list[TaskLine]:
    """Store a stage's results; a result that should be text and is not stays in the stage's row of ``task_logs``.

    Args:
        connection: of the transaction that completes the stage.
        item: what has run.
        task: its row of ``tasks``.
        result: what the stage reported.
        now: the time in UTC.

    Returns:
        rows to add to ``task_logs``.
    """
    texts = {name: storable(value) for name, value in result.items() if isinstance(value, str)}
    values: dict[str, Any] = {name: texts[name] for name in _TASK_COLUMNS if name in texts}
    lines = []
    if item.queue_type == "script":
        values["content_id"] = _insert_script(connection, task, result, texts, now)
        lines.append(_line(item, f"📝 대본 저장 완료 → contents.{values['content_id']}"))
    elif item.queue_type in ("video", "youtube"):
        made: dict[str, Any] = {name: texts[name] for name in _CONTENT_COLUMNS if name in texts}
        made |= {"type": "video"} if item.queue_type == "video" else {"published": 1}
        made |= {"status": "completed", "progress": 100, "error": None}  # an earlier try may have failed
        connection.execute(update(contents).where(contents.c.id == task["content_id"]).values(updated_at=now, **made))
        if item.queue_type == "video" and "video_path" in texts:
            lines.append(_line(item, f"🎬 영상 저장 완료 → {texts['video_path']}"))
    if values:
        connection.execute(update(tasks).where(tasks.c.id == task["id"]).values(updated_at=now, **values))
    return lines


def _insert_script(
    connection: Connection, task: Any, result: dict[str, Any], texts: dict[str, str], now: datetime
) -> str:
    content_id = str(uuid4())
    connection.execute(
        insert(contents).values(
            id=content_id,
            user_id=task["user_id"],
            type="script",
            format=task["type"],
            title=texts.get("title", task["title"]),
            content=storable(json.dumps(result.get("content", result), ensure_ascii=False)),
            status="completed",
            progress=100,
            task_id=task["id"],
            created_at=now,
            updated_at=now,
        )
    )
    return content_id


def _line(item: QueueItem, message: str) -> TaskLine:
    return TaskLine(item.task_id, message, queue_id=item.id, queue_type=item.queue_type)
