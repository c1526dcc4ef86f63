"""Which of several gateways does what is done once among all of them.

An advisory lock of the server, on a connection of its own: it is free as soon as the connection of a gateway that was
killed is gone. A gateway that stands still (a stopped process) loses it after a few seconds, and finds that out when
it continues; until then two may believe that they lead. So the lock saves work and contention, and what is written
compares its own progress in its own transaction.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Final

import asyncpg

from storage.errors import StorageError
from storage.postgres.address import shown_address
from storage.postgres.connections import connect
from storage.postgres.errors import translate_errors

__all__ = ["TRY_TO_LEAD", "Leadership"]

_log = logging.getLogger(__name__)

_LOOK_SECONDS: Final = 1.0
"""Between two attempts to become the leader, and two signs of life of the one that is."""
_IDLE_SECONDS_MAX: Final = 4.0
"""After which the server takes the lock from a leader that gives no sign of life."""
_ANSWER_SECONDS_MAX: Final = 2.0

TRY_TO_LEAD: Final = "SELECT pg_try_advisory_lock(hashtext('otto leader'), hashtext(current_schema()::text))"


class Leadership:
    """Takes part in the choice of the leader from ``start`` until ``close``; belongs to the event loop.

    Args:
        url: of the database that all gateways share.

    Attributes:
        on_change: called when this gateway has become the leader, or is not any more.
        error: why it cannot take part; empty if it can.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._address = shown_address(url)
        self.on_change: Callable[[], None] = lambda: None
        self._is_leader = False
        self._task: asyncio.Task[None] | None = None
        self.error = ""

    def __repr__(self) -> str:
        return f"<Leadership {self._address} {'leader' if self._is_leader else 'not the leader'}>"

    def is_leader(self) -> bool:
        """Whether this gateway does what is done once."""
        return self._is_leader

    def start(self) -> None:
        """Take part; idempotent."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="leadership")

    async def close(self) -> None:
        """Let another gateway lead at once; idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                with translate_errors(self._address):
                    await self._take_part()
            except StorageError as error:
                if not self.error:
                    _log.warning(
                        "this gateway cannot take part in the choice of a leader", extra={"reason": str(error)}
                    )
                self.error = str(error)
            except Exception as error:  # noqa: BLE001 - it is tried again
                _log.exception("leadership failed")
                self.error = f"{type(error).__name__}: {error}"
            await asyncio.sleep(_LOOK_SECONDS)

    async def _take_part(self) -> None:
        connection = await connect(self._url)
        try:
            await connection.execute(f"SET idle_session_timeout = '{_IDLE_SECONDS_MAX * 1000:.0f}ms'")
            while True:
                async with asyncio.timeout(_ANSWER_SECONDS_MAX):
                    if self._is_leader:
                        await connection.execute("SELECT 1")
                    elif await connection.fetchval(TRY_TO_LEAD):
                        self._change(is_leader=True)
                self.error = ""
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            self._change(is_leader=False)
            await _end(connection)

    def _change(self, *, is_leader: bool) -> None:
        if self._is_leader != is_leader:
            self._is_leader = is_leader
            _log.info(
                "this gateway does what is done once" if is_leader else "another gateway may do what is done once"
            )
            self.on_change()


async def _end(connection: asyncpg.Connection) -> None:
    """Close the connection, so that the lock is free; terminated, where the server does not answer."""
    with contextlib.suppress(Exception):
        await connection.close(timeout=_ANSWER_SECONDS_MAX)
