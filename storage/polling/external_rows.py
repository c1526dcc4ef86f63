"""Reading the rows that other programs inserted into `job_logs`, in the order of their ids."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NoReturn

import msgspec

from storage.polling.errors import PollingUnavailableError
from storage.polling.row_map import TableWatch, has_gone_back, high_water, load_watch, restart_watch
from storage.polling.table import PollingTable

__all__ = ["ExternalRow", "ExternalRowReader", "ExternalRows"]

_BUSY_TIMEOUT_SECONDS: Final = 0.5

_ROWS: Final = """
SELECT json_group_array(json_array(id, job, message, size, created)) FROM (
  SELECT id,
    CAST(job_id AS TEXT) AS job,
    CAST(substr(CAST(log_message AS BLOB), 1, ?3) AS TEXT) AS message,
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
    """The foreign rows behind a place, and ``upto``, the id that has been looked at with them."""

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
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"<ExternalRowReader {self._table.path}>"

    def watch(self) -> TableWatch | None:
        """What the copy has settled about foreign rows in the file that is there now; None: nothing yet.

        Raises:
            PollingUnavailableError: the database cannot be read now.
        """
        try:
            return load_watch(self._db(), self._epoch)
        except sqlite3.Error as error:
            self._failed(error)

    def restart(self) -> None:
        """Begin again behind the rows that the table has now, because its ids have gone back.

        Raises:
            PollingUnavailableError: the database cannot be written now.
        """
        try:
            with (
                self._table.write_lock.background(),
                closing(self._table.connect(busy_timeout_seconds=_BUSY_TIMEOUT_SECONDS)) as connection,
            ):
                connection.execute("BEGIN IMMEDIATE")
                restart_watch(connection, self._epoch, high_water(connection))
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed(error)

    def read(self, after: int, upto: int | None = None) -> ExternalRows | None:
        """The foreign rows behind ``after``, and no further than ``upto``; costs one look-up where nothing is new.

        Returns:
            None where the ids of the table have gone back behind ``after``.

        Raises:
            PollingUnavailableError: the database cannot be read now.
        """
        try:
            connection = self._db()
            high = high_water(connection)
            if high <= after:
                return None if high < after and has_gone_back(connection, after) else ExternalRows((), after)
            connection.execute("BEGIN")  # the rows, and which of them are copies, of one moment
            try:
                high = high_water(connection)
                return self._id_range(connection, after, high if upto is None else min(upto, high))
            finally:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._failed(error)

    @property
    def is_replaced(self) -> bool:
        """Whether another file has taken the place of the one that is open."""
        return self._connection is not None and self._file != self._file_now()

    def close(self) -> None:
        """Close the connection; idempotent, and reading opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

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
        """The first stretch of copies that reaches behind a row."""
        found: tuple[int, int] | None = connection.execute(_OWN_AT, (self._epoch, after + 1)).fetchone()
        if found is None or found[1] <= after:
            found = connection.execute(_OWN_BEHIND, (self._epoch, after + 1)).fetchone()
        return found

    def _rows(self, connection: sqlite3.Connection, after: int, upto: int, rows_max: int) -> list[ExternalRow]:
        array: str = connection.execute(_ROWS, (after, upto, self._message_bytes_max + 1, rows_max)).fetchone()[0]
        return _decoder.decode(array)

    def _db(self) -> sqlite3.Connection:
        if self.is_replaced:
            self.close()
        if self._connection is None:
            # Not read-only: the first to open a write-ahead log has to be able to make its index.
            connection = sqlite3.connect(
                f"{self._table.path.as_uri()}?mode=rw",
                uri=True,
                timeout=_BUSY_TIMEOUT_SECONDS,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.text_factory = _text  # rows of other programs need not be UTF-8
            connection.execute("PRAGMA query_only = ON")
            self._connection, self._file = connection, self._file_now()
        return self._connection

    def _file_now(self) -> tuple[int, int] | None:
        try:
            file = self._table.path.stat()
        except FileNotFoundError:
            return None
        return file.st_dev, file.st_ino

    def _failed(self, error: sqlite3.Error) -> NoReturn:
        self.close()
        raise PollingUnavailableError(error, self._table.path) from error


def _text(value: bytes) -> str:
    return value.decode(errors="replace")
