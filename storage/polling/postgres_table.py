"""The polling database on PostgreSQL: how it is opened, written and read."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from typing import Final, Self

from storage.polling.interface import Extent, ExternalRow, Page
from storage.polling.postgres_reader import PostgresReader
from storage.polling.postgres_schema import is_complete, prepare, time_sql
from storage.postgres.address import plain_url, shown_address
from storage.postgres.errors import translate_errors
from storage.postgres.session import Session, SessionConnection, transaction

__all__ = ["PostgresPollingTable", "storable_text"]

_INSERT: Final = """
INSERT INTO job_logs (job_id, log_message, created_at)
SELECT j, m, c::timestamp FROM unnest(?1::text[], ?2::text[], ?3::text[]) WITH ORDINALITY AS r (j, m, c, n) ORDER BY n
RETURNING id"""

_ROWS: Final = """
SELECT id, job_id::text, left(log_message, ?3), octet_length(log_message), coalesce({created}, '') FROM job_logs
WHERE id > ?1 AND id <= ?2 ORDER BY id LIMIT ?4"""

_SEQUENCE: Final = """
SELECT pg_get_serial_sequence(quote_ident(nspname) || '.' || quote_ident(relname), 'id')
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = 'job_logs'::regclass"""

_SCHEMA: Final = (
    "SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = 'job_logs'::regclass"
)


class PostgresPollingTable:
    """See ``PollingStore``: the schema of a PostgreSQL database that is first in the search path and has the tables.

    Args:
        url: ``postgresql://…``.
        readers_max: threads that read for the polling API at the same time.

    Raises:
        DatabaseError: the URL names no database.
    """

    def __init__(self, url: str, *, readers_max: int = 2) -> None:
        self._url = plain_url(url)
        self.location = shown_address(url)
        self._reader = PostgresReader(self._url, self.location, threads_max=readers_max)
        self._created = ""
        self._schema = ""

    def __repr__(self) -> str:
        return f"<PostgresPollingTable {self.location}>"

    @classmethod
    async def open(cls, url: str, *, readers_max: int = 2) -> Self:
        """Make a table ready for use: see ``prepare``."""
        table = cls(url, readers_max=readers_max)
        await asyncio.to_thread(table.prepare)
        return table

    def prepare(self, *, busy_timeout_seconds: float = 5.0) -> None:  # noqa: ARG002 - of the connection
        """See ``PollingStore.prepare``."""
        with self.translated(), closing(self.writing(0.0)) as connection:
            self.create_missing(connection.get())

    def writing(
        self,
        busy_seconds: float,  # noqa: ARG002 - of SQLite
        on_open: Callable[[Session], None] = lambda _: None,
    ) -> SessionConnection:
        """See ``PollingStore.writing``."""
        return SessionConnection(self._url, on_open)

    def reading(self, busy_seconds: float) -> SessionConnection:  # noqa: ARG002
        """See ``PollingStore.reading``."""
        return SessionConnection(self._url)

    def translated(self) -> AbstractContextManager[None]:
        """See ``PollingStore.translated``."""
        return translate_errors(self.location)

    def transaction(self, connection: Session) -> AbstractContextManager[None]:
        """See ``PollingStore.transaction``. It waits for programs that have inserted rows and have not committed."""
        return transaction(connection, lock=self._turn(connection))

    @contextmanager
    def snapshot(self, connection: Session) -> Iterator[None]:
        """See ``PollingStore.snapshot``."""
        with self.transaction(connection):
            yield

    def checkpoint(self, connection: Session, written_bytes: int) -> None:
        """Nothing: the server does it."""

    def create_missing(self, connection: Session) -> None:
        """See ``PollingStore.create_missing``."""
        if not is_complete(connection, self.location):
            prepare(connection, self.location)
        self._schema = ""

    def insert_rows(self, connection: Session, values: Sequence[str]) -> Sequence[tuple[int, int]]:
        """See ``PollingStore.insert_rows``. A text has no NUL here; U+FFFD takes its place."""
        texts = list(map(storable_text, values))
        ids = [row_id for (row_id,) in connection.execute(_INSERT, (texts[0::3], texts[1::3], texts[2::3]))]
        return _stretches(ids)

    def has_gone_back(self, connection: Session, reached: int) -> bool:
        """See ``PollingStore.has_gone_back``."""
        if connection.execute("SELECT coalesce(max(id), 0) FROM job_logs").fetchone()[0] >= reached:
            return False
        sequence = connection.execute(_SEQUENCE).fetchone()[0]
        if sequence is None:
            return True
        given: int = connection.execute(f"SELECT last_value FROM {sequence}").fetchone()[0]  # noqa: S608 - quoted there
        return given < reached

    def skip_ids(self, connection: Session, count: int) -> None:
        """See ``PollingStore.skip_ids``."""
        sequence = connection.execute(_SEQUENCE).fetchone()[0]
        if sequence is not None:
            connection.execute(f"SELECT setval('{sequence}', last_value + ?) FROM {sequence}", (count,))  # noqa: S608

    def rows(
        self, connection: Session, after: int, upto: int, *, message_bytes_max: int, rows_max: int
    ) -> list[ExternalRow]:
        """See ``PollingStore.rows``."""
        if not self._created:
            self._created = time_sql(connection)
        query = _ROWS.format(created=self._created)
        return [ExternalRow(*row) for row in connection.execute(query, (after, upto, message_bytes_max, rows_max))]

    async def extent(self, job_id: str, after_id: int = 0) -> Extent:
        """See ``PollingStore.extent``."""
        return await self._reader.extent(job_id, after_id)

    async def page(self, job_id: str, after_id: int, upto_id: int, *, rows_max: int, bytes_max: int) -> Page:
        """See ``PollingStore.page``."""
        return await self._reader.page(job_id, after_id, upto_id, rows_max=rows_max, bytes_max=bytes_max)

    async def close(self) -> None:
        """See ``PollingStore.close``."""
        await self._reader.close()

    def _turn(self, connection: Session) -> tuple[str, str]:
        """The lock of ``postgres_schema``."""
        if not self._schema:
            self._schema = connection.execute(_SCHEMA).fetchone()[0]
        return "otto job_logs", self._schema


def storable_text(text: str) -> str:
    """A text as it is kept: one without NUL, and of characters only."""
    if text.isascii():
        return text.replace("\0", "\ufffd")
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()


def _stretches(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Ids that follow each other are one stretch; they do, unless a program has taken a number in advance."""
    found: list[tuple[int, int]] = []
    for row_id in ids:
        if found and found[-1][0] + 1 == row_id:
            found[-1] = row_id, found[-1][1] + 1
        else:
            found.append((row_id, 1))
    return found
