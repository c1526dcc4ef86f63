"""Connections to PostgreSQL, for threads that wait and for the event loop."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import asyncpg

from storage.postgres.address import single_servers
from storage.postgres.errors import is_lost

__all__ = ["CONNECT_SECONDS_MAX", "IDLE_SECONDS_MAX", "SETTINGS", "Link", "Row", "connect"]

T = TypeVar("T")
Row: TypeAlias = Any
"""A row: its columns by place and by name."""

CONNECT_SECONDS_MAX: Final = 10.0
_DEAD_PEER_MILLISECONDS: Final = 10_000
"""How long sent bytes may stay without an acknowledgement: a host that is gone is noticed then, not after minutes."""

_NOT_REPLICATED: Final = ("canceling wait for synchronous", "canceling the wait for synchronous")
"""A commit that an administrator cancelled while it waited for a standby is answered as done, with this warning."""

_NEXT_SERVER: Final = (OSError, asyncpg.TargetServerAttributeNotMatched, asyncpg.CannotConnectNowError)
"""What one server of several may answer while another one can be written."""

_served: dict[str, str] = {}
"""Which server of a URL could be written last."""

IDLE_SECONDS_MAX: Final = "3s"
"""How long a transaction may do nothing: a gateway that is stopped with the lane locked stops all others."""

SETTINGS: Final = {
    "application_name": "otto-gateway",
    "jit": "off",
    "TimeZone": "UTC",
    "statement_timeout": "0",  # a commit that is cut off says nothing about whether it is stored
    "lock_timeout": "5s",
    "idle_in_transaction_session_timeout": IDLE_SECONDS_MAX,
    "otto.session": "kept",  # whatever an administrator has set for everybody: only this connection asked for it
}

# A pooler in transaction mode gives each statement another session. Limits that older servers do not have cannot be
# among the settings above: a server refuses what it does not know.
_SESSION: Final = """
SELECT current_setting('otto.session', true) = 'kept', (SELECT count(set_config(name, '0', false)) FROM pg_settings
WHERE name IN ('idle_session_timeout', 'transaction_timeout') AND setting <> '0')"""


async def connect(url: str, *, synchronous_commit: bool = True) -> asyncpg.Connection:
    """A connection to a server that can be written.

    Args:
        url: ``postgresql://…``; of several hosts the one that can be written.
        synchronous_commit: False for what may be lost with the server.

    Raises:
        ProtocolViolationError: a pooler is in between that does not keep a session.
    """
    settings = dict(SETTINGS)
    if not synchronous_commit:
        settings["synchronous_commit"] = "off"
    servers = single_servers(url)
    if _served.get(url) in servers:  # that which could be written the last time comes first
        servers = sorted(servers, key=lambda server: server != _served[url])
    unfit: Exception | None = None
    for server in servers:
        # One after the other, each with its share of the time: a host that has vanished does not answer at all.
        try:
            async with asyncio.timeout(CONNECT_SECONDS_MAX / len(servers)):
                connection = await _connect(server, settings)
        except _NEXT_SERVER as error:
            unfit = error if unfit is None or not isinstance(error, OSError) else unfit
        else:
            _served[url] = server
            return connection
    assert unfit is not None  # noqa: S101 - there is at least one server
    raise unfit


async def _connect(server: str, settings: dict[str, str]) -> asyncpg.Connection:
    connection = await asyncpg.connect(
        server, timeout=CONNECT_SECONDS_MAX, server_settings=settings, target_session_attrs="read-write"
    )
    is_kept = False
    try:
        is_kept, _ = await connection.fetchrow(_SESSION)
    finally:
        if not is_kept:
            connection.terminate()
    if not is_kept:
        raise asyncpg.ProtocolViolationError("it does not keep the settings of a session, as in transaction mode")
    return connection


class _Loop(asyncio.SelectorEventLoop):
    """A thread's own loop, whose connections notice a host that is gone."""

    async def create_connection(self, *args: Any, **kwargs: Any) -> Any:
        transport, protocol = await super().create_connection(*args, **kwargs)
        made = transport.get_extra_info("socket")
        if made is not None and made.family in {socket.AF_INET, socket.AF_INET6}:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_PEER_MILLISECONDS)
        return transport, protocol


class Link:
    """One connection whose calls block; belongs to one thread at a time. It is made by the first call.

    After an error that ends the connection the next call makes another one. What only reads is asked again by itself:
    a server that was restarted shows only in the next call.

    Args:
        url: see ``connect``.
        on_connect: called with the link after each connection is made.
        synchronous_commit: see ``connect``.
    """

    def __init__(
        self, url: str, *, on_connect: Callable[["Link"], None] = lambda _: None, synchronous_commit: bool = True
    ) -> None:
        self._url = url
        self._on_connect = on_connect
        self._synchronous_commit = synchronous_commit
        self._loop: asyncio.AbstractEventLoop | None = None
        self._connection: asyncpg.Connection | None = None
        self._is_replicated = True

    def __repr__(self) -> str:
        return f"<Link {'open' if self._connection else 'closed'}>"

    @property
    def is_open(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._connection is not None and not self._connection.is_closed()

    @property
    def connection(self) -> asyncpg.Connection | None:
        """The open connection."""
        return self._connection

    def read(self, query: str, *arguments: object) -> Sequence[Row]:
        """The rows of a query that changes nothing."""
        try:
            return self.fetch(query, *arguments)
        except Exception as error:
            if self._connection is not None or not is_lost(error):
                raise
        return self.fetch(query, *arguments)

    def fetch(self, query: str, *arguments: object) -> Sequence[Row]:
        """The rows of a query, which is sent once."""
        self.open()
        return self.run(lambda connection: connection.fetch(query, *arguments))

    def execute(self, query: str, *arguments: object) -> str:
        """Execute a statement, or several without arguments; what the server says of it."""
        self.open()
        done: str = self.run(lambda connection: connection.execute(query, *arguments))
        return done

    def open(self) -> None:
        """Connect, unless it is."""
        if self.is_open:
            return
        if self._loop is None:
            self._loop = _Loop()
        try:
            self._connection = self._loop.run_until_complete(
                connect(self._url, synchronous_commit=self._synchronous_commit)
            )
        except BaseException:
            self.close()  # an owner that is made with an open link has none to close
            raise
        self._is_replicated = True
        self._connection.add_log_listener(self._logged)
        try:
            self._on_connect(self)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """Give the connection up at once: a transaction under way on it is rolled back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def close(self) -> None:
        """Close; idempotent."""
        connection, self._connection = self._connection, None
        loop, self._loop = self._loop, None
        if loop is None:
            return
        if connection is not None:
            with contextlib.suppress(Exception):
                loop.run_until_complete(connection.close(timeout=2.0))
        loop.run_until_complete(asyncio.sleep(0))  # transports close in a later turn
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def run(self, call: Callable[[asyncpg.Connection], Coroutine[Any, Any, T]]) -> T:
        """Wait for what a call of the open connection returns."""
        assert self._loop is not None  # noqa: S101 - ``open`` was called
        assert self._connection is not None  # noqa: S101
        try:
            result = self._loop.run_until_complete(call(self._connection))
        except Exception as error:
            if is_lost(error):
                self.drop()
            raise
        if not self._is_replicated:  # as good as a lost answer: who asks again waits for the standby
            self.drop()
            raise asyncpg.ConnectionDoesNotExistError("the wait for the synchronous standby was cancelled")
        return result

    def _logged(self, _connection: object, message: asyncpg.PostgresLogMessage) -> None:
        if str(message.message).startswith(_NOT_REPLICATED):
            self._is_replicated = False
