"""What one connection receives: DATA goes to its call, everything else through h2.

DATA of an open call takes a fast path: its payload goes to the call, and h2 receives an empty frame if it ends the
stream. All other frames go through h2 in order, so that its state machine, its checks of headers and its bounds stay in
force. PING and GOAWAY are answered beside it: h2 is slow for the one, and takes nothing more after the other. The
windows for what is received are this server's alone. Credit for answers that h2 has not heard of is kept with them.
"""

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from typing import Final, Protocol

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import StreamClosedError

from gateway.grpc_server import frames
from gateway.grpc_server.budget import TokenBucket
from gateway.grpc_server.calls import ServerCall
from gateway.grpc_server.faults import ConnectionFault
from gateway.grpc_server.frames import Frame, FrameType
from gateway.grpc_server.http2 import CONNECTION_WINDOW
from gateway.grpc_server.interface import Ending
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.sending import Sender
from gateway.grpc_server.windows import ReceiveWindow, WindowPool

__all__ = ["Receiver"]

_REMEMBERED_MAX: Final = 1_024
"""Streams that this server reset last: their DATA may still be on its way."""
_MEASUREMENT: Final = bytes((2, 4, 16, 16, 9, 14, 7, 7))
"""The PING by which grpc-go measures how large a window the answers to it need; ``bdpPing`` in its source."""
_HEADER_BLOCK_SHARE: Final = 2
"""How much larger than the header list its encoded form may be."""


class _Owner(Protocol):
    """The connection, as its receiver sees it."""

    def open_call(self, stream_id: int, headers: Iterable[tuple[bytes, bytes]], *, has_ended: bool) -> None:
        """A request's headers have arrived; ``has_ended``: it has no body."""

    def is_due(self, call: ServerCall) -> None:
        """The call can be delivered to."""


class Receiver:
    """Attributes:
    calls: the open calls by stream.
    output: frames to be written beside those of h2.
    is_going_away: the peer has announced that it will open no more streams.
    has_settings: the peer's first SETTINGS have arrived.
    is_in_headers: a request's headers are incomplete.
    has_asked_h2: h2 may have something to send.
    late_answer: a PING's answer that is sent with the next write.
    """

    def __init__(self, h2: H2Connection, limits: ServerLimits, owner: _Owner, sender: Sender) -> None:
        self.calls: dict[int, ServerCall] = {}
        self.output = bytearray()
        self.is_going_away = False
        self.has_settings = False
        self.is_in_headers = False
        self.has_asked_h2 = False
        self.late_answer = self._later_answer = b""
        self._h2 = h2
        self._limits = limits
        self._owner = owner
        self._sender = sender
        self._reset: OrderedDict[int, None] = OrderedDict()
        self._resets = TokenBucket(limits.resets_max, limits.resets_per_second)
        self._empty_frames = TokenBucket(limits.empty_frames_max, limits.empty_frames_per_second)
        self._header_bytes = 0
        self._window = ReceiveWindow(CONNECTION_WINDOW, limits.connection_window_bytes, WindowPool(0))

    def __repr__(self) -> str:
        return f"<Receiver {len(self.calls)} calls, resets={self._resets!r}, empty frames={self._empty_frames!r}>"

    def take(self, frame: Frame) -> None:
        """Take one frame.

        Raises:
            ConnectionFault: the connection must end.
            ProtocolError: of h2; the same, and h2 has written the GOAWAY.
        """
        if not self.has_settings:
            if frame.type != FrameType.SETTINGS:
                raise ConnectionFault(ErrorCodes.PROTOCOL_ERROR, "the first frame must be SETTINGS")
            self.has_settings = True
        if self.is_in_headers:
            self._take_header_block(frame)
            return
        if frame.type == FrameType.DATA:
            call = self.calls.get(frame.stream_id)
            if call is not None and call.has_length:
                self._take_counted(call, frame)
            elif frame.flags & frames.PADDED and not self._is_padding_right(frame):
                self._ask_h2(frame.data[frame.start : frame.end])  # which ends the connection
            else:
                self._take_data(frame)
            return
        self._take_control(frame)

    def sent_data(self, count: int) -> None:
        """DATA frames were sent: an honest peer answers each with a PING and credit, and may."""
        self._empty_frames.give(3 * count)

    def note_reset(self, stream_id: int) -> None:
        """Count a stream that the server resets or refuses; DATA that is on its way is dropped.

        Raises:
            ConnectionFault: the peer has made it do so too often.
        """
        self.remember(stream_id)
        self.count_reset()

    def remember(self, stream_id: int) -> None:
        """DATA of this stream that is still on its way is dropped; h2 would answer each with another reset."""
        self._reset[stream_id] = None
        if len(self._reset) > _REMEMBERED_MAX:
            self._reset.popitem(last=False)

    def welcome(self) -> None:
        """A call was admitted: the connection may have more under way than a stranger's."""
        self._window.enlarge(self._limits.connection_window_bytes)

    def release(self, call: ServerCall) -> None:
        """What was held of the connection's window for a call is free: it was admitted, or is over."""
        self._window.consume(call.held_bytes)
        call.held_bytes = 0
        if call.uncounted_bytes and call.is_admitted:
            self.has_asked_h2 = True
            self._h2.acknowledge_received_data(call.uncounted_bytes, call.stream_id)
            call.uncounted_bytes = 0

    def credit(self, calls: Iterable[ServerCall]) -> None:
        """Write one WINDOW_UPDATE for the connection and one for each of these calls, where enough has been used."""
        for call in calls:
            increment = call.credit()
            if increment:
                self.output += frames.window_update(call.stream_id, increment)
        if self._window.is_due:
            increment = self._window.update()
            if increment:
                self.output += frames.window_update(0, increment)

    # DATA

    def _take_data(self, frame: Frame) -> None:
        """The short way."""
        length = frame.end - frame.payload
        window = self._window
        window.left -= length
        if window.left < 0:
            raise ConnectionFault(ErrorCodes.FLOW_CONTROL_ERROR, "more DATA than the connection's window")
        start, end = frame.payload, frame.end
        if frame.flags & frames.PADDED:
            end -= frame.data[start]
            start += 1
        if end > start:
            self._empty_frames.give(1)
        elif not frame.flags & frames.END_STREAM:
            self._count_empty_frame()
        call = self.calls.get(frame.stream_id)
        if call is None or not call.takes_data:
            window.consume(length)
            self._drop(frame)
            return
        call.window.left -= length
        if call.window.left < 0:
            window.consume(length)
            self.reset(call, ErrorCodes.FLOW_CONTROL_ERROR)
            return
        if call.is_admitted:
            window.consume(length)
        else:
            call.held_bytes += length
        if end - start != length:
            call.window.consume(length - (end - start))
        call.feed(frame.data, start, end)
        if frame.flags & frames.END_STREAM:
            self._end_stream(call)
        self._owner.is_due(call)

    def _drop(self, frame: Frame) -> None:
        """DATA without a call: in flight when its stream was reset, or an error that h2 answers."""
        stream_id = frame.stream_id
        call = self.calls.get(stream_id)
        if call is not None and not call.has_remote_ended:
            if frame.flags & frames.END_STREAM:
                self._end_stream(call)
        elif stream_id in self._reset:
            self._count_empty_frame()
        else:
            self._count_empty_frame()
            self._ask_h2(frames.empty_data(stream_id, frame.flags & frames.END_STREAM))

    def _take_counted(self, call: ServerCall, frame: Frame) -> None:
        """DATA of a request with a ``content-length``, which h2 compares: it has to see all of it.

        Its windows are those of h2 as well, and its credit is held until the call is admitted: data that is pending
        before that is one window at most, with any announced length. Later, the usual limit of messages applies.
        """
        self.has_asked_h2 = True
        for event in self._h2.receive_data(frame.data[frame.start : frame.end]):
            if isinstance(event, DataReceived):
                call.uncounted_bytes += event.flow_controlled_length
                data = event.data or b""
                if call.takes_data:
                    call.feed(data, 0, len(data))
            else:
                self._take_event(event)
        self.release(call)
        self._owner.is_due(call)

    def _end_stream(self, call: ServerCall) -> None:
        """h2 learns that the stream has ended; the DATA before that it has not seen."""
        self._ask_h2(frames.empty_data(call.stream_id, frames.END_STREAM))

    @staticmethod
    def _is_padding_right(frame: Frame) -> bool:
        return frame.end > frame.payload and frame.data[frame.payload] < frame.end - frame.payload

    # Everything else

    def _take_control(self, frame: Frame) -> None:
        kind, length = frame.type, frame.end - frame.payload
        if kind == FrameType.HEADERS:
            self._take_header_block(frame)
            return
        self._count_empty_frame()
        if kind == FrameType.PING and length == 8 and not frame.stream_id:
            if not frame.flags & frames.ACK:
                self._answer_ping(frame.data[frame.payload : frame.end])
        elif kind == FrameType.GOAWAY and length >= 8 and not frame.stream_id:
            # Of a client it says that no stream of the server is taken; there is none. Its own continue; in h2 the
            # connection would be over.
            self.is_going_away = True
        elif (
            kind != FrameType.WINDOW_UPDATE
            or length != 4
            or frame.stream_id
            or not self._sender.take_back(frames.increment_of(frame))
        ):
            self._ask_h2(frame.data[frame.start : frame.end])

    def _answer_ping(self, payload: bytes) -> None:
        """Answer at once, or within two seconds where grpc-go asks how large its window must be.

        It asks again at the first answer after that. A worker with a few lines a second would send a PING for each of
        them and read an answer to it, which is a third of all reads and writes of such a line. Its window needs no
        measuring: the answers are a dozen bytes each, and it gives their credit back without asking as well.
        """
        answer = frames.ping(payload, is_ack=True)
        if payload == _MEASUREMENT and not self._later_answer and not self.late_answer:
            self._later_answer = answer
        else:
            self.output += answer

    def pass_second(self) -> None:
        """Called every second or so: what has waited for a second goes with the next write, and after another alone."""
        self.output += self.late_answer
        self.late_answer, self._later_answer = self._later_answer, b""

    def _take_header_block(self, frame: Frame) -> None:
        """HEADERS and its CONTINUATION; h2 limits their number and what they are decoded to."""
        if frame.type in (FrameType.HEADERS, FrameType.CONTINUATION):
            length = frame.end - frame.payload
            self._header_bytes += length
            if self._header_bytes > _HEADER_BLOCK_SHARE * self._limits.header_bytes_max:
                raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "headers are too large")
            self.is_in_headers = not frame.flags & frames.END_HEADERS
            if not self.is_in_headers:
                self._header_bytes = 0
            if not length:
                self._count_empty_frame()
        self._ask_h2(frame.data[frame.start : frame.end])

    def _ask_h2(self, data: bytes) -> None:
        self.has_asked_h2 = True
        self._sender.report()
        for event in self._h2.receive_data(data):
            self._take_event(event)

    def _take_event(self, event: Event) -> None:
        match event:
            case RequestReceived():
                self._owner.open_call(event.stream_id, event.headers, has_ended=event.stream_ended is not None)
            case StreamEnded():
                call = self.calls.get(event.stream_id)
                if call is not None:
                    call.has_remote_ended = True
                    call.finish(Ending.HALF_CLOSED)
            case TrailersReceived():
                call = self.calls.get(event.stream_id)
                if call is not None and any(name.startswith(b":") for name, _ in event.headers):
                    self.reset(call, ErrorCodes.PROTOCOL_ERROR)
            case StreamReset():
                self.count_reset()
                call = self.calls.get(event.stream_id)
                if call is not None:
                    call.has_remote_ended = True
                    call.finish(Ending.BROKEN)
            case WindowUpdated():
                self._sender.unblock(event.stream_id)
            case RemoteSettingsChanged():
                self._sender.unblock(0)

    def reset(self, call: ServerCall, code: ErrorCodes) -> None:
        """Reset a stream from this side; its handler receives what has arrived before."""
        self.has_asked_h2 = True
        self._sender.report()
        with suppress(StreamClosedError):
            self._h2.reset_stream(call.stream_id, code)
        self.note_reset(call.stream_id)
        call.has_remote_ended = True
        call.finish(Ending.BROKEN)

    def count_reset(self) -> None:
        """As ``note_reset``, for a stream of which nothing more comes."""
        if not self._resets.take():
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "too many streams were reset")

    def _count_empty_frame(self) -> None:
        if not self._empty_frames.take():
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "too many frames that carry nothing")
