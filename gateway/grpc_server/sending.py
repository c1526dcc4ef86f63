"""Answers of one connection on their way out, within what the peer's windows and the transport take."""

import time
from typing import Final

from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from hpack import Encoder, NeverIndexedHeaderTuple

from gateway.grpc_server import frames
from gateway.grpc_server.calls import ServerCall
from gateway.grpc_server.messages import ENCODINGS

__all__ = ["Sender"]

_OK: Final = ((":status", "200"), ("content-type", "application/grpc"))
_BESIDE_BYTES_MAX: Final = 1_024
"""Answers up to this size are framed beside h2, which takes 25 calls for a frame."""
_UNREPORTED_BYTES_MAX: Final = 16 << 10
# Never indexed: so they are the same bytes on every connection, and leave no trace in the peer's table.
_RESPONSE: Final = [
    NeverIndexedHeaderTuple(name, value) for name, value in (*_OK, ("grpc-accept-encoding", ",".join(ENCODINGS)))
]
_RESPONSE_BLOCK: Final = Encoder().encode(_RESPONSE)


class Sender:
    """Turns what calls have to send into frames: all answers of a call are one DATA frame, as far as they fit.

    Few answers are framed here, the response's headers before them, and h2 is notified of both before anything else
    happens on it (``report``), so that its windows are right whenever they count. A thousand streams that open at once
    are then answered before h2 looks at their headers, which takes 100 calls for each. Credit of the connection for no
    more than those answers (``take_back``) is kept with them: grpc-go gives it back after each.

    Attributes:
        output: frames to be written before those of h2.
        data_frames: DATA frames so far.
        ready: calls that ``frame`` has something to do for.
    """

    def __init__(self, h2: H2Connection) -> None:
        self.output = bytearray()
        self._h2 = h2
        self._unreported: dict[ServerCall, None] = {}
        self._unreported_bytes = 0
        self._returned_bytes = 0
        self.ready: dict[ServerCall, None] = {}
        self._blocked: dict[int, ServerCall] = {}
        self.data_frames = 0

    def __repr__(self) -> str:
        return f"<Sender {len(self.ready)} ready, {len(self._blocked)} blocked>"

    def report(self) -> None:
        """Have h2 know of what was sent beside it."""
        if not self._unreported:
            return
        h2 = self._h2
        self.output += h2.data_to_send()
        for call in self._unreported:
            try:
                if call.has_unreported_headers:
                    call.has_unreported_headers = False
                    h2.send_headers(call.stream_id, _RESPONSE)
                h2.send_data(call.stream_id, bytes(call.unreported_bytes))
            except ProtocolError:  # the stream is closed on h2's side, which then counts neither these bytes
                self._returned_bytes -= call.unreported_bytes  # nor their credit
            call.unreported_bytes = 0
        h2.data_to_send()  # it has been sent
        self._unreported.clear()
        self._unreported_bytes = 0
        returned, self._returned_bytes = self._returned_bytes, 0
        if returned > 0:
            h2.receive_data(frames.window_update(0, returned))

    def take_back(self, increment: int) -> bool:
        """Take the peer's credit for the connection; False: it is for more than h2 has not heard of, or for nothing."""
        if not 0 < increment <= self._unreported_bytes - self._returned_bytes:
            return False
        self._returned_bytes += increment
        if self._blocked:
            self.unblock(0)
        return True

    def add(self, call: ServerCall) -> None:
        """The call has something to send."""
        self.ready[call] = None

    def unblock(self, stream_id: int) -> None:
        """The peer's window has grown: of one stream, or (0) of the connection."""
        if stream_id:
            call = self._blocked.pop(stream_id, None)
            if call is not None:
                self.ready[call] = None
        else:
            self.ready.update(dict.fromkeys(self._blocked.values()))
            self._blocked.clear()

    def forget(self, call: ServerCall) -> None:
        """The call is over."""
        self.ready.pop(call, None)
        self._blocked.pop(call.stream_id, None)

    def frame(self) -> list[ServerCall]:
        """Hand to h2 what can be sent now; the calls of which something was sent, or that have ended."""
        ready, self.ready = self.ready, {}
        for call in ready:
            if not call.is_gone:
                try:
                    self._frame(call)
                except ProtocolError:  # the stream, or the connection, is closed on h2's side
                    call.is_gone = True
        return list(ready)

    def _frame(self, call: ServerCall) -> None:
        h2, stream_id, unsent = self._h2, call.stream_id, call.unsent
        if call.trailers is None and len(unsent) <= _BESIDE_BYTES_MAX:
            # What is unreported may all be of this stream, or none of it: less room than there is will do.
            room = h2.local_flow_control_window(stream_id) - self._unreported_bytes
            if len(unsent) <= min(room, _UNREPORTED_BYTES_MAX - self._unreported_bytes):
                self._frame_beside(call)
                return
        self.report()
        if unsent and not call.has_headers:
            call.has_headers = True
            h2.send_headers(stream_id, _RESPONSE)
        while unsent:
            room = min(h2.local_flow_control_window(stream_id), h2.max_outbound_frame_size)
            if room <= 0:
                if call.stalled_since is None:
                    call.stalled_since = time.monotonic()
                self._blocked[stream_id] = call
                return
            h2.send_data(stream_id, bytes(unsent[:room]))
            self.data_frames += 1
            del unsent[:room]
            call.stalled_since = None
        if call.trailers is not None:
            headers = call.trailers if call.has_headers else [*_OK, *call.trailers]
            call.trailers = None
            call.is_gone = True
            h2.send_headers(stream_id, headers, end_stream=True)

    def _frame_beside(self, call: ServerCall) -> None:
        unsent = call.unsent
        size = len(unsent)
        if not size:
            return
        if not call.has_headers:
            call.has_headers = call.has_unreported_headers = True
            self.output += frames.headers(call.stream_id, _RESPONSE_BLOCK)
        self.output += frames.data_header(call.stream_id, size)
        self.output += unsent
        unsent.clear()
        self.data_frames += 1
        call.stalled_since = None
        call.unreported_bytes += size
        self._unreported_bytes += size
        self._unreported[call] = None
