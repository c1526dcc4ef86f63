"""SQLAlchemy on connections whose calls block: its own adapter of asyncpg, each call in a loop of the connection.

SQLAlchemy runs asyncpg in a greenlet beside an event loop. Repositories run in threads, without a loop and inside of
``with`` statements, so here each call of the driver has a greenlet and a loop of its own for as long as it takes.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import asyncpg
import sqlalchemy
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import (
    AsyncAdapt_asyncpg_connection,
    AsyncAdapt_asyncpg_cursor,
    AsyncAdapt_asyncpg_dbapi,
    PGDialect_asyncpg,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn
from sqlalchemy.util import greenlet_spawn

from storage.postgres.connections import Link

__all__ = ["BlockingDialect", "make_engine"]

T = TypeVar("T")


class _Cursor(AsyncAdapt_asyncpg_cursor):
    def execute(self, operation: Any, parameters: Any = None) -> Any:
        return _run(self, super().execute, operation, parameters)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        return _run(self, super().executemany, operation, seq_of_parameters)


def _run(cursor: AsyncAdapt_asyncpg_cursor, call: Callable[..., T], *arguments: Any) -> T:
    connection = cursor._adapt_connection
    assert isinstance(connection, _Connection)  # noqa: S101 - it made the cursor
    return connection.run(call, *arguments)


class _Connection(AsyncAdapt_asyncpg_connection):
    _cursor_cls = _Cursor

    def __init__(self, dbapi: Any, link: Link) -> None:
        link.open()
        self._link = link
        super().__init__(dbapi, link.connection)  # type: ignore[no-untyped-call]

    def run(self, call: Callable[..., T], *arguments: Any) -> T:
        return self._link.run(lambda _: greenlet_spawn(call, *arguments))

    def ping(self) -> None:
        self.run(super().ping)

    def commit(self) -> None:
        self.run(super().commit)

    def rollback(self) -> None:
        self.run(super().rollback)

    def close(self) -> None:
        self._link.close()

    def terminate(self) -> None:
        self._link.drop()
        self._link.close()


class BlockingDialect(PGDialect_asyncpg):
    """SQLAlchemy's dialect for asyncpg, for connections of ``make_engine``."""

    supports_statement_cache = True
    is_async = False

    def on_connect(self) -> None:
        """Nothing: what asyncpg needs for JSON is of no use here."""


registry.register("postgresql.otto", __name__, BlockingDialect.__name__)


@compiles(CreateColumn, "postgresql")
def _create_column(element: CreateColumn, compiler: Any, **options: Any) -> str:
    """Times have no time zone and are UTC, whatever the time zone of those who insert."""
    text: str = compiler.visit_create_column(element, **options)
    return text.replace("DEFAULT CURRENT_TIMESTAMP", "DEFAULT date_trunc('second', timezone('UTC', now()))")


def make_engine(url: str, pool: type[sqlalchemy.Pool], **options: Any) -> sqlalchemy.Engine:
    """An engine for threads; each of its connections belongs to one of them at a time.

    Args:
        url: ``postgresql://…``.
        pool: the class of its pool.
        options: of ``sqlalchemy.create_engine``.
    """
    dbapi = AsyncAdapt_asyncpg_dbapi(asyncpg)  # type: ignore[no-untyped-call]
    return sqlalchemy.create_engine(
        "postgresql+otto://",
        module=dbapi,
        creator=lambda: _Connection(dbapi, Link(url)),
        poolclass=pool,
        **options,
    )
