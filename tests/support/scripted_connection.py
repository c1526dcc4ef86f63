"""A WebSocket's connection that a test holds up, and an owner that keeps what a socket reports."""

from collections.abc import Callable

from gateway.engine_io.frames import texts_of
from gateway.engine_io.socket import EngineSocket

__all__ = ["RecordingOwner", "ScriptedConnection"]


class ScriptedConnection:
    """``gateway.engine_io.interfaces.WebSocketConnection``; writable until it is told otherwise."""

    def __init__(self) -> None:
        self.on_writable: Callable[[], None] = lambda: None
        self.on_gone: Callable[[], None] = lambda: None
        self.is_writable = True
        self.texts: list[str] = []
        self.is_hung_up = self.is_aborted = False

    def write_frames(self, frames: bytes) -> None:
        assert self.is_writable
        self.texts += texts_of(frames)

    def hang_up(self, seconds_max: float) -> None:
        self.is_hung_up = True

    def abort(self) -> None:
        self.is_aborted = True

    def drain(self) -> None:
        """The peer has read."""
        self.is_writable = True
        self.on_writable()


class RecordingOwner:
    """``gateway.engine_io.socket.SocketOwner``."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.ends: list[str] = []

    async def received(self, socket: EngineSocket, text: str) -> None:
        self.messages.append(text)

    def closed(self, socket: EngineSocket) -> None:
        self.ends.append("closed")

    def gone(self, socket: EngineSocket) -> None:
        self.ends.append("gone")
