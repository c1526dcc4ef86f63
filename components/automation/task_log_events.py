"""What a row of ``task_logs`` says to the stream: a line, the states of stages, the end of its task."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from components.automation.json_objects import parse_object
from components.automation.tables.records import POSITION, QUEUE_TYPES, share_done
from filters.entry import LEVELS
from filters.identifiers import IdentifierError, check_identifier

__all__ = ["REASON_CHARACTERS_MAX", "RowEvents", "RowReader", "StageState", "TaskEnd"]

REASON_CHARACTERS_MAX: Final = 1000
"""Of the message of a stage, of the reason of an end, and of one field of the metadata."""
_METADATA_FIELDS_MAX: Final = 32
_STOPPED_TASKS_MAX: Final = 1000
_YEAR_MIN: Final = 1970
"""Entries have no times before the Unix epoch."""
_COLUMNS: Final = ("queue_type", "queue_id", "action_type", "pid", "process_name")
_STATUSES: Final = {
    "start": "RUNNING",
    "progress": "RUNNING",
    "complete": "COMPLETED",
    "retry": "RETRYING",
    "fail": "FAILED",
    "stop": "FAILED",
    "skip": "SKIPPED",
}
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class StageState:
    """The state of one stage; ``status`` is ``RUNNING``, ``COMPLETED``, ``RETRYING``, ``FAILED`` or ``SKIPPED``."""

    stage_id: str
    status: str
    message: str
    percentage: int
    is_start: bool

    @property
    def is_final(self) -> bool:
        """Whether the stage has ended."""
        return self.status in ("COMPLETED", "FAILED", "SKIPPED")


@dataclass(frozen=True, slots=True)
class TaskEnd:
    """The end of a task."""

    failed: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEvents:
    """One row: a line of its task, the states of at most five stages, and perhaps the end of the task."""

    row_id: int
    task_id: str
    worker_id: str
    created_at: datetime
    level: str
    source: str
    message: str
    metadata: dict[str, str]
    stages: tuple[StageState, ...]
    end: TaskEnd | None


class RowReader:
    """Reads rows in their order; remembers which tasks were stopped, at most 1,000 of them.

    A stopped task ends again after each later row until it starts again: its processes may say something at their end,
    and a line opens the task's stream again.
    """

    def __init__(self) -> None:
        self._stopped: dict[str, None] = {}

    def read(self, row: Row) -> RowEvents | None:
        """The events of a row; None if there are none: it came from the stream, or no stream can have its task's name.

        Metadata that is no JSON object is kept as text in the field ``metadata``. A row without a time that can be read
        gets the present one.
        """
        try:
            task_id = check_identifier("task_id", str(row["task_id"]))
        except IdentifierError:
            return None
        given = parse_object(row["metadata"] or "{}")
        if given is None:
            given = {"metadata": row["metadata"]}
        if POSITION in given:
            return None
        message = _plain(row["message"])
        level = _plain(given.get("level", row["level"] or "info")).upper()
        return RowEvents(
            row_id=row["id"],
            task_id=task_id,
            worker_id=f"automation-{row['queue_type'] if row['queue_type'] in QUEUE_TYPES else 'scheduler'}",
            created_at=_time(row["created_at"]),
            level=level if level in LEVELS else "INFO",
            source="stderr" if given.get("source") == "stderr" else "stdout",
            message=message,
            metadata=_metadata(row, given),
            stages=tuple(_stages(row, given, message[:REASON_CHARACTERS_MAX])),
            end=self._end(row, message[:REASON_CHARACTERS_MAX]),
        )

    def _end(self, row: Row, message: str) -> TaskEnd | None:
        """The last stage is done, one has failed, the task was stopped; or this came after its stop."""
        task_id, action = row["task_id"], row["action_type"]
        if action in ("start", "retry"):
            self._stopped.pop(task_id, None)
        if action == "stop":
            self._stopped[task_id] = None
            if len(self._stopped) > _STOPPED_TASKS_MAX:
                self._stopped.pop(next(iter(self._stopped)))
        if action == "complete" and row["queue_type"] == QUEUE_TYPES[-1]:
            return TaskEnd(failed=False, reason="")
        if action not in ("fail", "stop") and task_id not in self._stopped:
            return None
        return TaskEnd(failed=True, reason=message if action else "stopped")


def _time(created_at: datetime | None) -> datetime:
    if created_at is None or created_at.year < _YEAR_MIN:
        return datetime.now(UTC)
    return created_at.replace(tzinfo=UTC)


def _metadata(row: Row, given: dict[str, Any]) -> dict[str, str]:
    """Fields as text, without those that are too long; columns, and the row's number as ``task_log_id``."""
    fields = {name: _plain(value) for name, value in list(given.items())[:_METADATA_FIELDS_MAX]}
    kept = {name: text for name, text in fields.items() if len(name) + len(text) <= REASON_CHARACTERS_MAX}
    columns = {name: _plain(row[name]) for name in _COLUMNS if row[name] is not None}
    return kept | columns | {"task_log_id": str(row["id"])}


def _stages(row: Row, given: dict[str, Any], message: str) -> Iterator[StageState]:
    """The stages whose state a row reports; a stop names those that it ended."""
    action = row["action_type"]
    status = _STATUSES.get(action or "")
    stages = [row["queue_type"]]
    if status is None:
        return
    if action == "stop" and isinstance(given.get("stages"), list):
        stages += given["stages"]
    share = share_done(given) if action == "progress" else None
    percentage = 100 if action == "complete" else round(100 * (share or 0.0))
    for stage_id in dict.fromkeys(stage for stage in stages if isinstance(stage, str) and stage in QUEUE_TYPES):
        yield StageState(stage_id, status, message, percentage, is_start=action == "start")


def _plain(value: object) -> str:
    """Text that UTF-8 can hold; old programs stored bytes in columns of text, too."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if text.isascii() else text.encode(errors="replace").decode()
