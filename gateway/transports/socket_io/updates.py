"""Updates of execution records and jobs for one Socket.IO client, as fast as it reads."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from gateway.engine_io.socket import EngineSocket
from gateway.transports.socket_io.encoding import raw_event
from sessions.conflated import Unread
from sessions.updates import AnyUpdate

__all__ = ["UpdateRelay"]

_UNREAD_MAX: Final = 256


class UpdateRelay:
    """Sends ``logs-updated`` and ``progress``; to a client that does not read, the last update of a kind, not all.

    Args:
        socket: the client's.
        may_see: which scripts and jobs it may know of; None: all together.
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
        self._unread: Unread[tuple[str, ...], AnyUpdate] = Unread(_UNREAD_MAX)
        self._is_sending = False

    def __repr__(self) -> str:
        return f"<UpdateRelay unread={len(self._unread)}>"

    def offer(self, updates: Sequence[AnyUpdate]) -> int:
        """Take updates; how many were dropped because the client does not read."""
        dropped = 0
        for update in updates:
            if self._may_see(update.subject):
                dropped += self._unread.put(update.key, update)
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
                    update = self._unread.pop()
                    self._socket.put(raw_event(update.socket_io_event, update.json()))
        finally:
            self._is_sending = False
