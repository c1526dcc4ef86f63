"""The watcher: rows that other programs insert into `job_logs` become lines of their task, each once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Protocol, TypeVar

import structlog

from filters.entry import LogEntry
from filters.events import WorkerEvents
from filters.identifiers import IdentifierError, check_identifier
from filters.messages import cut_message
from filters.timestamps import from_rfc3339, now
from storage.journal.interface import (
    WATCH_PREFIX,
    Append,
    LineBatch,
    ProducerNumber,
    Receipt,
)
from storage.outage import OutageLog
from storage.polling.batches import TABLE_SOURCE
from storage.polling.external_rows import ExternalRowReader
from storage.polling.interface import ExternalRow, PollingStore
from storage.tailing import TailingLoop

__all__ = ["ROW_ID", "WORKER_ID", "RowImportStatistics", "RowImporter", "row_name", "watch_producer"]

_T = TypeVar("_T")
_log = structlog.get_logger(__name__)

WORKER_ID: Final = "table"
"""The worker of lines that no worker wrote."""

ROW_ID: Final = "rowId"
"""The key of an entry's metadata that holds the id of its row, after the first digits of the watch's."""

_ROWS_MAX: Final = 200
_FOLLOW_SECONDS: Final = 0.5
_JOBS_MAX: Final = 1000
"""Jobs whose last lines are remembered, so that the next row can continue their event."""
_LINE_BYTES: Final = 512
"""What an entry counts for while it waits for its commit, beside its message."""


class TableJournal(Protocol):
    """What the watcher needs of a journal."""

    @property
    def epoch(self) -> str: ...
    def append(self, item: Append) -> "asyncio.Future[Receipt]": ...
    async def wait_writable(self) -> None: ...
    async def last_number(self, producer_id: str) -> int: ...


@dataclass(frozen=True, slots=True)
class RowImportStatistics:
    """Counts since the start, and what is wrong now."""

    rows: int = 0
    """Rows that became lines."""
    unusable_rows: int = 0
    """Rows whose ``job_id`` can name no task: empty, too long, or with control characters."""
    row: int = 0
    """The id up to which rows have been looked at."""
    failures: int = 0
    error: str = ""
    """Why rows cannot be taken over at the moment; empty when they can."""


def watch_producer(watch_id: str) -> str:
    """The producer whose numbers are ids of rows. Producers of the wires have a ``/`` in theirs, so none can be it."""
    return f"{WATCH_PREFIX}{watch_id}"


def row_name(watch_id: str, row_id: int) -> str:
    """What an entry calls its row. Ids may begin again in a table that was made anew; the watch then has another id."""
    return f"{watch_id[:8]}-{row_id}"


class RowImporter:
    """Looks for new rows every so often, and appends those of other programs to the journal.

    The id of a row is its producer's number, stored in the transaction of its line: a process killed at any point
    neither loses nor doubles one. Which rows are copies of lines, the sink's own account says; the sink in turn makes
    no rows of lines that came from the table. All methods belong to the event loop's thread; reading has its own.

    A row counts as it is when it is found: changes to it and its removal are not followed. Rows are found by their id
    being higher than all before; one that is inserted with a lower one is not.

    Args:
        interval_seconds: pause between two looks while nothing is new.
        message_bytes_max: a longer message is cut and marked, as producers' are.
        epoch: whose account of copies counts; None: the journal's.
        is_leader: whether this gateway does it. Several may for a moment: each row becomes one line all the same.
    """

    def __init__(
        self,
        journal: TableJournal,
        table: PollingStore,
        *,
        interval_seconds: float = 0.1,
        message_bytes_max: int = 64 << 10,
        rows_max: int = _ROWS_MAX,
        epoch: str | None = None,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_leader = is_leader
        self._journal = journal
        self._table = table
        self._interval_seconds = interval_seconds
        self._message_bytes_max = message_bytes_max
        self._reader = ExternalRowReader(
            table, journal.epoch if epoch is None else epoch, rows_max=rows_max, message_bytes_max=message_bytes_max
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="table-watcher")
        self._is_closed = False
        self._watch_id = self._producer_id = ""
        self._reached: int | None = None
        self._stored = 0
        self._rows = self._unusable = 0
        self._events: OrderedDict[str, WorkerEvents] = OrderedDict()
        self._loop = TailingLoop(
            "table-watcher", self._step, OutageLog("import of rows delayed", "rows are imported again")
        )

    def __repr__(self) -> str:
        return f"<RowImporter {self._table.location} at row {self._reached} {self._loop!r}>"

    def start(self) -> None:
        """Begin where the last life ended."""
        self._loop.start()

    @property
    def statistics(self) -> RowImportStatistics:
        """An immutable snapshot of the counters."""
        return RowImportStatistics(
            self._rows, self._unusable, self._reached or 0, self._loop.failures, self._loop.error
        )

    async def close(self) -> None:
        """Stop; the rest is taken over by the next life. Close the journal afterwards. Idempotent."""
        await self._loop.close()
        if not self._is_closed:
            self._is_closed = True
            await self._in_thread(self._reader.close)
            self._thread.shutdown(wait=False)

    async def _step(self) -> float:
        """Append what is new; the seconds until the next look."""
        if not self._is_leader():
            self._reached = None
            return _FOLLOW_SECONDS
        try:
            found = await self._take_over()
        except BaseException:
            self._reached = None  # what was stored of this attempt is read from the journal
            self._events.clear()
            raise
        return 0.0 if found else self._interval_seconds

    async def _take_over(self) -> bool:
        """Append what is new; False if nothing is."""
        await self._journal.wait_writable()
        if self._reader.is_replaced:
            self._reached = None
        reached = self._reached if self._reached is not None else await self._find_place()
        if reached is None:
            return False
        id_range = await self._in_thread(lambda: self._reader.read(reached))
        if id_range is None:
            _log.warning("job_logs ids restarted", reached=reached)
            await self._in_thread(self._reader.restart)
            self._reached = None
            return True
        if id_range.upto == reached:
            return False
        receipts = [self._journal.append(batch) for batch in self._batches(id_range.rows)]
        for outcome in await asyncio.gather(*receipts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
            self._rows += outcome.last - outcome.first + 1 if outcome.first else 0
        self._reached = id_range.upto
        return True

    async def _find_place(self) -> int | None:
        """How far rows have been taken over; None while the sink has not settled where that begins."""
        watch = await self._in_thread(self._reader.watch)
        if watch is None:
            return None
        self._watch_id = watch.watch_id
        self._producer_id = watch_producer(watch.watch_id)
        self._stored = await self._journal.last_number(self._producer_id)
        self._reached = max(watch.start, self._stored)
        return self._reached

    def _batches(self, rows: Sequence[ExternalRow]) -> Iterator[LineBatch]:
        """Rows of one job that follow each other are one batch, whose number is the id of the last of them."""
        received_at = time.monotonic()
        for job_id, run in groupby(rows, key=lambda row: row.job_id):
            run_rows = list(run)
            number = ProducerNumber(self._producer_id, run_rows[-1].id, self._stored)
            self._stored = number.number
            try:
                check_identifier("job_id", job_id)
            except IdentifierError:
                self._unusable += len(run_rows)
                yield LineBatch("", "", [], 0, received_at, number, from_table=True)
                continue
            events = self._events_of(job_id)
            entries = [self._entry(row, events) for row in run_rows]
            size = sum(_LINE_BYTES + len(row.message) for row in run_rows)
            yield LineBatch(job_id, WORKER_ID, entries, size, received_at, number, from_table=True)

    def _events_of(self, job_id: str) -> WorkerEvents:
        events = self._events.setdefault(job_id, WorkerEvents())
        self._events.move_to_end(job_id)
        if len(self._events) > _JOBS_MAX:
            self._events.popitem(last=False)
        return events

    def _entry(self, row: ExternalRow, events: WorkerEvents) -> LogEntry:
        message, is_cut, _ = cut_message(row.message, self._message_bytes_max)
        is_cut = is_cut or row.size > self._message_bytes_max
        metadata = {ROW_ID: row_name(self._watch_id, row.id)}
        timestamp = _timestamp(row.created_at)
        if timestamp is None:
            timestamp = now()
            metadata["timestamp"] = row.created_at[:128]
        level, known = events.read(TABLE_SOURCE, message, metadata)
        return LogEntry(
            task_id=row.job_id,
            worker_id=WORKER_ID,
            sequence=0,
            timestamp=timestamp,
            level=level,
            source=TABLE_SOURCE,
            message=message,
            metadata=known,
            truncated=is_cut,
            original_size=row.size if is_cut else 0,
        )

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _timestamp(created_at: str) -> str | None:
    """``YYYY-MM-DD HH:MM:SS`` in UTC, as SQLite writes it, or RFC 3339; None for anything else."""
    for text in (created_at, f"{created_at}Z"):
        with suppress(ValueError):
            return from_rfc3339(text)
    return None
