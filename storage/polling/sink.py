"""The sink: copies the journal into `job_logs`, exactly once, behind the live path."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol, TypeVar

import structlog

from storage.errors import StorageError
from storage.journal.interface import Ancestor, Record
from storage.journal.statistics import JournalStatistics
from storage.outage import OutageLog
from storage.polling.closing_rows import ClosingRows, Closings
from storage.polling.interface import PollingStore
from storage.polling.row_map import RowMap, TableRows
from storage.polling.writer import PollingWriter
from storage.tailing import UNTIL_WOKEN, TailingLoop

__all__ = ["PollingSink", "RecordSource", "SinkStatistics"]

_T = TypeVar("_T")

_log = structlog.get_logger(__name__)

_FETCH_BYTES: Final = 1 << 20
"""Bytes of lines that the sink holds at a time."""

_SETTLE_SECONDS_MAX: Final = 5.0
_SETTLE_PAUSE_SECONDS: Final = 0.1
_FOLLOW_SECONDS: Final = 1.0
"""Between two looks at what another gateway has copied."""


class RecordSource(Protocol):
    """What the sink needs of a journal."""

    @property
    def epoch(self) -> str:
        """The journal's epoch."""
        ...

    @property
    def statistics(self) -> JournalStatistics:
        """The journal's counters, of which ``last_record`` is read."""
        ...

    async def settled_record(self) -> int:
        """The newest record that is stored, by any gateway, as ``StoredJournal`` gives it."""
        ...

    async def records(self, after: int, *, bytes_max: int) -> Sequence[Record]:
        """The records after ``after``, as ``Journal.records`` gives them."""
        ...


@dataclass(frozen=True, slots=True)
class SinkStatistics:
    """Counts since the start, how far the copy has got, and what is wrong now."""

    rows: int = 0
    closing_rows: int = 0
    unreadable_rows: int = 0
    """Lines that were no entries; their text was copied as it is."""
    damaged_records: int = 0
    """Records that the disk had damaged; a row stands in the place of their lines."""
    transactions: int = 0
    failures: int = 0
    """Attempts that were not possible and were, or will be, made again."""
    record: int = 0
    lag_records: int = 0
    """Records of the journal that are not, or not completely, in the table."""
    error: str = ""
    """Why rows cannot be written at the moment; empty when they can."""
    last_error: str = ""
    """The last error since the start, also when it is over."""
    is_running: bool = False


class PollingSink:
    """Copies every record of a journal into ``job_logs``: each line one row, rows in the order of the commits.

    The place that the copy has reached is stored in the transaction of the rows, so that a process killed at any point
    neither loses nor doubles one. Whatever hinders it (another program's lock, a full disk, a missing table) is tried
    again for as long as it lasts, shown in ``statistics``, and never touches the live path. All methods belong to the
    event loop's thread; the database has a thread of its own.

    Args:
        closing_rows: which ends of tasks get a closing row.
        closing_delay_seconds: how long a task that has ended must have no new line before it gets its closing row;
            lines that its worker's status has overtaken are then in front of it. 0: at once.
        table_rows: which rows of other programs ``RowImporter`` takes over; where that begins is settled here, before
            the first row of ours.
        rows_max, bytes_max: limits of one transaction, for which the journal's commits may have to wait.
        linger_seconds: pause after a copy that reached the end of the journal. The readers poll every 2 s; many small
            commits then share a transaction.
        lineage: the journal's former lives, the latest first, whose copies this one continues from.
        epoch: whose progress this is; None: the journal's.
        is_leader: whether this gateway copies. Several may for a moment: each row is written once all the same.
    """

    def __init__(
        self,
        journal: RecordSource,
        table: PollingStore,
        *,
        closing_rows: ClosingRows = ClosingRows.STATUS,
        closing_delay_seconds: float = 1.0,
        table_rows: TableRows = TableRows.OFF,
        rows_max: int = 500,
        bytes_max: int = 1 << 20,
        linger_seconds: float = 0.05,
        lineage: Sequence[Ancestor] = (),
        epoch: str | None = None,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._table = table
        self._is_leader = is_leader
        epoch = journal.epoch if epoch is None else epoch
        copies = RowMap(epoch)
        self._closings = Closings(table, epoch, closing_rows, copies, delay_seconds=closing_delay_seconds)
        self._writer = PollingWriter(
            *(table, epoch, self._closings, copies),
            table_rows=table_rows,
            rows_max=rows_max,
            bytes_max=bytes_max,
            lineage=lineage,
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="polling-sink")
        self._linger_seconds = linger_seconds
        self._is_placed = self._follows = False
        self._closed = False
        self._loop = TailingLoop(
            "polling-sink",
            self._copy,
            OutageLog("polling rows delayed", "polling rows written again"),
            linger_seconds=linger_seconds,
        )

    def __repr__(self) -> str:
        return f"<PollingSink {self._table.location} at record {self._writer.place.record} {self._loop!r}>"

    async def start(self) -> None:
        """Begin to copy from where the last life of the sink ended.

        On return it is settled where others' rows begin, so that none of those inserted afterwards counts as old;
        where another program locks the database for longer than ``_SETTLE_SECONDS_MAX``, that has to wait for it.
        """
        if self._loop.is_running:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(_SETTLE_SECONDS_MAX):
                await self._settle()
        self._loop.start()

    def wake(self) -> None:
        """Say that there may be new records; cheap, and calls between two copies count once."""
        self._loop.wake()

    @property
    def copied(self) -> int:
        """The record up to which everything has its rows; 0 as long as that is not known."""
        return self._writer.place.after

    @property
    def statistics(self) -> SinkStatistics:
        """An immutable snapshot of the counters."""
        written, place = self._writer.written, self._writer.place
        newest = self._journal.statistics.last_record
        return SinkStatistics(
            rows=written.rows,
            closing_rows=written.closing_rows,
            unreadable_rows=written.unreadable_rows,
            damaged_records=written.damaged_records,
            transactions=written.transactions,
            failures=self._loop.failures,
            record=place.record,
            lag_records=max(0, newest - place.after),
            error=self._loop.error,
            last_error=self._loop.last_error,
            is_running=self._loop.is_running,
        )

    async def close(self, timeout_seconds: float = 10.0) -> None:
        """Copy what is committed, for at most ``timeout_seconds``, then stop; the rest is copied at the next start.

        Close the journal afterwards: the sink still reads from it. Idempotent.
        """
        if not await self._loop.close(timeout_seconds):
            _log.warning("sink stopped with lag", lag_records=self.statistics.lag_records)
        if not self._closed:
            self._closed = True
            await self._in_thread(self._writer.close)
            self._thread.shutdown(wait=False)

    async def _copy(self) -> float:
        """Copy what one read of the journal returns; at its end, the seconds until a closing row is due."""
        is_last = self._loop.is_closing
        if not self._is_leader():
            self._is_placed, self._follows = False, True
            await self._in_thread(self._writer.follow)
            return _FOLLOW_SECONDS
        if self._follows:  # what was copied until now is read once more, now that nobody else copies
            await self._in_thread(self._writer.follow)
            self._follows = False
        place = await self._in_thread(self._writer.connect)
        if not self._is_placed:
            self._is_placed = True
            # Not what this gateway has followed so far: another one may have copied more than that.
            newest = await self._journal.settled_record()
            if 0 < newest < place.record:
                _log.warning("journal is older than its polling copy", newest_record=newest, copied_record=place.record)
                place = self._writer.go_back_to(newest)
        newest = self._journal.statistics.last_record
        records = await self._journal.records(place.after, bytes_max=_FETCH_BYTES)
        if records:
            await self._in_thread(partial(self._writer.write, records))
            # Under a steady flow of commits there is always another record by now; it waits for company all the same.
            return self._linger_seconds if records[-1].id >= newest > 0 and not is_last else 0.0
        # Only here, at the end of the journal, is it known that no line is on its way after an end.
        if self._closings.due_in_seconds is not None:
            await self._in_thread(partial(self._writer.settle, everything=is_last))
        due = self._closings.due_in_seconds
        return UNTIL_WOKEN if due is None else due

    async def _settle(self) -> None:
        while True:
            try:
                await self._in_thread(self._writer.connect)
            except StorageError:  # the loop meets it again, and reports it
                await asyncio.sleep(_SETTLE_PAUSE_SECONDS)
            else:
                return

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)
