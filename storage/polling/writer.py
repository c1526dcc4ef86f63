"""Writing batches of rows together with the progress of the copy, each batch in one transaction."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from storage.errors import StorageError
from storage.journal.interface import Ancestor, Record
from storage.polling.batches import Batch, Place, Rows, batches
from storage.polling.closing_rows import Closings
from storage.polling.epoch_handover import hand_over_epoch
from storage.polling.interface import PollingStore, SqlConnection
from storage.polling.row_map import NO_RECORD, RowMap, TableRows, begin_watch, end_watch, load_watch

__all__ = ["PollingWriter", "Written"]

_SINK: Final = "job_logs"

_BUSY_TIMEOUT_SECONDS: Final = 0.1
"""Short, because the journal may be waiting for the lock meanwhile; the sink tries again for as long as it takes."""

_LOAD: Final = "SELECT record, line FROM otto_sink_progress WHERE sink = ? AND epoch = ?"

_ADVANCE: Final = """
INSERT INTO otto_sink_progress (sink, epoch, record, line) VALUES (?1, ?2, ?3, ?4)
ON CONFLICT (sink, epoch) DO UPDATE SET record = ?3, line = ?4
WHERE otto_sink_progress.record = ?5 AND otto_sink_progress.line = ?6"""
# Compare and set: where another process has copied meanwhile (two gateways during a change of version), no row changes,
# and the transaction is given up before it has written anything.


@dataclass(slots=True)
class Written:
    """Counts of what was written since the writer was made."""

    rows: int = 0
    closing_rows: int = 0
    unreadable_rows: int = 0
    damaged_records: int = 0
    transactions: int = 0


class PollingWriter:
    """The one writer of the copy; belongs to one thread.

    Args:
        epoch: the journal's. Each epoch has its own progress, and a new one starts at the first record,
        lineage: unless it continues from these, the latest first: then it starts where the copy of those ended.
        closings: the closing rows; they belong to this writer's thread and transactions.
        copies: the account of what was written; likewise.
        table_rows: which rows of other programs are taken over, which has to be settled before the first row of ours;
            None: as it was settled before.
        rows_max, bytes_max: limits of one transaction, which other writers of the file have to wait for.
    """

    def __init__(
        self,
        table: PollingStore,
        epoch: str,
        closings: Closings,
        copies: RowMap,
        *,
        table_rows: TableRows | None,
        rows_max: int,
        bytes_max: int,
        lineage: Sequence[Ancestor] = (),
    ) -> None:
        self._table = table
        self._epoch = epoch
        self._lineage = lineage
        self._closings = closings
        self._copies = copies
        self._table_rows = table_rows
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._connection = table.writing(_BUSY_TIMEOUT_SECONDS, self._open)
        self._stored = Place()
        self.place = Place()
        self.written = Written()

    def __repr__(self) -> str:
        return f"<PollingWriter of {self._table.location} at record {self.place.record}, line {self.place.line}>"

    def connect(self) -> Place:
        """Open the database where it is not open, and learn how far the copy has got.

        A database file that was replaced or deleted is opened anew, and has its own progress: without this check
        everything would continue into the file that nobody sees.

        Raises:
            StorageUnavailableError: the database cannot be used now.
            StorageError: its ``job_logs`` no longer takes rows.
        """
        with self._errors():
            self._connection.get()
        return self.place

    def follow(self) -> Place:
        """Learn how far another gateway has copied.

        Raises:
            StorageError: as ``connect``.
        """
        with self._errors():
            self._load(self._connection.get())
        return self.place

    def go_back_to(self, record: int) -> Place:
        """Continue after ``record`` where the copy is further than that, because the journal has no later one.

        It has lost its end: a backup was put back, or a power cut took what was not yet on the disk. Its next lines
        will have numbers that were used before; the rows of what it lost are there and stay.
        """
        if record < self.place.record:
            self.place = Place(record)
            self._copies.forget()
        return self.place

    def write(self, records: Sequence[Record]) -> Place:
        """Write what of ``records`` lies after ``place``; what was written before an error stays written.

        Raises:
            StorageUnavailableError: the database cannot be written now; try again with the records after ``place``.
        """
        connection = self._connection.current
        if connection is None:
            return self.connect()  # which need not be where the records start
        with self._errors():
            for batch in batches(records, self.place, rows_max=self._rows_max, bytes_max=self._bytes_max):
                if not self._write_batch(connection, batch):
                    self._load(connection)
                    break
        return self.place

    def settle(self, *, everything: bool = False) -> None:
        """Write the closing rows that are due; ``everything`` also those that are not.

        Raises:
            StorageUnavailableError: the database cannot be written now.
        """
        with self._errors():
            while (connection := self._connection.current) is not None:
                due = self._closings.due_in_seconds
                if due is None or (due and not everything):
                    return
                with self._table.transaction(connection):
                    rows = self._closings.settle(connection, everything=everything)
                self.written.closing_rows += rows
                self.written.transactions += 1

    def close(self) -> None:
        """Close the connection; idempotent. ``connect`` opens a new one."""
        self._connection.close()

    def _write_batch(self, connection: SqlConnection, batch: Batch) -> bool:
        """Write one batch and its place in one transaction; False if the place on disk is not the expected one."""
        rows = closing_rows = 0
        with self._table.transaction(connection):
            if not self._advance(connection, batch.place):
                return False
            for step in batch.steps:
                if isinstance(step, Rows):
                    self._closings.reopen(connection, step)
                    for last_id, count in self._table.insert_rows(connection, step.values):
                        if step.record == NO_RECORD:
                            self._copies.add_other(connection, last_id)
                        else:
                            self._copies.add_lines(connection, last_id, count, step.record, step.line)
                    rows += step.count
                else:
                    closing_rows += self._closings.end(connection, step)
        self.place = self._stored = batch.place
        self._table.checkpoint(connection, 2 * batch.size)  # pages that are not full, and the index
        written = self.written
        written.rows += rows
        written.closing_rows += closing_rows
        written.unreadable_rows += batch.unreadable
        written.damaged_records += batch.damaged
        written.transactions += 1
        return True

    def _advance(self, connection: SqlConnection, place: Place) -> bool:
        stored = self._stored
        cursor = connection.execute(
            _ADVANCE, (_SINK, self._epoch, place.record, place.line, stored.record, stored.line)
        )
        return cursor.rowcount == 1

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Whatever is raised, the next attempt begins with a new connection."""
        try:
            with self._table.translated():
                yield
        except StorageError:
            self.close()
            raise

    def _open(self, connection: SqlConnection) -> None:
        self._table.create_missing(connection)
        self._inherit(connection)
        self._settle_watch(connection)
        self._load(connection)

    def _inherit(self, connection: SqlConnection) -> None:
        """Continue from the copy of a former life, where this one has none yet."""
        if self._lineage and connection.execute(_LOAD, (_SINK, self._epoch)).fetchone() is None:
            with self._table.transaction(connection):
                hand_over_epoch(self._table, connection, _SINK, self._epoch, self._lineage)

    def _settle_watch(self, connection: SqlConnection) -> None:
        """Begin or end the taking over of others' rows, where that is not done yet."""
        if self._table_rows is None:
            return
        is_wanted = self._table_rows is not TableRows.OFF
        if is_wanted == (load_watch(connection, self._epoch) is not None):
            return
        with self._table.transaction(connection):
            if is_wanted:
                begin_watch(connection, self._epoch, with_old_rows=self._table_rows is TableRows.ALL)
            else:
                end_watch(connection, self._epoch)

    def _load(self, connection: SqlConnection) -> None:
        self._copies.forget()
        found = connection.execute(_LOAD, (_SINK, self._epoch)).fetchone()
        self.place = self._stored = Place(*found) if found else Place()
        self._closings.load(connection)
