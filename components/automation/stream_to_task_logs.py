"""Lines that other producers send for tasks of the queue, as rows of ``task_logs``: each once, in their order."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, select

from components.automation.tables import AutomationDatabase, TaskLine
from components.automation.tables.log import append, progress, save_progress
from components.automation.tables.records import POSITION, QUEUE_TYPES
from components.automation.tables.schema import task_logs, task_queue, tasks
from filters.entry import LogEntry
from storage.journal.interface import Journal, Record
from storage.outage import OutageLog
from storage.tailing import TailingLoop

__all__ = ["ReceivedLines"]

_BYTES_MAX: Final = 256 << 10
"""Of lines that are read, and stored in one transaction, at a time."""
_WITHOUT_MAX: Final = 64
"""So many reads without a line of the queue may be made again after a crash."""
_POLL_SECONDS: Final = 0.25
_IDS_MAX: Final = 500
_INTEGER_MAX: Final = 2**63 - 1
_ACTIONS: Final = ("start", "progress", "complete", "fail", "retry", "stop", "skip")
_decoder: Final = msgspec.json.Decoder(LogEntry)


class ReceivedLines:
    """Follows a journal from the first start on; how far is noted in the transaction of the rows.

    A line that reports a row of ``task_logs`` already, as the queue's own stages do, is none of them. A row that
    came from the stream has its position in ``metadata.stream_position``, and is not forwarded there again.

    Args:
        database: prepared.
        journal: where lines are.
        is_leader: whether this gateway copies them, if several share the database.
    """

    def __init__(
        self, database: AutomationDatabase, journal: Journal, *, is_leader: Callable[[], bool] = lambda: True
    ) -> None:
        self._is_leader = is_leader
        self._database = database
        self._journal = journal
        self._after: int | None = None
        self._without = 0
        self._loop = TailingLoop(
            "automation received lines",
            self._step,
            OutageLog("received lines delayed", "received lines continue", said_after_seconds=0.0),
        )

    def __repr__(self) -> str:
        return f"<ReceivedLines after record {self._after}>"

    async def run(self) -> None:
        """Copy until cancelled; a database or a journal that cannot be used is tried again."""
        await self._loop.run()

    async def _step(self) -> float:
        if not self._is_leader():
            self._after = None
            return _POLL_SECONDS
        try:
            return 0.0 if await self.copy() else _POLL_SECONDS
        except BaseException:
            self._after = None  # how far it got is noted in the database
            raise

    async def copy(self) -> bool:
        """Copy what is next; False if there is nothing.

        Raises:
            StorageError: it could not be read or stored; nothing of it was.
        """
        if self._after is None:
            self._after = await asyncio.to_thread(self._placed, self._journal.statistics.last_record)
        if self._after and self._journal.statistics.last_record <= self._after:
            return False
        records = await self._journal.records(self._after, bytes_max=_BYTES_MAX)
        if not records:
            return False
        await asyncio.to_thread(self._store, records)
        self._after = records[-1].id
        return True

    @property
    def _name(self) -> str:
        # In the journal's own database, what was copied goes back in time only together with it.
        return "received" if self._database.is_shared else f"received {self._journal.epoch}"

    def _placed(self, newest: int) -> int:
        """The position to continue from. The first time it is the end: the queue had no tasks before."""
        with self._database.transaction() as connection:
            noted = progress(connection, self._name)
            if not noted and self._database.is_shared:  # it was moved from SQLite
                noted = progress(connection, f"received {self._journal.epoch}")
            # One more than the record, for 0 says that nothing is noted.
            if not noted:
                save_progress(connection, self._name, newest + 1)
            return noted - 1 if noted else newest

    def _store(self, records: Sequence[Record]) -> None:
        """Store rows with the place; a place without rows now and then, for the journal's commits wait meanwhile."""
        with self._database.reading() as connection:
            known = _known(connection, {record.task_id for record in records if record.lines})
        self._without += 1
        if not known and self._without < _WITHOUT_MAX:
            return
        self._without = 0
        with self._database.transaction() as connection:
            known = _known(connection, known)
            for record in records:
                if record.task_id in known and record.lines:
                    rows = list(_rows(record, self._journal.epoch))
                    told = _told(connection, record.task_id, rows)
                    items = _items(connection, record.task_id)
                    new = [_linked(row, items) for row, number in rows if number not in told]
                    append(connection, datetime.now(UTC).replace(tzinfo=None), new)
            save_progress(connection, self._name, records[-1].id + 1)


def _known(connection: Connection, task_ids: set[str]) -> set[str]:
    found: set[str] = set()
    wanted = sorted(task_ids)
    for start in range(0, len(wanted), _IDS_MAX):
        some = select(tasks.c.id).where(tasks.c.id.in_(wanted[start : start + _IDS_MAX]))
        found.update(connection.execute(some).scalars())
    return found


def _told(connection: Connection, task_id: str, rows: Sequence[tuple[TaskLine, int | None]]) -> set[int]:
    """The numbers of rows that are the task's own already."""
    numbers = [number for _, number in rows if number is not None]
    found: set[int] = set()
    for start in range(0, len(numbers), _IDS_MAX):
        some = task_logs.c.id.in_(numbers[start : start + _IDS_MAX])
        found.update(connection.execute(select(task_logs.c.id).where(task_logs.c.task_id == task_id, some)).scalars())
    return found


def _items(connection: Connection, task_id: str) -> set[int]:
    return set(connection.execute(select(task_queue.c.id).where(task_queue.c.task_id == task_id)).scalars())


def _linked(line: TaskLine, items: set[int]) -> TaskLine:
    """The line without its item, if the item is not one of the task."""
    return line if line.queue_id in items else replace(line, queue_id=None)


def _rows(record: Record, epoch: str) -> Iterator[tuple[TaskLine, int | None]]:
    """The lines as rows, each with the number of the row that it reports, if it names one."""
    for sequence, text in enumerate(record.lines, start=record.first):
        try:
            entry = _decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError):
            message = text.decode(errors="replace")
            yield TaskLine(record.task_id, message, metadata={POSITION: f"{epoch}-{sequence}"}), None
            continue
        given = dict(entry.metadata or {})
        number = _number(given.get("task_log_id"))
        columns: dict[str, Any] = {}
        for name, choices in (("queue_type", QUEUE_TYPES), ("action_type", _ACTIONS)):
            if given.get(name) in choices:
                columns[name] = given.pop(name)
        for name in ("queue_id", "pid"):
            if (value := _number(given.get(name))) is not None:
                columns[name] = value
                given.pop(name)
        if "process_name" in given:
            columns["process_name"] = given.pop("process_name")
        given |= {"worker_id": entry.worker_id, "source": entry.source, POSITION: f"{epoch}-{sequence}"}
        created_at = datetime.fromisoformat(entry.timestamp[:19])
        yield (
            TaskLine(
                record.task_id, entry.message, level=entry.level, metadata=given, created_at=created_at, **columns
            ),
            number,
        )


def _number(text: str | None) -> int | None:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > len(str(_INTEGER_MAX)):
        return None
    number = int(text)
    return number if number <= _INTEGER_MAX else None
