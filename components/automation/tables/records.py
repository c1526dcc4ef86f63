"""What the automation tables hold, as values."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from components.automation.json_objects import parse_object

__all__ = [
    "POSITION",
    "QUEUE_TYPES",
    "RETRY_SECONDS",
    "QueueItem",
    "StopReport",
    "TaskLine",
    "media_mode",
    "next_queue_type",
    "progress_line",
    "progress_of",
    "share_done",
    "whole_number",
]

QUEUE_TYPES: Final = ("schedule", "script", "image", "video", "youtube")
RETRY_SECONDS: Final = (5, 10, 30)
POSITION: Final = "stream_position"
"""In the metadata of rows that came from the stream: where they are in it. They are not sent there again."""

_NUMBER_MAX: Final = 2**53


def next_queue_type(queue_type: str, media_mode: str | None) -> str | None:
    """The stage after ``queue_type``; None after the last one. Only ``crawl`` has images of its own."""
    if queue_type == "script":
        return "image" if media_mode == "crawl" else "video"
    return {"schedule": "script", "image": "video", "video": "youtube"}.get(queue_type)


def media_mode(settings: object) -> str | None:
    """``mediaMode`` of a task's settings, a JSON object as text; None if they do not say one."""
    mode = (parse_object(settings) or {}).get("mediaMode")
    return mode if isinstance(mode, str) else None


def progress_of(given: dict[str, Any]) -> tuple[float, float] | None:
    """The numbers of ``{"current": 3, "total": 8}``, also as ``progress``; None if they cannot be counted with."""
    numbers = [given.get("current", given.get("progress")), given.get("total", 100)]
    done, total = (each if type(each) in (int, float) and abs(each) < _NUMBER_MAX else None for each in numbers)
    return None if done is None or total is None or total <= 0 else (done, total)  # NaN compares as false


def share_done(given: dict[str, Any]) -> float | None:
    """How much of such a progress is done, 0 to 1; None if it says nothing that can be counted with."""
    found = progress_of(given)
    return None if found is None else max(0.0, min(1.0, found[0] / found[1]))


def progress_line(line: "TaskLine", given: dict[str, Any]) -> "TaskLine":
    """A row of a stage's progress: a sentence, with ``{"current", "total"}`` and what else is given as its metadata.

    ``given["message"]`` is the sentence, if there is one; numbers that cannot be counted with are stored as they are.
    """
    counted = progress_of(given)
    if counted is None:
        return replace(line, action_type="progress", metadata=given)
    rest = {name: value for name, value in given.items() if name not in ("progress", "current", "total", "message")}
    said = given.get("message")
    message = said if isinstance(said, str) and said else f"{line.queue_type} {counted[0]:.12g}/{counted[1]:.12g} 완료"
    metadata = {"current": counted[0], "total": counted[1]} | rest
    return replace(line, message=message, action_type="progress", metadata=metadata)


def whole_number(value: object, default: int) -> int:
    """The number of a column; ``default`` if another program has stored none, or something else."""
    return value if isinstance(value, int) else default


@dataclass(frozen=True, slots=True)
class QueueItem:
    """One run of one stage."""

    id: int
    task_id: str
    schedule_id: int | None
    queue_type: str
    retry_count: int
    max_retry: int


@dataclass(frozen=True, slots=True)
class TaskLine:
    """One row of ``task_logs`` before it has a number."""

    task_id: str
    message: str
    level: str = "info"
    queue_id: int | None = None
    queue_type: str | None = None
    action_type: str | None = None
    pid: int | None = None
    process_name: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StopReport:
    """What a stop found; ``processing`` are the items whose processes are to be ended."""

    processing: tuple[int, ...]
    deleted_waiting: int
