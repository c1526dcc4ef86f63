"""One subscription of a Socket.IO client, as its session sees it."""

from typing import TYPE_CHECKING

from filters.timestamps import now
from gateway.engine_io.socket import EngineSocket
from gateway.transports.socket_io.encoding import event
from gateway.transports.socket_io.messages import LogComplete, LogGap, RequestError
from sessions.close_reasons import CloseReason
from sessions.notices import Completed, Gap, Heartbeat, Notice, StreamError
from sessions.transport import EncodedBatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from sessions.session import Session

__all__ = ["SocketIoTransport"]


class SocketIoTransport:
    """Hands shared packets to the client's socket, and waits for room there like every other subscription of it.

    Attributes:
        reason: why the session ended; None while it is open.
    """

    kind = "socketio"

    def __init__(self, socket: EngineSocket, task_id: str, on_end: "Callable[[SocketIoTransport], None]") -> None:
        self.task_id = task_id
        self.session: Session | None = None
        self.reason: CloseReason | None = None
        self._socket = socket
        self._on_end = on_end
        self._is_waiting = False

    def __repr__(self) -> str:
        return f"<SocketIoTransport {self.task_id!r} {self._socket!r}>"

    def write(self, run: EncodedBatch) -> bool:
        """Hand over a run."""
        return self._socket.write(run.data) or self._wait()

    def notify(self, notice: Notice) -> bool:
        """Send a gap, the end of the task or of the subscription. Engine.IO has heartbeats of its own."""
        match notice.payload:
            case Heartbeat():
                return True
            case Gap(first, last, reason):
                self._socket.put(event("log-gap", LogGap(self.task_id, first, last, reason)))
            case Completed(status, timestamp, last, message):
                complete = LogComplete(self.task_id, status, timestamp, last, message, str(notice.position))
                self._socket.put(event("log-complete", complete))
            case StreamError(code, message) if self.session is not None:
                # The client was notified that it is subscribed; this takes it back.
                error = RequestError(
                    event="subscribe-to-logs", task_id=self.task_id, code=code, message=message, timestamp=now()
                )
                self._socket.put(event("subscription_error", error))
        return self._socket.has_room or self._wait()

    def end(self, reason: CloseReason) -> None:
        """The session is over; what was handed to the socket is still sent."""
        self.reason = reason
        self._on_end(self)
        self.session = None  # it has this object, and only the garbage collector could part them

    def _wait(self) -> bool:
        if not self._is_waiting:
            self._is_waiting = True
            self._socket.when_room(self._resume)
        return False

    def _resume(self) -> None:
        self._is_waiting = False
        session = self.session
        if session is None or session.is_closed:
            return
        session.resume()
