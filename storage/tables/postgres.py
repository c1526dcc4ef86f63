"""``TableDatabase`` on PostgreSQL."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg
import sqlalchemy
from sqlalchemy import Connection, text

from storage.errors import RecordRefusedError, SchemaError, StorageError
from storage.postgres.address import plain_url, shown_address
from storage.postgres.connections import Link
from storage.postgres.errors import is_lost, translate_errors
from storage.postgres.sql_driver import make_engine

__all__ = ["PostgresTables"]

_READERS_MAX: Final = 2
_IN_DOUBT_PAUSE_SECONDS: Final = 0.2

_REFUSALS: Final = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError, ValueError, OverflowError)
"""What is the fault of a value, and not of the database; asyncpg's own error for a value is a ValueError, too."""

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtext('otto ' || :name), hashtext(current_schema()::text))")


class PostgresTables:
    """See ``TableDatabase``. Writes of one name wait for each other, those of all threads and of all gateways:
    repositories have one writer.

    Tables are made in the schema that is first in the search path.
    """

    def __init__(self, url: str, *, create: Callable[[Connection], None], lock_seconds_max: float, name: str) -> None:
        self.location = shown_address(url)
        self.is_wanted = False
        self.exists = True
        self._url = plain_url(url)
        self._create = create
        self.lock_seconds_max = lock_seconds_max
        self._name = name
        self._readers = make_engine(
            self._url,
            sqlalchemy.QueuePool,
            pool_size=_READERS_MAX,
            max_overflow=2 * _READERS_MAX,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
        )
        self._writers = make_engine(self._url, sqlalchemy.NullPool)
        self._writer: Connection | None = None
        self._writing = threading.RLock()  # a connection is of one thread at a time, as is what it has begun

    def __repr__(self) -> str:
        return f"<PostgresTables {self.location}>"

    @property
    def is_new(self) -> bool:
        """Whether the next write is the first one of a connection."""
        return self._writer is None or self._writer.invalidated

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """See ``TableDatabase.reading``."""
        with self._translated(), self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def transaction(self, is_closing: Callable[[], bool]) -> Iterator[Connection]:  # noqa: ARG002 - the server waits
        """See ``TableDatabase.transaction``.

        A connection that is lost during the commit says nothing about it: the server is asked.
        """
        with self._writing, self._translated():
            connection = self._begun()
            try:
                yield connection
                number = connection.execute(text("SELECT pg_current_xact_id_if_assigned()::text")).scalar()
            except BaseException:
                self._give_up(connection)
                raise
            try:
                connection.commit()
            except BaseException as error:
                self.close()
                if not is_lost(_cause(error)) or not self._is_committed(number):
                    raise

    def close(self) -> None:
        """See ``TableDatabase.close``."""
        with self._writing:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.invalidate()
                writer.close()
            self._readers.dispose()

    def _begun(self) -> Connection:
        """The writer's connection in a transaction that has the lock."""
        is_new = self.is_new
        for is_last in (False, True):
            if self.is_new:
                self.close()
                self._writer = self._writers.connect()
            writer = self._writer
            assert writer is not None  # noqa: S101 - made above
            try:
                writer.execute(text(f"SET LOCAL lock_timeout = {int(self.lock_seconds_max * 1000)}"))
                writer.execute(_LOCK, {"name": self._name})
                if is_new:
                    self._create(writer)
            except BaseException as error:
                self.close()  # the next attempt is a first one again
                if is_last or is_new or not is_lost(_cause(error)):
                    raise
                is_new = True  # the server was restarted while nobody wrote
            else:
                return writer
        raise AssertionError  # pragma: no cover - the second attempt returns or raises

    def _give_up(self, connection: Connection) -> None:
        try:
            connection.rollback()
        except sqlalchemy.exc.DBAPIError:
            self.close()

    def _is_committed(self, number: str | None) -> bool:
        """Whether a transaction is stored whose commit was not answered."""
        if number is None:
            return True  # it changed nothing
        deadline = time.monotonic() + self.lock_seconds_max
        while True:
            link = Link(self._url)
            try:
                status = link.fetch("SELECT pg_xact_status($1::text::xid8)", number)[0][0]
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                status = "in progress"  # as far as is known
            finally:
                link.close()
            if status != "in progress":
                return bool(status == "committed")
            if time.monotonic() >= deadline:
                return False
            time.sleep(_IN_DOUBT_PAUSE_SECONDS)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translate_errors(self.location):
                try:
                    yield
                except sqlalchemy.exc.DBAPIError as error:
                    raise _cause(error) from error
        except SchemaError as error:
            raise SchemaError(f"PostgreSQL at {self.location}: {error}", error.reason) from error
        except StorageError as error:
            refusal = error.__cause__
            if isinstance(refusal, _REFUSALS):
                raise RecordRefusedError(str(refusal), getattr(refusal, "column_name", None)) from refusal
            raise
        except (UnicodeEncodeError, OverflowError) as error:
            raise RecordRefusedError(str(error)) from error


def _cause(error: BaseException) -> BaseException:
    """What the driver raised, inside of what SQLAlchemy made of it."""
    if isinstance(error, sqlalchemy.exc.DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error
