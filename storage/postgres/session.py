"""A blocking connection for statements that SQLite understands as well: ``?`` for parameters, results as cursors."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import asyncpg

from storage.postgres.connections import Link, Row
from storage.postgres.errors import is_lost

__all__ = ["Session", "SessionConnection", "transaction"]

_PARAMETER: Final = re.compile(r"\?(\d*)")
_RETURNS_ROWS: Final = re.compile(r"^\s*(SELECT|WITH|SHOW)\b|\bRETURNING\b", re.IGNORECASE)
_LOCK_SECONDS: Final = 1.0


class _Result:
    """Rows of a statement, or how many it has changed."""

    def __init__(self, rows: Sequence[Row], rowcount: int) -> None:
        self.rowcount = rowcount
        self._rows = iter(rows)

    def fetchone(self) -> Any:
        return next(self, None)

    def fetchall(self) -> Sequence[Any]:
        return list(self)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return tuple(next(self._rows))


class Session:
    """A connection in autocommit mode; belongs to one thread at a time. It is not made again by itself."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __repr__(self) -> str:
        return f"<Session {self._link!r}>"

    @property
    def is_open(self) -> bool:
        """Whether the connection is there, as far as is known."""
        return self._link.is_open

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> _Result:
        """Execute one statement. Parameters are ``?``, or ``?1`` and so on, and only they are question marks."""
        if not self._link.is_open:
            raise asyncpg.InterfaceError("the connection was lost")  # a transaction would continue in another one
        query = _numbered(sql)
        if _RETURNS_ROWS.search(query):
            rows = self._link.fetch(query, *parameters)
            return _Result(rows, len(rows))
        status = self._link.execute(query, *parameters)
        return _Result((), _count(status))

    def close(self) -> None:
        """Close the connection; idempotent."""
        self._link.close()


class SessionConnection:
    """A session that is opened when it is needed, and anew after an error."""

    def __init__(self, url: str, on_open: Callable[[Session], None] = lambda _: None) -> None:
        self._url = url
        self._on_open = on_open
        self._session: Session | None = None

    def __repr__(self) -> str:
        return f"<SessionConnection {'open' if self._session else 'closed'}>"

    @property
    def current(self) -> Session | None:
        """The open session; None if it is closed."""
        return self._session

    @property
    def is_replaced(self) -> bool:
        """Whether the next use has to open another."""
        return self._session is not None and not self._session.is_open

    def get(self) -> Session:
        """The session; opens it."""
        if self.is_replaced:
            self.close()
        if self._session is None:
            link = Link(self._url)
            session = Session(link)
            try:
                link.open()
                self._on_open(session)
            except BaseException:
                session.close()
                raise
            self._session = session
        return self._session

    @contextmanager
    def use(self) -> Iterator[Session]:
        """``get``; after an error the next use opens another."""
        try:
            yield self.get()
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            self.close()
            raise

    def close(self) -> None:
        """Close; idempotent."""
        session, self._session = self._session, None
        if session is not None:
            session.close()


@contextmanager
def transaction(session: Session, *, lock: Sequence[str] = ()) -> Iterator[None]:
    """A transaction; nothing is stored if something is raised.

    Args:
        session: outside of a transaction.
        lock: two texts that name an advisory lock, which is held until the end; none: no lock.
    """
    session.execute("BEGIN")
    try:
        if lock:
            session.execute(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS * 1000:.0f}ms'")
            session.execute("SELECT pg_advisory_xact_lock(hashtext(?), hashtext(?))", lock)
        yield
        session.execute("COMMIT")
    except BaseException as error:
        if session.is_open and not is_lost(error):
            with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                session.execute("ROLLBACK")
        raise


@lru_cache(maxsize=256)
def _numbered(sql: str) -> str:
    numbers = itertools.count(1)
    return _PARAMETER.sub(lambda found: f"${found[1] or next(numbers)}", sql)


def _count(status: str) -> int:
    """How many rows a statement has changed, from its tag: ``INSERT 0 3``, ``UPDATE 1``, ``BEGIN``."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0
