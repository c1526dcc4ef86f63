"""Updates of execution records for one Socket.IO client, as fast as it reads."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from gateway.engine_io.socket import EngineSocket
from gateway.transports.socket_io.encoding import raw_event
from sessions.updates import Update

__all__ = ["UpdateRelay"]

_UNREAD_MAX: Final = 256


class UpdateRelay:
    """Sends ``logs-updated``. A client that does not read is given the last update of a kind, not all of them.

    Args:
        socket: the client's.
        may_see: which scripts it may know of; None: all together.
        spawn: runs a coroutine in a task that the server owns.
    """

    def __init__(
        self,
        socket: EngineSocket,
        may_see: Callable[[str | None], bool],
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._socket = socket
        self._may_see = may_see
        self._spawn = spawn
        self._unread: dict[tuple[str, ...], Update] = {}
        self._is_sending = False

    def __repr__(self) -> str:
        return f"<UpdateRelay unread={len(self._unread)}>"

    def offer(self, updates: Sequence[Update]) -> int:
        """Take updates; how many were dropped because the client does not read."""
        dropped = 0
        for update in updates:
            if self._may_see(update.script_id):
                self._unread.pop(update.key, None)
                self._unread[update.key] = update
                if len(self._unread) > _UNREAD_MAX:
                    del self._unread[next(iter(self._unread))]
                    dropped += 1
        if self._unread and not self._is_sending:
            self._is_sending = True
            self._spawn(self._send())
        return dropped

    def close(self) -> None:
        """Send nothing more."""
        self._unread.clear()

    async def _send(self) -> None:
        try:
            while self._unread:
                await self._socket.wait_room()
                if self._unread:
                    update = self._unread.pop(next(iter(self._unread)))
                    self._socket.put(raw_event("logs-updated", update.json()))
        finally:
            self._is_sending = False
