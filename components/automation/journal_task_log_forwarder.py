"""Sends the rows of ``task_logs`` to a journal in the same process: in their order, and each once.

A row's parts have numbers that follow from its id, and are stored with them:

=============  ==========================================
8i             the line
8i + 1 … + 5   the states of up to five stages
8i + 7         the end of the task
=============  ==========================================

So whatever a crash left out is told again from the journal's last number on.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec
import structlog

from components.automation.tables import AutomationDatabase
from components.automation.tables.log import progress, rows_after, save_progress
from components.automation.tables.records import POSITION, QUEUE_TYPES, share_done
from filters import timestamps
from filters.entry import LEVELS, LogEntry
from filters.identifiers import IdentifierError, check_identifier
from filters.messages import cut_message
from storage.journal.interface import (
    Append,
    JournalError,
    LineBatch,
    ProducerNumber,
    Receipt,
    StageProgress,
    TaskEnding,
)

__all__ = ["PRODUCER_ID", "JournalTaskLogForwarder"]

PRODUCER_ID: Final = "automation:task_logs"
"""Whose numbers they are; those of the wires have a ``/`` before any colon."""

_ROWS_MAX: Final = 500
_PER_ROW: Final = 8
_END: Final = 7
_LINE_BYTES: Final = 512
"""What an entry counts for while it waits for its commit, beside its message."""
_METADATA_MAX: Final = 32
_TEXT_MAX: Final = 1000
_STOPPED_MAX: Final = 1000
_RETRY_SECONDS: Final = 1.0
_STATUSES: Final = {
    "start": "STAGE_RUNNING",
    "progress": "STAGE_RUNNING",
    "complete": "STAGE_COMPLETED",
    "retry": "STAGE_RETRYING",
    "fail": "STAGE_FAILED",
    "stop": "STAGE_FAILED",
    "skip": "STAGE_SKIPPED",
}
_FINAL: Final = ("STAGE_COMPLETED", "STAGE_FAILED", "STAGE_SKIPPED")

_log = structlog.get_logger(__name__)


class Journal(Protocol):
    """What the courier needs of a journal."""

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        """Queue something for the next commit."""
        ...

    async def wait_writable(self) -> None:
        """Return once there is room."""
        ...

    async def last_number(self, producer_id: str) -> int:
        """The highest number of a producer that is on the disk."""
        ...


class JournalTaskLogForwarder:
    """Looks for new rows every so often: other processes write some, too.

    How far it got is noted in the database as well, for a journal forgets the numbers of producers that were silent for
    months. Belongs to the event loop's thread; the database is read in others.

    Args:
        database: where the rows are.
        journal: where they go.
        message_bytes_max: a longer message is cut and marked, as producers' are.
        poll_seconds: pause between two looks while nothing is new.
    """

    def __init__(
        self,
        database: AutomationDatabase,
        journal: Journal,
        *,
        message_bytes_max: int = 64 << 10,
        poll_seconds: float = 0.25,
    ) -> None:
        self._database = database
        self._journal = journal
        self._message_bytes_max = message_bytes_max
        self._poll_seconds = poll_seconds
        self._after = self._stored = 0
        self._is_placed = False
        self._stopped: dict[str, None] = {}
        self._turn = asyncio.Lock()
        self._wake = asyncio.Event()

    def __repr__(self) -> str:
        return f"<JournalTaskLogForwarder {self._database!r} after={self._after}>"

    def wake(self) -> None:
        """There may be new rows."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled; trouble of the database or the journal is waited out."""
        while True:
            self._wake.clear()
            try:
                found = await self.deliver()
            except JournalError as error:
                _log.warning("lines of automation have to wait", error=str(error))
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if not found:
                try:
                    async with asyncio.timeout(self._poll_seconds):
                        await self._wake.wait()
                except TimeoutError:
                    continue

    async def deliver(self) -> int:
        """Deliver what is next, at most 500 rows; returns how many.

        Raises:
            JournalError: not all of them; they are told again.
        """
        async with self._turn:
            try:
                return await self._deliver()
            except BaseException:
                self._is_placed = False  # what was stored of it is asked of the journal
                raise

    async def _deliver(self) -> int:
        await self._journal.wait_writable()
        if not self._is_placed:
            self._stored = await self._journal.last_number(PRODUCER_ID)
            noted = await asyncio.to_thread(self._noted)
            self._after = max(self._stored, noted * _PER_ROW + _END if noted else 0)
            self._is_placed = True
        rows = await asyncio.to_thread(self._next, (self._after + 1) // _PER_ROW - 1)
        if not rows:
            return 0
        receipts = [self._journal.append(each) for row in rows for each in self._appends(row)]
        for outcome in await asyncio.gather(*receipts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        self._after = rows[-1]["id"] * _PER_ROW + _END
        await asyncio.to_thread(self._save, rows[-1]["id"])
        return len(rows)

    def _appends(self, row: dict[str, Any]) -> Iterator[Append]:
        """The parts of a row that are not stored yet; each is refused where the one before it is not."""
        try:
            check_identifier("task_id", row["task_id"])
        except IdentifierError:
            return
        given = json.loads(row["metadata"] or "{}")
        if POSITION in given:
            return  # it came from the stream
        parts: list[tuple[int, Append]] = [(0, _line(row, given, self._message_bytes_max))]
        parts += enumerate(_transitions(row, given), start=1)
        ending = self._ending(row)
        if ending is not None:
            parts.append((_END, ending))
        for part, append in parts:
            number = row["id"] * _PER_ROW + part
            if number > self._after:
                yield replace(append, producer=ProducerNumber(PRODUCER_ID, number, self._stored))
                self._stored = number

    def _ending(self, row: dict[str, Any]) -> TaskEnding | None:
        """The end of a task: its last stage is done, one has failed, it was stopped; or its last words after that."""
        task_id, action = row["task_id"], row["action_type"]
        if action in ("start", "retry"):
            self._stopped.pop(task_id, None)
        if action == "stop":
            self._stopped[task_id] = None
            if len(self._stopped) > _STOPPED_MAX:
                self._stopped.pop(next(iter(self._stopped)))
        is_done = action == "complete" and row["queue_type"] == QUEUE_TYPES[-1]
        if not is_done and action not in ("fail", "stop") and task_id not in self._stopped:
            return None
        reason = "" if is_done else row["message"][:_TEXT_MAX] if action else "stopped"
        return TaskEnding(task_id, not is_done, _time(row["created_at"]), reason)

    def _noted(self) -> int:
        with self._database.reading() as connection:
            return progress(connection, "stream")

    def _next(self, after_id: int) -> list[dict[str, Any]]:
        with self._database.reading() as connection:
            return rows_after(connection, after_id, _ROWS_MAX)

    def _save(self, log_id: int) -> None:
        with self._database.transaction() as connection:
            save_progress(connection, "stream", log_id)


def _line(row: dict[str, Any], given: dict[str, Any], message_bytes_max: int) -> LineBatch:
    """A row as a line of its task, with its number in the metadata."""
    names = ("queue_type", "queue_id", "action_type", "pid", "process_name")
    metadata = {name: _text(value) for name, value in list(given.items())[:_METADATA_MAX]}
    metadata = {name: text for name, text in metadata.items() if len(name) + len(text) <= _TEXT_MAX}
    metadata |= {name: str(row[name]) for name in names if row[name] is not None} | {"task_log_id": str(row["id"])}
    message, is_cut, size = cut_message(row["message"], message_bytes_max)
    level, worker_id = str(given.get("level", row["level"] or "info")).upper(), f"automation-{_stage_of(row)}"
    entry = LogEntry(
        row["task_id"],
        worker_id,
        0,
        _time(row["created_at"]),
        level if level in LEVELS else "INFO",
        "stderr" if given.get("source") == "stderr" else "stdout",
        message,
        metadata,
        truncated=is_cut,
        original_size=size if is_cut else 0,
    )
    return LineBatch(row["task_id"], worker_id, [entry], len(message.encode()) + _LINE_BYTES, time.monotonic())


def _transitions(row: dict[str, Any], given: dict[str, Any]) -> Iterator[StageProgress]:
    """The stages whose state a row tells; a stop tells those that it ended."""
    action = row["action_type"]
    status = _STATUSES.get(action or "")
    stages = given.get("stages", []) if action == "stop" else [row["queue_type"]]
    if status is None or not isinstance(stages, list):
        return
    share = share_done(given) if action == "progress" else None
    for stage_id in dict.fromkeys(stage for stage in stages if stage in QUEUE_TYPES):
        document = {
            "pipelineId": row["task_id"],
            "stageId": stage_id,
            "status": status,
            "message": row["message"][:_TEXT_MAX],
            "workerPodNames": [f"automation-{stage_id}"],
            "progressPercentage": 100 if action == "complete" else round(100 * (share or 0.0)),
            "timestamp": _time(row["created_at"]),
        }
        if action == "start":
            document["startedAt"] = document["timestamp"]
        if status in _FINAL:
            document["completedAt"] = document["timestamp"]
        if status == "STAGE_FAILED":
            document["errorMessage"] = document["message"]
        yield StageProgress(row["task_id"], stage_id, msgspec.json.encode(document))


def _stage_of(row: dict[str, Any]) -> str:
    return row["queue_type"] or "scheduler"


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _time(created_at: datetime) -> str:
    return timestamps.from_nanos(int(created_at.replace(tzinfo=UTC).timestamp()) * 1_000_000_000)
