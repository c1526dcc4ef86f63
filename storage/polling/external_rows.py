"""Reading the rows that other programs inserted into `job_logs`, in the order of their ids."""

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Final

from storage.polling.interface import ExternalRow, PollingStore, SqlConnection
from storage.polling.row_map import TableWatch, high_water, load_watch, restart_watch

__all__ = ["ExternalRow", "ExternalRowReader", "ExternalRows"]

_BUSY_TIMEOUT_SECONDS: Final = 0.5

_OWN_AT: Final = """
SELECT first_id, last_id FROM otto_sink_rows WHERE epoch = ? AND first_id <= ? ORDER BY first_id DESC LIMIT 1"""

_OWN_BEHIND: Final = """
SELECT first_id, last_id FROM otto_sink_rows WHERE epoch = ? AND first_id > ? ORDER BY first_id LIMIT 1"""


@dataclass(frozen=True, slots=True)
class ExternalRows:
    """The foreign rows after a place, and ``upto``, the id that has been looked at with them."""

    rows: Sequence[ExternalRow]
    upto: int


class ExternalRowReader:
    """Reads beside everybody else, in transactions of a moment; belongs to one thread.

    Args:
        epoch: the journal's, whose copies are not foreign.
        rows_max: rows of one stretch.
        message_bytes_max: what is read of one message; a byte more, so that a cut is noticed.
    """

    def __init__(self, table: PollingStore, epoch: str, *, rows_max: int, message_bytes_max: int) -> None:
        self._table = table
        self._epoch = epoch
        self._rows_max = rows_max
        self._message_bytes_max = message_bytes_max
        self._connection = table.reading(_BUSY_TIMEOUT_SECONDS)

    def __repr__(self) -> str:
        return f"<ExternalRowReader {self._table.location}>"

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
        with self._table.translated(), closing(self._table.writing(_BUSY_TIMEOUT_SECONDS)) as opened:
            connection = opened.get()
            with self._table.transaction(connection):
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
                return (
                    None if high < after and self._table.has_gone_back(connection, after) else ExternalRows((), after)
                )
            with self._table.snapshot(connection):  # the rows, and which of them are copies, of one moment
                high = high_water(connection)
                return self._id_range(connection, after, high if upto is None else min(upto, high))

    @property
    def is_replaced(self) -> bool:
        """Whether another file has taken the place of the one that is open."""
        return self._connection.is_replaced

    def close(self) -> None:
        """Close the connection; idempotent, and reading opens another."""
        self._connection.close()

    def _id_range(self, connection: SqlConnection, after: int, high: int) -> ExternalRows:
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

    def _next_own(self, connection: SqlConnection, after: int) -> tuple[int, int] | None:
        """The first stretch of copies that reaches after a row."""
        found: tuple[int, int] | None = connection.execute(_OWN_AT, (self._epoch, after + 1)).fetchone()
        if found is None or found[1] <= after:
            found = connection.execute(_OWN_BEHIND, (self._epoch, after + 1)).fetchone()
        return found

    def _rows(self, connection: SqlConnection, after: int, upto: int, rows_max: int) -> list[ExternalRow]:
        size = self._message_bytes_max + 1
        return self._table.rows(connection, after, upto, message_bytes_max=size, rows_max=rows_max)

    @contextmanager
    def _opened(self) -> Iterator[SqlConnection]:
        with self._table.translated(), self._connection.use() as connection:
            yield connection
