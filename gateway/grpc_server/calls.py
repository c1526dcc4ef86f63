"""One call on a stream: what has arrived for its handler, and what is pending to be sent."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final, Protocol

import structlog

from gateway.grpc_server.interface import ByteLease, Ending, Handler, Metadata, Method
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.messages import MessageReader, framed
from gateway.grpc_server.requests import Request
from gateway.grpc_server.status import OWN_FAULT, GrpcStatus, Headers, RefusedError, trailers
from gateway.grpc_server.windows import ReceiveWindow

__all__ = ["ServerCall"]

_SLICE_BYTES: Final = 64 << 10

_log = structlog.get_logger(__name__)


class _Connection(Protocol):
    """What a call needs of its connection."""

    address: str

    def is_due(self, call: "ServerCall") -> None:
        """The call can be delivered to: in a later turn of the loop."""

    def is_ready(self, call: "ServerCall") -> None:
        """The call has something to send, or has ended."""


class ServerCall:
    """Implements ``interface.Call``. Its connection feeds it, asks for ``deliver``, and sends what ``unsent`` holds.

    Attributes:
        stream_id: of HTTP/2.
        window: what the peer may send.
        unsent: answers that are not on their way yet.
        trailers: to be sent after ``unsent``; None: not ended.
        has_headers: the response's headers are sent.
        is_gone: nothing can be sent any more.
        is_admitted: its handler is there.
        has_ended: the handler has ended the call.
        takes_data: DATA of this stream is for this call.
        has_remote_ended: the peer has ended or reset its half.
        held_bytes: bytes of the connection's window that are kept until a handler is there.
        has_length: the request has a ``content-length``, so that h2 counts its DATA.
        uncounted_bytes: of such DATA, those that the peer was not given back yet.
        unreported_bytes: of DATA that was sent beside h2, which h2 does not know of yet.
        has_unreported_headers: nor of the response's headers, sent before them.
        timer: of its deadline.
        opening: what admits it.
        waits_for_peer: something has arrived that is not received before the peer takes its answers.
        stalled_since: since when the peer has taken nothing; None: it takes what it is sent.
    """

    __slots__ = (
        "_connection",
        "_ending",
        "_handler",
        "_is_draining",
        "_is_finished",
        "_is_paused",
        "_lease",
        "_limits",
        "_opened_at",
        "_part_since",
        "_reader",
        "_refusal",
        "has_ended",
        "has_headers",
        "has_length",
        "has_remote_ended",
        "has_unreported_headers",
        "held_bytes",
        "is_admitted",
        "is_gone",
        "metadata",
        "method",
        "opening",
        "stalled_since",
        "stream_id",
        "takes_data",
        "timer",
        "trailers",
        "uncounted_bytes",
        "unreported_bytes",
        "unsent",
        "waits_for_peer",
        "window",
    )

    def __init__(
        self,
        connection: _Connection,
        stream_id: int,
        request: Request,
        method: Method,
        window: ReceiveWindow,
        limits: ServerLimits,
    ) -> None:
        self.stream_id = stream_id
        self.metadata: Metadata = request.metadata
        self.method = method
        self.window = window
        self.unsent = bytearray()
        self.trailers: Headers | None = None
        self.has_headers = self.is_gone = self.is_admitted = self.has_ended = self.has_remote_ended = False
        self.takes_data = True
        self.waits_for_peer = self.has_unreported_headers = False
        self.has_length = request.has_length
        self.held_bytes = self.uncounted_bytes = self.unreported_bytes = 0
        self.stalled_since: float | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.opening: asyncio.Task[None] | None = None
        self._connection = connection
        self._limits = limits
        self._reader = MessageReader(method.message_bytes_max, request.encoding)
        self._handler: Handler | None = None
        self._lease: ByteLease | None = None
        self._ending: Ending | None = None
        self._refusal: RefusedError | None = None
        self._is_paused = self._is_finished = self._is_draining = False
        self._opened_at = time.monotonic()
        self._part_since: float | None = None

    def __repr__(self) -> str:
        state = "ended" if self.has_ended else "gone" if self.is_gone else "open"
        return f"<ServerCall {self.stream_id} {self.method.path} {state} {self._reader!r} unsent={len(self.unsent)}>"

    @property
    def address(self) -> str:
        """The client's address."""
        return self._connection.address

    @property
    def is_over(self) -> bool:
        """Whether neither the handler nor the peer has to do with it any more."""
        return self.has_ended and (self.is_gone or (self.trailers is None and not self.unsent))

    # For the handler.

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages."""
        if not self.is_gone and self.trailers is None:
            self.unsent += framed(messages)
            self._connection.is_ready(self)

    def count_bytes(self, lease: ByteLease) -> None:
        """Count what has arrived and what arrives."""
        self._lease = lease
        self._count(self._reader.size)

    def pause(self) -> None:
        """Receive nothing more for now."""
        self._is_paused = True

    def resume(self) -> None:
        """Receive again."""
        if self._is_paused:
            self._is_paused = False
            self._connection.is_due(self)

    def end(self, status: GrpcStatus, text: str = "", metadata: Headers = ()) -> None:
        """End the call."""
        if self.has_ended:
            return
        self.has_ended = True
        self.takes_data = False
        self._reader.clear()
        self.window.close()
        if self._lease is not None:
            self._lease.leave()
        if self.trailers is None and not self.is_gone:
            refusal = self._refusal
            if refusal is not None:
                status, text, metadata = refusal.status, refusal.text, ()
            self.trailers = trailers(status, text, metadata)
        self._connection.is_ready(self)

    # For the connection.

    def admit(self, handler: Handler) -> None:
        """The method has let the call in."""
        self._handler = handler
        self.is_admitted = True
        self._connection.is_due(self)

    def feed(self, data: bytes, start: int, end: int) -> None:
        """Bytes of messages have arrived."""
        self._reader.feed(data, start, end)
        if self._lease is not None:
            self._count(end - start)

    def finish(self, ending: Ending) -> None:
        """Nothing more will arrive; the handler is notified after it has received everything."""
        self.takes_data = False
        if self._ending is Ending.BROKEN and self.is_gone:
            return
        if self._ending is None or ending is Ending.BROKEN:
            self._ending = ending
        if ending is Ending.BROKEN:
            self._lose()
        self._connection.is_due(self)

    def cut(self, status: GrpcStatus, text: str) -> None:
        """Answer with a status now; what has arrived is still received, and then the call counts as broken."""
        if self.has_ended or self.is_gone:
            return
        self.trailers = trailers(status, text)
        self.takes_data = False
        self._ending = Ending.BROKEN
        self._connection.is_ready(self)
        self._connection.is_due(self)

    def drain(self) -> None:
        """The server stops."""
        self._is_draining = True
        self._connection.is_due(self)

    def deliver(self) -> bool:
        """Give the handler what has arrived, one slice of it; whether more is left for a later turn."""
        handler = self._handler
        if handler is None or self.has_ended:
            return False
        try:
            if self._reader.has_message:
                if self._is_held:
                    self.waits_for_peer = not self._is_paused
                    return False
                messages = self._take()
                if messages:
                    self._part_since = None
                    handler.receive(messages)
                if self._reader.has_message and not self.has_ended:
                    return True
            if (self._ending is not None or self._is_draining) and not self.has_ended and not self._is_finished:
                self._tell_ending(handler)
        except RefusedError as error:
            self.end(error.status, error.text)
        except Exception:  # noqa: BLE001 - the edge: what no one foresaw ends this call, and is logged
            _log.exception("call failed", method=self.method.path)
            self.end(GrpcStatus.INTERNAL, OWN_FAULT)
        return False

    def _take(self) -> list[bytes]:
        """The next messages; one that must be refused breaks the call off after what stood before it."""
        reader, limits = self._reader, self._limits
        waiting = reader.size
        try:
            messages = reader.take(count_max=limits.slice_messages_max, bytes_max=_SLICE_BYTES)
        except RefusedError as refusal:
            messages = []
            self._refuse_rest(refusal.with_traceback(None))  # which has the message, megabytes of it
        self.window.consume(waiting - reader.size)
        return messages

    def credit(self) -> int:
        """What the peer may send more on this stream, in bytes."""
        missing = self._reader.missing if self._reader.size else 0
        if not (self.window.is_due or missing) or not self.takes_data or self._handler is None or self._is_held:
            return 0
        return self.window.update(missing=missing)

    def expire(self) -> None:
        """The deadline that its client has set has passed."""
        self.cut(GrpcStatus.DEADLINE_EXCEEDED, "the call's deadline has passed")

    def enforce_limits(self, now: float) -> bool:
        """End the call if it is over a time limit. True: reset its stream, because a status cannot be sent."""
        late = self.overdue(now)
        if late and not self.is_admitted:
            if self.opening is not None:
                self.opening.cancel()
            self.end(GrpcStatus.DEADLINE_EXCEEDED, late)
        elif late and self.stalled_since is not None:
            return True
        elif late:
            self.cut(GrpcStatus.DEADLINE_EXCEEDED, late)
        return False

    def overdue(self, now: float) -> str:
        """Which time limit the call is over, in words; empty: none."""
        limits = self._limits
        if self.has_ended:
            pass
        elif self._handler is None:
            if now - self._opened_at > limits.open_seconds_max:
                return f"it was not admitted within {limits.open_seconds_max:g} s"
        elif self.method.seconds_max and now - self._opened_at > self.method.seconds_max:
            return f"it took longer than {self.method.seconds_max:g} s"
        elif self._reader.missing and not self._is_held and self._ending is None:
            if self._part_since is None:  # so after every complete message
                self._part_since = now
            if now - self._part_since > limits.message_seconds_max:
                return f"a message was not complete within {limits.message_seconds_max:g} s"
        else:
            self._part_since = None
        if self.stalled_since is not None and now - self.stalled_since > limits.unread_seconds_max:
            return f"its answers were not read for {limits.unread_seconds_max:g} s"
        return ""

    @property
    def _is_held(self) -> bool:
        """Whether nothing more is received for now."""
        return self._is_paused or len(self.unsent) > self._limits.unsent_bytes_max

    def _tell_ending(self, handler: Handler) -> None:
        """Everything that arrived was received."""
        if self._ending is not None:
            if self._ending is Ending.HALF_CLOSED and self._reader.size:
                self._refuse_rest(RefusedError(GrpcStatus.INTERNAL, "the last message is incomplete"))
            self._is_finished = True
            handler.finish(self._ending)
        elif self._is_draining:
            self._is_draining = False
            handler.drain()

    def _count(self, size: int) -> None:
        if self._lease is not None and (problem := self._lease.take(size)):
            self._refuse_rest(RefusedError(GrpcStatus.RESOURCE_EXHAUSTED, problem))

    def _refuse_rest(self, refusal: RefusedError) -> None:
        """Take nothing more: once the handler has answered what it received, the call ends with this status."""
        self._refusal = refusal
        self._reader.clear()
        self.takes_data = False
        self._ending = Ending.BROKEN

    def _lose(self) -> None:
        """Nothing reaches the peer any more."""
        self.is_gone = True
        self.unsent = bytearray()
        self.trailers = None
        self.stalled_since = None
        self._connection.is_ready(self)
