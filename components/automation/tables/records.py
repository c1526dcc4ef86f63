"""What the automation tables hold, as values."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

__all__ = [
    "POSITION",
    "QUEUE_TYPES",
    "RETRY_SECONDS",
    "QueueItem",
    "StopReport",
    "TaskLine",
    "next_queue_type",
    "share_done",
]

QUEUE_TYPES: Final = ("schedule", "script", "image", "video", "youtube")
RETRY_SECONDS: Final = (5, 10, 30)
POSITION: Final = "stream_position"
"""In the metadata of rows that came from the stream: where they are in it. They are not sent there again."""

_NUMBER_MAX: Final = 2**53


def next_queue_type(queue_type: str, media_mode: str | None) -> str | None:
    """The stage behind ``queue_type``; None behind the last one. Only ``crawl`` has images of its own."""
    if queue_type == "script":
        return "image" if media_mode == "crawl" else "video"
    return {"schedule": "script", "image": "video", "video": "youtube"}.get(queue_type)


def share_done(given: dict[str, Any]) -> float | None:
    """How much of ``{"progress": 3, "total": 8}`` is done, 0 to 1; None where it says nothing that can be counted."""
    done, total = given.get("progress"), given.get("total", 100)
    if not all(isinstance(each, int | float) and abs(each) < _NUMBER_MAX for each in (done, total)):
        return None  # what is no number compares as false
    return max(0.0, min(1.0, done / total)) if total > 0 else None


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
