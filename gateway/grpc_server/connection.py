"""One connection: an ``asyncio.Protocol`` that receives for its calls, delivers to them, and sends their answers.

What arrives is worked through in slices of some milliseconds; while more is left, nothing more is read. However the
connection ends, what arrived before is delivered first, and only then do its calls end.
"""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol

import structlog
from h2.errors import ErrorCodes
from h2.exceptions import H2Error

from gateway.grpc_server import frames
from gateway.grpc_server.calls import ServerCall
from gateway.grpc_server.faults import FAULTS, ConnectionFault, fault_of
from gateway.grpc_server.frames import FrameSplitter
from gateway.grpc_server.http2 import make_h2
from gateway.grpc_server.interface import Ending, Handler, Method
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.link import Link
from gateway.grpc_server.receiving import Receiver
from gateway.grpc_server.requests import HttpRefusal, Request, read_request
from gateway.grpc_server.sending import Sender
from gateway.grpc_server.status import RefusedError, trailers_only
from gateway.grpc_server.time_limits import ConnectionTimes
from gateway.grpc_server.windows import ReceiveWindow, WindowPool

__all__ = ["Connection", "Host"]

_log = structlog.get_logger(__name__)


class Host(Protocol):
    """The server, as its connections see it."""

    limits: ServerLimits
    pool: WindowPool

    def admit(self, connection: "Connection", address: str) -> bool:
        """Whether there may be this connection."""

    def forget(self, connection: "Connection") -> None:
        """The connection and all its calls are over."""

    def method(self, request: Request, connection: "Connection") -> Method:
        """The method of a request; raises ``RefusedError`` if there is none, or no place for it."""

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
        self._sender = Sender(self._h2)
        self._receiver = Receiver(self._h2, host.limits, self, self._sender)
        self._due: dict[ServerCall, None] = {}
        self._link: Link | None = None
        self._loop = asyncio.get_running_loop()
        self._next_turn: asyncio.Handle | None = None
        self._goaway = b""
        self._is_congested = self._is_running = False
        self._is_failed = self._has_ended = self._is_lost = self._is_draining = self._is_forgotten = False
        self._is_welcome = False
        self._times = ConnectionTimes(host.limits, time.monotonic())

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
        link = Link(transport)
        self.address = link.address
        if not self._host.admit(self, self.address) or not link.is_http2:
            self._is_failed = True
            link.abort()
            return
        self._link = link
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Work through what has arrived."""
        if not self._is_failed:
            self._times.heard_at = time.monotonic()
            self._splitter.feed(data)
            self._run()

    def eof_received(self) -> bool:
        """The peer sends nothing more; it may still read answers to what it half-closed."""
        self._has_ended = True
        self._run()
        if self._is_failed:
            return False
        return self._link is not None and self._link.is_plain

    def connection_lost(self, exc: Exception | None) -> None:
        """Work through the rest, then end all calls."""
        if exc is not None and not self._is_failed and self._link is not None:
            for data in self._link.leftovers():
                self._splitter.feed(data)
        self._is_lost = self._has_ended = True
        self._link = None
        for call in self.calls:
            call.is_gone = True
        self._run()

    def pause_writing(self) -> None:
        """The peer does not read: nothing more is written, and nothing more is read of it."""
        self._is_congested = True
        self._times.note_congestion(time.monotonic())
        if self._link is not None:
            self._link.pause_reading(paused=True)

    def resume_writing(self) -> None:
        """It reads again."""
        self._is_congested = False
        self._times.note_relief(time.monotonic())
        self.flush()
        self._run_soon()

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
            _log.exception("connection failed")
            self.abort()
            return
        finally:
            self._is_running = False
        if not is_done:
            self._run_soon()
        link, is_pausing = self._link, not is_done or self._is_congested
        if link is not None and link.is_reading_paused is not is_pausing:
            link.pause_reading(paused=is_pausing)
        if self._has_output or self._has_ended or self._is_draining or self._receiver.is_going_away:
            self.flush()

    @property
    def _has_output(self) -> bool:
        receiver = self._receiver
        return bool(receiver.has_asked_h2 or receiver.output or self._sender.ready or self._goaway)

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
                self._times.frame_since = None
                receiver.take(frame)
                if time.monotonic() >= until:
                    return False
        except FAULTS as error:
            if isinstance(error, H2Error):
                self._h2.clear_outbound_data_buffer()  # a GOAWAY without information, and answers of ended calls
            self._fail(fault_of(error))
        self._times.note_parts(is_amid_frame=self._splitter.is_amid_frame, is_in_headers=receiver.is_in_headers)
        return True

    def _deliver(self, until: float) -> bool:
        """Give handlers what has arrived until a moment; whether nothing more is left for now."""
        if not self._due:
            return True
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
        except (HttpRefusal, RefusedError) as error:
            refusal = error if isinstance(error, HttpRefusal) else HttpRefusal(trailers_only(error.status, error.text))
            self._refuse(stream_id, refusal, has_ended=has_ended)
            return
        bytes_max = max(limits.window_bytes_max, 2 * method.message_bytes_max)
        window = ReceiveWindow(limits.window_bytes, bytes_max, self._host.pool)
        call = receiver.calls[stream_id] = ServerCall(self, stream_id, request, method, window, limits)
        self.public_calls += method.is_public
        if request.timeout_seconds is not None:
            call.timer = self._loop.call_later(request.timeout_seconds, call.expire)
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

    def _refuse(self, stream_id: int, refusal: HttpRefusal, *, has_ended: bool) -> None:
        """Answer a request that is not served: at its headers, without reading its body."""
        self._h2.send_headers(stream_id, refusal.headers, end_stream=True)
        if has_ended:
            self._receiver.count_reset()
        else:
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
        if self._link is not None:
            self._link.abort()

    def check(self, now: float) -> None:
        """Look at the time limits; called every second or so."""
        times, receiver = self._times, self._receiver
        if self._link is None:
            return
        if times.is_unresponsive(now, has_settings=receiver.has_settings) or times.is_dead(now):
            self.abort()
        elif late := times.overdue(now):
            self._fail(ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, late))
        elif not receiver.calls:
            if times.is_idle_too_long(now, is_welcome=self._is_welcome):
                self.drain()
        else:
            for call in tuple(self.calls):
                if call.enforce_limits(now):
                    self._reset_stuck(call)
            receiver.credit(self.calls)  # the pool may have bytes again that a large message waits for
        receiver.pass_second()
        if not self._is_failed and times.wants_ping(now):
            receiver.output += frames.ping(b"keepaliv", is_ack=False)
        if self._is_failed or self._has_output:
            self._run_soon()  # a slice for each connection would be one long turn of the loop

    def _reset_stuck(self, call: ServerCall) -> None:
        try:
            self._receiver.reset(call, ErrorCodes.CANCEL)
        except ConnectionFault as fault:
            self._fail(fault)

    def _fail(self, fault: ConnectionFault) -> None:
        """The peer broke a rule: end the connection."""
        if not self._is_failed:
            self._is_failed = self._has_ended = True
            self._host.count_fault(fault.code, fault.text)
            self._goaway = frames.goaway(self._h2.highest_inbound_stream_id, fault.code, fault.text.encode())

    # Out

    def flush(self) -> None:
        """Send what exists to send, in one write."""
        sender, receiver = self._sender, self._receiver
        before = sender.data_frames
        written = sender.frame() if not self._is_congested or self._is_lost else ()
        if sender.data_frames != before:
            receiver.sent_data(sender.data_frames - before)
        for call in written:
            self._settle(call)
        link = self._link
        if link is None:
            if self._is_lost and not receiver.calls and not self._is_forgotten:
                self._is_forgotten = True
                self._host.forget(self)
            return
        receiver.has_asked_h2 = False
        data = self._h2.data_to_send()
        if receiver.late_answer and (data or sender.output):
            sender.output += receiver.late_answer
            receiver.late_answer = b""
        if receiver.output or sender.output or self._goaway:
            data = b"".join((receiver.output, sender.output, data, self._goaway))
            receiver.output.clear()
            sender.output.clear()
            self._goaway = b""
        link.write(data)
        is_leaving = self._has_ended or self._is_draining or receiver.is_going_away
        if self._is_failed:
            link.linger()
        elif is_leaving and not receiver.calls:
            link.close()

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
            self._sender.report()
            with suppress(H2Error):
                self._h2.reset_stream(call.stream_id, ErrorCodes.NO_ERROR)
            receiver.remember(call.stream_id)
        if not call.is_admitted:
            try:
                receiver.note_reset(call.stream_id)
            except ConnectionFault as fault:
                self._fail(fault)
        if not receiver.calls:
            self._times.idle_since = time.monotonic()
