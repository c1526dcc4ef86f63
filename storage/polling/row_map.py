"""Which rows of `job_logs` are copies of which lines, and from which row on others' rows are taken over.

A row has no room to say who wrote it, so the copy keeps its own account, in its own tables, in the transaction of the
rows: a stretch of ids, and the place in the journal whose lines they are. Whatever is in no stretch is another
program's. Stretches that follow each other are one, so that the account stays small while nobody else writes.
"""

import secrets
from dataclasses import dataclass
from enum import Enum
from typing import Final

from storage.polling.interface import SqlConnection

__all__ = [
    "NO_RECORD",
    "RowMap",
    "TableRows",
    "TableWatch",
    "begin_watch",
    "end_watch",
    "high_water",
    "load_watch",
    "restart_watch",
]

NO_RECORD: Final = 0
"""In the place of a record: the stretch is rows of ours that no line corresponds to: closing rows, marks of damage."""

_HIGH: Final = "SELECT coalesce(max(id), 0) FROM job_logs"


class TableRows(Enum):
    """Which rows of other programs become lines of their task."""

    OFF = "off"
    NEW = "new"
    """Those inserted from the first start on."""
    ALL = "all"
    """Those from before as well."""


@dataclass(frozen=True, slots=True)
class TableWatch:
    """The taking over of others' rows: its progress is counted under ``watch_id``, and it began after ``start``."""

    watch_id: str
    start: int


class RowMap:
    """The account of one journal's copies; belongs to the writer's thread, transactions and connection."""

    def __init__(self, epoch: str) -> None:
        self._epoch = epoch
        self._first = 0
        self._last = 0
        self._is_of_lines = False

    def __repr__(self) -> str:
        return f"<RowMap of {self._epoch}, the last stretch {self._first}..{self._last}>"

    def forget(self) -> None:
        """Begin a new stretch with the next rows: they may not follow those before, in the table or in the journal."""
        self._first = self._last = 0

    def add_lines(self, connection: SqlConnection, last_id: int, count: int, record: int, line: int) -> None:
        """Note rows that were just inserted: the journal's lines from index ``line`` of ``record`` on.

        Lines that came from the table are left out, in the rows and in counting.
        """
        self._add(connection, last_id - count + 1, last_id, record, line)

    def add_other(self, connection: SqlConnection, row_id: int) -> None:
        """Note a row that was just inserted and is no line's: a closing row, or the mark of damaged lines."""
        self._add(connection, row_id, row_id, NO_RECORD, 0)

    def _add(self, connection: SqlConnection, first: int, last: int, record: int, line: int) -> None:
        is_of_lines = record != NO_RECORD
        if self._last and first == self._last + 1 and is_of_lines and self._is_of_lines:
            changed = connection.execute(
                "UPDATE otto_sink_rows SET last_id = ? WHERE epoch = ? AND first_id = ? AND last_id = ?",
                (last, self._epoch, self._first, self._last),
            ).rowcount
            if changed:
                self._last = last
                return
        if first <= self._last or not self._last:
            # Where ids have begun again (the table was dropped and made anew), the old account is of rows long gone.
            _cut(connection, self._epoch, first - 1)
        connection.execute(
            "INSERT INTO otto_sink_rows (epoch, first_id, last_id, record, line) VALUES (?, ?, ?, ?, ?)",
            (self._epoch, first, last, record, line),
        )
        self._first, self._last, self._is_of_lines = first, last, is_of_lines


def begin_watch(connection: SqlConnection, epoch: str, *, with_old_rows: bool) -> None:
    """Begin to take over others' rows, inside a transaction, before the copy's first row; harmless if it has begun.

    It begins after the rows that are there, or, ``with_old_rows``, in front of them. Where this journal has been
    copied before, it is not known any more what became of older rows, and it begins after them in any case.
    """
    if connection.execute("SELECT 1 FROM otto_table_watch WHERE epoch = ?", (epoch,)).fetchone():
        return
    is_copied = connection.execute("SELECT 1 FROM otto_sink_progress WHERE epoch = ?", (epoch,)).fetchone()
    start = 0 if with_old_rows and not is_copied else high_water(connection)
    connection.execute(
        "INSERT INTO otto_table_watch (epoch, watch_id, start_id) VALUES (?, ?, ?)",
        (epoch, secrets.token_hex(8), start),
    )


def load_watch(connection: SqlConnection, epoch: str) -> TableWatch | None:
    """What was begun; None if nothing was, yet."""
    found = connection.execute("SELECT watch_id, start_id FROM otto_table_watch WHERE epoch = ?", (epoch,)).fetchone()
    return TableWatch(*found) if found else None


def end_watch(connection: SqlConnection, epoch: str) -> None:
    """Take over no rows any more, inside a transaction; a later beginning starts after the rows of its time."""
    connection.execute("DELETE FROM otto_table_watch WHERE epoch = ?", (epoch,))


def restart_watch(connection: SqlConnection, epoch: str, start: int) -> None:
    """Begin again after ``start``, inside a transaction, where the table's ids have gone back to there."""
    connection.execute(
        "UPDATE otto_table_watch SET watch_id = ?, start_id = ? WHERE epoch = ?", (secrets.token_hex(8), start, epoch)
    )
    _cut(connection, epoch, start)


def high_water(connection: SqlConnection) -> int:
    """The highest id that a row has; 0 without rows."""
    return int(connection.execute(_HIGH).fetchone()[0])


def _cut(connection: SqlConnection, epoch: str, last: int) -> None:
    """Keep the account of rows up to ``last`` only."""
    connection.execute("DELETE FROM otto_sink_rows WHERE epoch = ? AND first_id > ?", (epoch, last))
    connection.execute("UPDATE otto_sink_rows SET last_id = ?2 WHERE epoch = ?1 AND last_id > ?2", (epoch, last))
