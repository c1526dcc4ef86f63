"""What gateways on one database have together beside the journal, over one connection: messages, and small tables.

A message is a notification: it reaches the gateways that listen at that moment, or nobody. So it is either a hint, or
there is a row that says the same. Who listens has a row in ``journal_peers``, stamped by the database each second.
"""

import asyncio
import contextlib
import logging
import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import asyncpg

from storage.errors import StorageError, StorageObstructedError
from storage.postgres.address import plain_url, shown_address
from storage.postgres.connections import Row, connect
from storage.postgres.errors import translate_errors

__all__ = ["ALIVE", "MESSAGE_BYTES_MAX", "GatewayChannel"]

_log = logging.getLogger(__name__)

MESSAGE_BYTES_MAX: Final = 7900
"""PostgreSQL's limit is 8,000, the sender included."""
PEER_SECONDS_MAX: Final = 10.0
"""A gateway that gives no sign of life for so long is not waited for."""

_SESSIONS: Final = "SELECT pid FROM pg_stat_activity"
ALIVE: Final = f"seen > now() - interval '{PEER_SECONDS_MAX:.0f} s' AND journal_peers.pid IN ({_SESSIONS})"
"""Of a row of ``journal_peers``: the gateway lives. The connection of one that was killed is gone at once."""

_BEAT_SECONDS: Final = 1.0
_ANSWER_SECONDS_MAX: Final = 5.0
_WAITING_MAX: Final = 1000

_BEAT: Final = """
INSERT INTO journal_peers (gateway, public_key, pid, seen) VALUES ($1, $2, pg_backend_pid(), now())
ON CONFLICT (gateway) DO UPDATE SET public_key = excluded.public_key, pid = excluded.pid, seen = now()"""
_CLOCK: Final = "SELECT extract(epoch FROM clock_timestamp())::float8"
_CLOCK_SECONDS_MAX: Final = 5.0
"""By how much a clock may differ before it is said."""

_FORGET: Final = "DELETE FROM journal_peers WHERE seen < now() - interval '60 s'"
_COUNT: Final = f"SELECT count(*) FROM journal_peers WHERE {ALIVE}"  # noqa: S608 - a constant
_LEAVE: Final = "DELETE FROM journal_peers WHERE gateway = $1"


class GatewayChannel:
    """Connected from ``start`` until ``close``; belongs to the event loop.

    Args:
        url: of the database that all gateways share, whose tables are there.
        gateway: a name that no other one has.
        public_key: shown to the others.

    Attributes:
        gateways: how many there are, this one included, as of the last second.
        dropped: messages that were not sent, because the database was away for too long.
        on_return: called when this gateway was away for so long that others have not waited for it.
        error: why the others cannot be reached; empty if they can.
        clock_ahead_seconds: how far this gateway's clock is ahead of the database's, as of the last second.
    """

    def __init__(self, url: str, *, gateway: str, public_key: bytes = b"") -> None:
        self.gateway = gateway
        self.public_key = public_key
        self.gateways = 0
        self.dropped = 0
        self.error = ""
        self.clock_ahead_seconds = 0.0
        self._time_at: tuple[float, float] | None = None  # the database's, and the loop's at the same moment
        self._is_clock_off = False
        self.on_return: Callable[[], None] | None = None
        self._url = plain_url(url)
        self._address = shown_address(url)
        self._handlers: dict[str, Callable[[str, str], None]] = {}
        self._waiting: deque[str] = deque()
        self._wake = asyncio.Event()
        self._turn = asyncio.Lock()
        self._connection: asyncpg.Connection | None = None
        self._channel = ""
        self._seen_at: float | None = None
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<GatewayChannel {self._address} gateways={self.gateways} waiting={len(self._waiting)}>"

    @property
    def clock_error(self) -> str:
        """How this gateway's clock differs from the database's; empty if it does not."""
        if not self._is_clock_off:
            return ""
        seconds = self.clock_ahead_seconds
        by = f"{abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'}"
        return f"the clock of this gateway is {by} the database's; tokens expire and schedules are due by it"

    def database_time(self) -> float:
        """Unix seconds by the database's clock, which all gateways share; until it is known, by this gateway's."""
        if self._time_at is None:
            return time.time()
        seconds, at = self._time_at
        return seconds + asyncio.get_running_loop().time() - at

    def listen(self, kind: str, handler: Callable[[str, str], None]) -> None:
        """Have a handler called with the sender and the text of each message of one kind from another gateway."""
        self._handlers[kind] = handler

    def send(self, kind: str, text: str = "") -> None:
        """Send a message to all other gateways, soon.

        Args:
            kind: one word.
            text: of ``MESSAGE_BYTES_MAX`` bytes at most, together with the kind.
        """
        if len(self._waiting) >= _WAITING_MAX:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(f"{self.gateway} {kind} {text}")
        self._wake.set()

    async def fetch(self, query: str, *arguments: object) -> Sequence[Row]:
        """The rows of a statement, which is sent once.

        Raises:
            StorageError: the database cannot be used now.
        """
        with translate_errors(self._address):
            async with self._turn:
                if self._connection is None or self._connection.is_closed():
                    text = self.error or "is not connected"
                    raise StorageObstructedError(f"PostgreSQL at {self._address} {text}", text)
                async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                    rows: Sequence[Row] = await self._connection.fetch(query, *arguments)
                return rows

    async def start(self) -> None:
        """Connect, and be known to the others when this returns; idempotent.

        Raises:
            StorageError: the database cannot be used now.
        """
        if self._task is None:
            with translate_errors(self._address):
                await self._connect()
            self._task = asyncio.create_task(self._run(), name="gateway-channel")

    async def close(self) -> None:
        """Leave; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with contextlib.suppress(StorageError):
                await self.fetch(_LEAVE, self.gateway)
        await self._disconnect()

    async def _run(self) -> None:
        while True:
            try:
                with translate_errors(self._address):
                    if self._connection is None:
                        await self._connect()
                    await self._send_and_beat()
            except StorageError as error:
                if not self.error:
                    _log.warning("other gateways cannot be reached", extra={"reason": str(error)})
                self.error = str(error)
            except Exception as error:  # noqa: BLE001 - it is tried again
                _log.exception("the channel of the gateways failed")
                self.error = f"{type(error).__name__}: {error}"
            await self._disconnect()
            await asyncio.sleep(_BEAT_SECONDS)

    async def _connect(self) -> None:
        connection = await connect(self._url, synchronous_commit=False)
        try:
            schema = await connection.fetchval("SELECT current_schema()::text")
            self._channel = f"otto_gateways_{zlib.crc32(schema.encode()):08x}"
            await connection.add_listener(self._channel, self._heard)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        await self._beat()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.close(timeout=2.0)

    async def _send_and_beat(self) -> None:
        loop = asyncio.get_running_loop()
        next_beat = loop.time() + _BEAT_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(next_beat):
                    await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self.fetch("SELECT pg_notify($1, $2)", self._channel, self._waiting[0])
                self._waiting.popleft()
            if loop.time() >= next_beat:
                await self._beat()
                next_beat = loop.time() + _BEAT_SECONDS

    async def _beat(self) -> None:
        """Say that this gateway lives. A row that others have deleted, or took for dead, means that it missed much."""
        await self.fetch(_BEAT, self.gateway, self.public_key)
        self.gateways = (await self.fetch(_COUNT))[0][0]
        await self._compare_clocks()
        await self.fetch(_FORGET)
        self.error = ""
        now, before = asyncio.get_running_loop().time(), self._seen_at
        self._seen_at = now
        if before is not None and now - before > PEER_SECONDS_MAX / 2 and self.on_return is not None:
            self.on_return()

    async def _compare_clocks(self) -> None:
        sent = time.time()
        seconds = (await self.fetch(_CLOCK))[0][0]
        answered = time.time()
        self._time_at = seconds, asyncio.get_running_loop().time()
        self.clock_ahead_seconds = (sent + answered) / 2 - seconds  # the answer was given somewhere in between
        is_off = abs(self.clock_ahead_seconds) - (answered - sent) / 2 > _CLOCK_SECONDS_MAX
        if is_off != self._is_clock_off:
            self._is_clock_off = is_off
            text = "the clocks of gateway and database differ" if is_off else "the clocks agree again"
            _log.warning(text, extra={"reason": self.clock_error, "ahead_seconds": round(self.clock_ahead_seconds, 1)})

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        sender, _, rest = str(payload).partition(" ")
        kind, _, text = rest.partition(" ")
        handler = self._handlers.get(kind)
        if sender == self.gateway or handler is None:
            return
        try:
            handler(sender, text)
        except Exception:  # noqa: BLE001 - a message that cannot be read costs no other one
            _log.exception("a message of another gateway was not understood")
