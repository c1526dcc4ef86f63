"""One connection: an ``asyncio.Protocol`` that receives for its calls, delivers to them, and sends their answers.

What arrives is worked through in slices of some milliseconds; while more is left, nothing more is read. However the
connection ends, what arrived before is delivered first, and only then do its calls end.
"""

import asyncio
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Protocol, cast

import structlog
from h2.errors import ErrorCodes
from h2.exceptions import H2Error

from gateway.grpc_server import frames
from gateway.grpc_server.calls import ServerCall
from gateway.grpc_server.frames import FrameSizeError, FrameSplitter, PrefaceError
from gateway.grpc_server.http2 import make_h2
from gateway.grpc_server.interface import Ending, Handler, Method
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.receiving import ConnectionFault, Receiver
from gateway.grpc_server.requests import HttpRefusal, Request, read_request
from gateway.grpc_server.sending import Sender
from gateway.grpc_server.status import GrpcStatus, Headers, RefusedError, trailers_only
from gateway.grpc_server.windows import ReceiveWindow, WindowPool

__all__ = ["Connection", "Host"]

_log = structlog.get_logger(__name__)

_WRITE_HIGH_BYTES: Final = 256 << 10
"""Unsent bytes of a connection at which nothing more is read from it, or written to it, until they are few again."""
_LEFTOVER_BYTES: Final = 256 << 10
_QUOTED: Final = re.compile(r"b?['\"]")
_FAULT_CHARACTERS_MAX: Final = 120
_LINGER_SECONDS: Final = 1.0
"""How long a peer that broke a rule may read why, before its connection is closed."""


class Host(Protocol):
    """The server, as its connections see it."""

    limits: ServerLimits
    pool: WindowPool

    def admit(self, connection: "Connection", address: str) -> bool:
        """Whether there may be this connection."""

    def forget(self, connection: "Connection") -> None:
        """The connection and all its calls are over."""

    def method(self, request: Request, connection: "Connection") -> Method:
        """The method of a request; raises ``RefusedError`` where there is none, or no place for it."""

    def open(self, call: ServerCall, connection: "Connection") -> None:
        """Have a method admit a call: ``Connection.opened`` follows, or the call is ended."""

    def count_fault(self, code: ErrorCodes, text: str) -> None:
        """A connection ends because its peer broke a rule."""

    def flush_soon(self, connection: "Connection") -> None:
        """Have ``flush`` called once, later in this turn of the loop."""


class Connection(asyncio.Protocol):
    """See the module. Belongs to the event loop that made it."""

    def __init__(self, host: Host) -> None:
        self.address = ""
        self.public_calls = 0
        self._host = host
        self._limits = host.limits
        self._h2 = make_h2(host.limits)
        self._splitter = FrameSplitter(host.limits.frame_bytes_max)
        self._receiver = Receiver(self._h2, host.limits, self)
        self._sender = Sender(self._h2)
        self._due: dict[ServerCall, None] = {}
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._next_turn: asyncio.Handle | None = None
        self._goaway = b""
        self._is_congested = self._is_reading_paused = self._is_running = False
        self._is_failed = self._has_ended = self._is_lost = self._is_draining = self._is_forgotten = False
        self._is_lingering = False
        self._is_welcome = False
        now = time.monotonic()
        self._made_at = self._heard_at = self._idle_since = now
        self._pinged_at = self._headers_since = self._frame_since = self._congested_since = 0.0

    def __repr__(self) -> str:
        state = "lost" if self._is_lost else "failed" if self._is_failed else "open"
        return f"<Connection {self.address} {state} {self._receiver!r} {self._sender!r}>"

    @property
    def calls(self) -> Iterable[ServerCall]:
        """The calls that are not over."""
        return self._receiver.calls.values()

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the server's settings, unless there are too many connections."""
        transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else str(peer or "")
        tls = transport.get_extra_info("ssl_object")
        if not self._host.admit(self, self.address) or (tls is not None and tls.selected_alpn_protocol() != "h2"):
            self._is_failed = True
            transport.abort()
            return
        self._transport = transport
        transport.set_write_buffer_limits(high=_WRITE_HIGH_BYTES)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Work through what has arrived."""
        if not self._is_failed:
            self._heard_at = time.monotonic()
            self._splitter.feed(data)
            self._run()

    def eof_received(self) -> bool:
        """The peer sends nothing more; it may still read answers to what it half-closed."""
        self._has_ended = True
        self._run()
        if self._is_failed:
            return False
        transport = self._transport
        return transport is not None and transport.get_extra_info("ssl_object") is None

    def connection_lost(self, exc: Exception | None) -> None:
        """Work through the rest, then end all calls."""
        if exc is not None and not self._is_failed:
            self._read_leftovers()
        self._is_lost = self._has_ended = True
        self._transport = None
        for call in self.calls:
            call.is_gone = True
        self._run()

    def pause_writing(self) -> None:
        """The peer does not read: nothing more is written, and nothing more is read of it."""
        self._is_congested = True
        self._congested_since = time.monotonic()
        self._pause_reading(paused=True)

    def resume_writing(self) -> None:
        """It reads again."""
        self._is_congested = False
        self._congested_since = 0.0
        self.flush()
        self._run_soon()

    def _read_leftovers(self) -> None:
        """Take what the kernel still holds where a write failed: the transport reads nothing more then.

        A peer that sends and closes at once makes our next write fail while its last bytes are still unread.
        """
        transport = self._transport
        if transport is None or transport.get_extra_info("ssl_object") is not None:
            return
        socket: Any = transport.get_extra_info("socket")
        with suppress(OSError, ValueError):
            while data := os.read(socket.fileno(), _LEFTOVER_BYTES):
                self._splitter.feed(data)

    def _pause_reading(self, *, paused: bool) -> None:
        transport = self._transport
        if transport is None or paused is self._is_reading_paused:
            return
        self._is_reading_paused = paused
        if paused:
            transport.pause_reading()
        elif not transport.is_closing():
            transport.resume_reading()

    # Turns

    def _run_soon(self) -> None:
        if self._next_turn is None:
            self._next_turn = self._loop.call_soon(self._run)

    def _run(self) -> None:
        """One slice of what has arrived."""
        if self._next_turn is not None:
            self._next_turn.cancel()
            self._next_turn = None
        self._is_running = True
        try:
            is_done = self._work()
        except Exception:  # noqa: BLE001 - the edge: what no one foresaw ends this connection, and is logged
            _log.exception("a connection failed")
            self.abort()
            return
        finally:
            self._is_running = False
        if not is_done:
            self._run_soon()
        self._pause_reading(paused=not is_done or self._is_congested)
        self.flush()

    def _work(self) -> bool:
        """Frames, deliveries, credit; whether nothing more is left for now."""
        until = time.monotonic() + self._limits.slice_seconds
        is_done = self._take_frames(until)
        if is_done and self._has_ended:
            for call in tuple(self.calls):
                if self._is_lost or self._is_failed or call.takes_data:
                    call.finish(Ending.BROKEN)
        return self._deliver(until) and is_done

    def _take_frames(self, until: float) -> bool:
        """Take frames until a moment; whether nothing more is left."""
        if self._is_failed:
            return True
        receiver = self._receiver
        try:
            for frame in self._splitter.frames():
                self._frame_since = 0.0
                receiver.take(frame)
                if time.monotonic() >= until:
                    return False
        except ConnectionFault as fault:
            self._fail(fault.code, fault.text)
        except FrameSizeError as error:
            self._fail(ErrorCodes.FRAME_SIZE_ERROR, str(error))
        except PrefaceError as error:
            self._fail(ErrorCodes.PROTOCOL_ERROR, str(error))
        except H2Error as error:
            self._h2.clear_outbound_data_buffer()  # a GOAWAY that says nothing, and answers that nobody waits for
            code = getattr(error, "error_code", ErrorCodes.PROTOCOL_ERROR)
            self._fail(ErrorCodes(code), _what_is_wrong(error))
        self._frame_since = (self._frame_since or self._heard_at) if len(self._splitter) else 0.0
        self._headers_since = (self._headers_since or self._heard_at) if receiver.is_in_headers else 0.0
        return True

    def _deliver(self, until: float) -> bool:
        """Give handlers what has arrived until a moment; whether nothing more is left for now."""
        due, self._due = self._due, {}
        delivered: list[ServerCall] = []
        while due:
            call = next(iter(due))
            del due[call]
            delivered.append(call)
            if call.deliver():
                self._due[call] = None
            if time.monotonic() >= until:
                break
        if not self._is_lost and not self._is_failed:
            self._receiver.credit(delivered)
        due.update(self._due)  # those that had no turn come first
        self._due = due
        return not due

    # Calls

    def open_call(self, stream_id: int, headers: Iterable[tuple[bytes, bytes]], *, has_ended: bool) -> None:
        """Make a call of a request, or refuse it at its headers."""
        receiver, limits = self._receiver, self._limits
        if self._is_draining or len(receiver.calls) >= limits.streams_max:
            self._h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            receiver.note_reset(stream_id)
            return
        try:
            request = read_request(tuple(headers), bytes_max=limits.header_bytes_max)
            method = self._host.method(request, self)
        except HttpRefusal as refusal:
            self._refuse(stream_id, refusal.headers, has_ended=has_ended)
            return
        except RefusedError as error:
            self._refuse(stream_id, trailers_only(error.status, error.text), has_ended=has_ended)
            return
        window = ReceiveWindow(
            limits.window_bytes, max(limits.window_bytes_max, 2 * method.message_bytes_max), self._host.pool
        )
        call = receiver.calls[stream_id] = ServerCall(self, stream_id, request, method, window, limits)
        self.public_calls += method.is_public
        if request.timeout_seconds is not None:
            timer = self._loop.call_later(request.timeout_seconds, self._expire, call)
            call.timer = timer
        if has_ended:
            call.has_remote_ended = True
            call.finish(Ending.HALF_CLOSED)
        self._host.open(call, self)

    def opened(self, call: ServerCall, handler: Handler) -> None:
        """A method has admitted a call."""
        if not self._is_welcome and not call.method.is_public:
            self._is_welcome = True
            self._receiver.welcome()
        call.admit(handler)
        self._receiver.release(call)

    def is_due(self, call: ServerCall) -> None:
        """The call can be delivered to."""
        self._due[call] = None
        if not self._is_running:
            self._run_soon()

    def is_ready(self, call: ServerCall) -> None:
        """The call has something to send, or has ended."""
        self._sender.add(call)
        if not self._is_running:
            self._host.flush_soon(self)

    def window_grew(self, stream_id: int) -> None:
        """The peer takes more."""
        self._sender.unblock(stream_id)

    def _expire(self, call: ServerCall) -> None:
        call.cut(GrpcStatus.DEADLINE_EXCEEDED, "the call's deadline has passed")

    def _refuse(self, stream_id: int, headers: Headers, *, has_ended: bool) -> None:
        """Answer a request that is not served: at its headers, without reading its body."""
        self._h2.send_headers(stream_id, headers, end_stream=True)
        if not has_ended:
            self._h2.reset_stream(stream_id, ErrorCodes.NO_ERROR)
        self._receiver.note_reset(stream_id)

    # Ends

    def drain(self) -> None:
        """Take no new calls, let those that are open answer and end, then close; idempotent."""
        if self._is_draining:
            return
        self._is_draining = True
        self._goaway = frames.goaway(self._h2.highest_inbound_stream_id, ErrorCodes.NO_ERROR)
        for call in tuple(self.calls):
            call.drain()
        self.flush()

    def abort(self) -> None:
        """Close at once; calls end as broken."""
        if self._transport is not None:
            self._transport.abort()

    def check(self, now: float) -> None:
        """Look at the time limits; called every second or so."""
        limits, receiver = self._limits, self._receiver
        if self._transport is None:
            return
        if self._is_unresponsive(now):
            self.abort()
        elif self._headers_since and now - self._headers_since > limits.header_seconds_max:
            self._fail(ErrorCodes.ENHANCE_YOUR_CALM, "headers are not complete in time")
        elif self._frame_since and now - self._frame_since > limits.frame_seconds_max:
            self._fail(ErrorCodes.ENHANCE_YOUR_CALM, "a frame is not complete in time")
        elif not receiver.calls:
            seconds_max = limits.idle_seconds_max if self._is_welcome else limits.strange_seconds_max
            if now - self._idle_since > seconds_max:
                self.drain()
        else:
            for call in tuple(self.calls):
                self._check_call(call, now)
            receiver.credit(self.calls)  # the pool may have bytes again that a large message waits for
        self._keep_alive(now)
        self._run()

    def _is_unresponsive(self, now: float) -> bool:
        """Whether the peer reads nothing, or has not begun to speak HTTP/2: no GOAWAY would reach it."""
        limits = self._limits
        if self._congested_since:
            return now - self._congested_since > limits.unread_seconds_max
        return not self._receiver.has_settings and now - self._made_at > limits.preface_seconds_max

    def _check_call(self, call: ServerCall, now: float) -> None:
        late = call.overdue(now)
        if not late:
            return
        if not call.is_admitted:
            if call.opening is not None:
                call.opening.cancel()
            call.end(GrpcStatus.DEADLINE_EXCEEDED, late)
        elif call.stalled_since:
            try:
                self._receiver.reset(call, ErrorCodes.CANCEL)
            except ConnectionFault as fault:
                self._fail(fault.code, fault.text)
        else:
            call.cut(GrpcStatus.DEADLINE_EXCEEDED, late)

    def _keep_alive(self, now: float) -> None:
        """Ask a silent peer whether it is there; TCP alone would notice after hours."""
        limits = self._limits
        if not limits.keepalive_seconds or self._is_failed:
            return
        if self._heard_at > self._pinged_at:
            if now - self._heard_at > limits.keepalive_seconds:
                self._pinged_at = now
                self._receiver.output += frames.ping(b"keepaliv", is_ack=False)
        elif now - self._pinged_at > limits.keepalive_timeout_seconds:
            self.abort()

    def _fail(self, code: ErrorCodes, text: str) -> None:
        """The peer broke a rule: end the connection."""
        if self._is_failed:
            return
        self._is_failed = self._has_ended = True
        self._host.count_fault(code, text)
        self._goaway = frames.goaway(self._h2.highest_inbound_stream_id, code, text.encode())

    # Out

    def flush(self) -> None:
        """Send what there is to send, in one write."""
        sender, receiver = self._sender, self._receiver
        before = sender.data_frames
        written = sender.frame() if not self._is_congested or self._is_lost else ()
        receiver.sent_data(sender.data_frames - before)
        for call in written:
            self._settle(call)
        transport = self._transport
        if transport is None:
            if self._is_lost and not receiver.calls and not self._is_forgotten:
                self._is_forgotten = True
                self._host.forget(self)
            return
        data = self._h2.data_to_send()
        if receiver.output or self._goaway:
            data = bytes(receiver.output) + data + self._goaway
            receiver.output.clear()
            self._goaway = b""
        if data and not transport.is_closing() and not self._is_lingering:
            transport.write(data)
        is_leaving = self._has_ended or self._is_draining or receiver.is_going_away
        if self._is_failed:
            self._linger(transport)
        elif is_leaving and not receiver.calls:
            transport.close()

    def _linger(self, transport: asyncio.Transport) -> None:
        """Close once the peer had time to read why: closing with bytes unread would reset the connection at once."""
        if self._is_lingering:
            return
        self._is_lingering = True
        if transport.can_write_eof() and not transport.is_closing():
            transport.write_eof()
            asyncio.get_running_loop().call_later(_LINGER_SECONDS, transport.abort)
        else:
            transport.close()

    def _settle(self, call: ServerCall) -> None:
        """After something of a call was sent: receive more of it, or forget it."""
        if not call.is_over:
            if call.waits_for_peer:
                call.waits_for_peer = False
                self.is_due(call)
            return
        receiver = self._receiver
        if receiver.calls.pop(call.stream_id, None) is None:
            return
        receiver.release(call)
        self._due.pop(call, None)
        self._sender.forget(call)
        self.public_calls -= call.method.is_public
        if call.timer is not None:
            call.timer.cancel()
        if not call.has_remote_ended and not self._is_lost:
            with suppress(H2Error):
                self._h2.reset_stream(call.stream_id, ErrorCodes.NO_ERROR)
            receiver.remember(call.stream_id)
        if not call.is_admitted:
            try:
                receiver.note_reset(call.stream_id)
            except ConnectionFault as fault:
                self._fail(fault.code, fault.text)
        if not receiver.calls:
            self._idle_since = time.monotonic()


def _what_is_wrong(error: H2Error) -> str:
    """h2's words, without what they quote: a header may be a secret."""
    return f"{type(error).__name__}: {re.split(_QUOTED, str(error), maxsplit=1)[0].strip()}"[:_FAULT_CHARACTERS_MAX]
