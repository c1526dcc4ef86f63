"""Putting rows of `job_logs` right, from the journal, in small transactions beside its users."""

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Final

from storage.journal.reader import Reader
from storage.journal.sqlite.queries import SqliteQueries
from storage.polling import ClosingRows, PollingTable
from storage.polling.closing_rows import Closings
from storage.polling.row_map import NO_RECORD, RowMap
from storage.polling.writer import PollingWriter
from storage.sqlite.connections import transaction
from storage.sqlite.errors import translate_errors
from storage.verification.rows import CopyAgain, DropRow, Fix, WriteRow

__all__ = ["RowRepair"]

_FIXES_MAX: Final = 200
"""Rows that one transaction changes."""
_BUSY_TIMEOUT_SECONDS: Final = 10.0
_FETCH_BYTES: Final = 1 << 20

_WRITE: Final = "UPDATE job_logs SET job_id = ?2, log_message = ?3, created_at = ?4 WHERE id = ?1"
_INSERT: Final = "INSERT OR IGNORE INTO job_logs (id, job_id, log_message, created_at) VALUES (?1, ?2, ?3, ?4)"

_STRETCH_OF: Final = """
SELECT first_id, last_id FROM otto_sink_rows WHERE epoch = ? AND first_id <= ? ORDER BY first_id DESC LIMIT 1"""

_DELETE_CLOSINGS: Final = """
DELETE FROM job_logs WHERE job_id = ? AND id IN (SELECT first_id FROM otto_sink_rows WHERE epoch = ? AND record = ?)"""

_LAST_STRETCH: Final = """
SELECT first_id, last_id FROM otto_sink_rows WHERE epoch = ? AND record >= ? AND record <> ?
ORDER BY first_id DESC LIMIT 1"""


class RowRepair:
    """Makes the changes that a check asks for; its caller holds the journal, so that no gateway copies meanwhile.

    Every change is complete by itself: killed in between, the next check finds what is left.

    Attributes:
        changed: rows changed, by what was done: ``rewritten``, ``inserted``, ``deleted``, ``copied``.
    """

    def __init__(self, table: PollingTable, epoch: str, closing_rows: ClosingRows) -> None:
        self.changed: Counter[str] = Counter()
        self._table = table
        self._epoch = epoch
        self._closing_rows = closing_rows
        self._waiting: list[Fix] = []
        self._copy_from: int | None = None

    def __repr__(self) -> str:
        return f"<RowRepair of {self._table.path} {dict(self.changed)}>"

    def take(self, fix: Fix) -> None:
        """Make a change, soon.

        Raises:
            StorageUnavailableError: the database cannot be written now.
        """
        if isinstance(fix, CopyAgain):
            self._copy_from = fix.record if self._copy_from is None else min(self._copy_from, fix.record)
            return
        self._waiting.append(fix)
        if len(self._waiting) >= _FIXES_MAX:
            self._flush()

    def finish(self, connect_journal: Callable[[], sqlite3.Connection]) -> None:
        """Make the rest of the changes.

        Raises:
            StorageUnavailableError: the database cannot be written now.
            ChunkDamagedError: lines to be copied cannot be read; those before them were copied.
        """
        self._flush()
        if self._copy_from is None:
            return
        reader = Reader(lambda: SqliteQueries(connect_journal()))
        try:
            self._delete_from(self._copy_from)
            self._delete_closings(self._copy_from, reader)
            self._copy(reader)
        finally:
            reader.close()

    def _flush(self) -> None:
        fixes, self._waiting = self._waiting, []
        if not fixes:
            return
        with self._connection() as connection, transaction(connection, self._table.write_lock):
            for fix in fixes:
                if isinstance(fix, WriteRow):
                    sql = _INSERT if fix.is_new else _WRITE
                    count = connection.execute(sql, (fix.row_id, *fix.values)).rowcount
                    self.changed["inserted" if fix.is_new else "rewritten"] += count
                elif isinstance(fix, DropRow):
                    self._drop(connection, fix)

    def _drop(self, connection: sqlite3.Connection, fix: DropRow) -> None:
        """Delete a row, and leave it out of the account of its stretch."""
        row_id = fix.row_id
        self.changed["deleted"] += connection.execute("DELETE FROM job_logs WHERE id = ?", (row_id,)).rowcount
        first, last = connection.execute(_STRETCH_OF, (self._epoch, row_id)).fetchone()
        key = (self._epoch, first)
        if first == row_id:
            connection.execute("DELETE FROM otto_sink_rows WHERE epoch = ? AND first_id = ?", key)
        else:
            connection.execute(
                "UPDATE otto_sink_rows SET last_id = ? WHERE epoch = ? AND first_id = ?", (row_id - 1, *key)
            )
        if last > row_id:
            connection.execute(
                "INSERT INTO otto_sink_rows (epoch, first_id, last_id, record, line) VALUES (?, ?, ?, ?, ?)",
                (self._epoch, row_id + 1, last, fix.record, fix.line),
            )

    def _delete_from(self, record: int) -> None:
        """Delete all copies of lines of ``record`` and behind, the last first, then say that they are not copied."""
        with self._connection() as connection:
            while found := connection.execute(_LAST_STRETCH, (self._epoch, record, NO_RECORD)).fetchone():
                first, last = found
                start = max(first, last - _FIXES_MAX + 1)
                with transaction(connection, self._table.write_lock):
                    deleted = connection.execute("DELETE FROM job_logs WHERE id >= ? AND id <= ?", (start, last))
                    self.changed["deleted"] += deleted.rowcount
                    sql = (
                        "DELETE FROM otto_sink_rows WHERE epoch = ?1 AND first_id = ?2"
                        if start == first
                        else "UPDATE otto_sink_rows SET last_id = ?3 WHERE epoch = ?1 AND first_id = ?2"
                    )
                    connection.execute(sql, (self._epoch, first, start - 1)[: 2 if start == first else 3])
            with transaction(connection, self._table.write_lock):
                connection.execute(
                    "UPDATE otto_sink_progress SET record = ?, line = 0 WHERE epoch = ?", (record - 1, self._epoch)
                )

    def _delete_closings(self, record: int, reader: Reader) -> None:
        """Delete our closing rows of the ends that are copied again, which would be in front of the lines now."""
        with self._connection() as connection:
            while records := reader.records(record - 1, _FETCH_BYTES):
                jobs = [each.task_id for each in records if each.ended is not None]
                with transaction(connection, self._table.write_lock):
                    for job_id in jobs:
                        deleted = connection.execute(_DELETE_CLOSINGS, (job_id, self._epoch, NO_RECORD))
                        self.changed["deleted"] += deleted.rowcount
                record = records[-1].id + 1

    def _copy(self, reader: Reader) -> None:
        """What a sink does, until the journal's end."""
        copies = RowMap(self._epoch)
        closings = Closings(self._table, self._epoch, self._closing_rows, copies, delay_seconds=0)
        writer = PollingWriter(
            *(self._table, self._epoch, closings, copies), table_rows=None, rows_max=500, bytes_max=1 << 20
        )
        try:
            place = writer.connect()
            while records := reader.records(place.after, _FETCH_BYTES):
                place = writer.write(records)
        finally:
            self.changed["copied"] += writer.written.rows
            writer.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with (
            translate_errors(self._table.path),
            closing(self._table.connect(busy_timeout_seconds=_BUSY_TIMEOUT_SECONDS)) as connection,
        ):
            yield connection
