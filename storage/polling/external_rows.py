"""Reading the rows that other programs inserted into `job_logs`, in the order of their ids."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from storage.polling.row_map import TableWatch, has_gone_back, high_water, load_watch, restart_watch
from storage.polling.table import PollingTable
from storage.sqlite.connections import Access, FileConnection, lossy_text, open_connection, transaction
from storage.sqlite.errors import translate_errors

__all__ = ["ExternalRow", "ExternalRowReader", "ExternalRows"]

_BUSY_TIMEOUT_SECONDS: Final = 0.5

_ROWS: Final = """
SELECT json_group_array(json_array(id, job, message, size, created)) FROM (
  SELECT id,
    CAST(job_id AS TEXT) AS job,
    coalesce(CAST(substr(CAST(log_message AS BLOB), 1, ?3) AS TEXT), '') AS message,  -- substr of an empty BLOB is NULL
    length(CAST(log_message AS BLOB)) AS size,
    coalesce(CAST(created_at AS TEXT), '') AS created
  FROM job_logs WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?4
)"""
# One step of one statement: see ``storage.polling.reader``.

_OWN_AT: Final = """
SELECT first_id, last_id FROM otto_sink_rows WHERE epoch = ? AND first_id <= ? ORDER BY first_id DESC LIMIT 1"""

_OWN_BEHIND: Final = """
SELECT first_id, last_id FROM otto_sink_rows WHERE epoch = ? AND first_id > ? ORDER BY first_id LIMIT 1"""


class ExternalRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A row that is no copy. ``message`` may be cut, to a byte more than was asked for; ``size`` is all of it."""

    id: int
    job_id: str
    message: str
    size: int
    created_at: str


@dataclass(frozen=True, slots=True)
class ExternalRows:
    """The foreign rows after a place, and ``upto``, the id that has been looked at with them."""

    rows: Sequence[ExternalRow]
    upto: int


_decoder: Final = msgspec.json.Decoder(list[ExternalRow])


class ExternalRowReader:
    """Reads beside everybody else, in transactions of a moment; belongs to one thread.

    Args:
        epoch: the journal's, whose copies are not foreign.
        rows_max: rows of one stretch.
        message_bytes_max: what is read of one message; a byte more, so that a cut can be told.
    """

    def __init__(self, table: PollingTable, epoch: str, *, rows_max: int, message_bytes_max: int) -> None:
        self._table = table
        self._epoch = epoch
        self._rows_max = rows_max
        self._message_bytes_max = message_bytes_max
        self._connection = FileConnection(table.path, self._connect)

    def __repr__(self) -> str:
        return f"<ExternalRowReader {self._table.path}>"

    def watch(self) -> TableWatch | None:
        """What the copy has settled about foreign rows in the file that is there now; None: nothing yet.

        Raises:
            StorageUnavailableError: the database cannot be read now.
        """
        with self._opened() as connection:
            return load_watch(connection, self._epoch)

    def restart(self) -> None:
        """Begin again after the rows that the table has now, because its ids have gone back.

        Raises:
            StorageUnavailableError: the database cannot be written now.
        """
        with (
            translate_errors(self._table.path),
            closing(self._table.connect(busy_timeout_seconds=_BUSY_TIMEOUT_SECONDS)) as connection,
            transaction(connection, self._table.write_lock),
        ):
            restart_watch(connection, self._epoch, high_water(connection))

    def read(self, after: int, upto: int | None = None) -> ExternalRows | None:
        """The foreign rows after ``after``, and no further than ``upto``; costs one look-up if nothing is new.

        Returns:
            None if the ids of the table have gone back after ``after``.

        Raises:
            StorageUnavailableError: the database cannot be read now.
        """
        with self._opened() as connection:
            high = high_water(connection)
            if high <= after:
                return None if high < after and has_gone_back(connection, after) else ExternalRows((), after)
            connection.execute("BEGIN")  # the rows, and which of them are copies, of one moment
            try:
                high = high_water(connection)
                return self._id_range(connection, after, high if upto is None else min(upto, high))
            finally:
                connection.execute("COMMIT")

    @property
    def is_replaced(self) -> bool:
        """Whether another file has taken the place of the one that is open."""
        return self._connection.is_replaced

    def close(self) -> None:
        """Close the connection; idempotent, and reading opens another."""
        self._connection.close()

    def _id_range(self, connection: sqlite3.Connection, after: int, high: int) -> ExternalRows:
        rows: list[ExternalRow] = []
        while after < high and len(rows) < self._rows_max:
            first, last = self._next_own(connection, after) or (high + 1, high + 1)
            if first > after + 1:
                end = min(first - 1, high)
                room = self._rows_max - len(rows)
                found = self._rows(connection, after, end, room)
                rows += found
                after = found[-1].id if len(found) == room else end
            else:
                after = min(last, high)
        return ExternalRows(rows, after)

    def _next_own(self, connection: sqlite3.Connection, after: int) -> tuple[int, int] | None:
        """The first stretch of copies that reaches after a row."""
        found: tuple[int, int] | None = connection.execute(_OWN_AT, (self._epoch, after + 1)).fetchone()
        if found is None or found[1] <= after:
            found = connection.execute(_OWN_BEHIND, (self._epoch, after + 1)).fetchone()
        return found

    def _rows(self, connection: sqlite3.Connection, after: int, upto: int, rows_max: int) -> list[ExternalRow]:
        array: str = connection.execute(_ROWS, (after, upto, self._message_bytes_max + 1, rows_max)).fetchone()[0]
        return _decoder.decode(array)

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        with translate_errors(self._table.path), self._connection.use() as connection:
            yield connection

    def _connect(self) -> sqlite3.Connection:
        connection = open_connection(self._table.path, Access.READ, busy_seconds=_BUSY_TIMEOUT_SECONDS)
        connection.text_factory = lossy_text
        return connection
