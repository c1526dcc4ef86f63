"""Answers of one connection on their way out, within what the peer's windows and the transport take."""

import time
from typing import Final

from h2.connection import H2Connection
from h2.exceptions import ProtocolError

from gateway.grpc_server.calls import ServerCall
from gateway.grpc_server.messages import ENCODINGS

__all__ = ["Sender"]

_RESPONSE: Final = ((":status", "200"), ("content-type", "application/grpc"))
_ACCEPTED: Final = ("grpc-accept-encoding", ",".join(ENCODINGS))


class Sender:
    """Turns what calls have to send into frames: all answers of a call are one DATA frame, as far as they fit."""

    def __init__(self, h2: H2Connection) -> None:
        self._h2 = h2
        self._ready: dict[ServerCall, None] = {}
        self._blocked: dict[int, ServerCall] = {}
        self.data_frames = 0

    def __repr__(self) -> str:
        return f"<Sender {len(self._ready)} ready, {len(self._blocked)} blocked>"

    def add(self, call: ServerCall) -> None:
        """The call has something to send."""
        self._ready[call] = None

    def unblock(self, stream_id: int) -> None:
        """The peer's window has grown: of one stream, or (0) of the connection."""
        if stream_id:
            call = self._blocked.pop(stream_id, None)
            if call is not None:
                self._ready[call] = None
        else:
            self._ready.update(dict.fromkeys(self._blocked.values()))
            self._blocked.clear()

    def forget(self, call: ServerCall) -> None:
        """The call is over."""
        self._ready.pop(call, None)
        self._blocked.pop(call.stream_id, None)

    def frame(self) -> list[ServerCall]:
        """Hand to h2 what can be sent now; the calls of which something was sent, or that have ended."""
        ready, self._ready = self._ready, {}
        for call in ready:
            if not call.is_gone:
                try:
                    self._frame(call)
                except ProtocolError:  # the stream, or the connection, is closed on h2's side
                    call.is_gone = True
        return list(ready)

    def _frame(self, call: ServerCall) -> None:
        h2, stream_id, unsent = self._h2, call.stream_id, call.unsent
        if unsent and not call.has_headers:
            call.has_headers = True
            h2.send_headers(stream_id, [*_RESPONSE, _ACCEPTED])
        while unsent:
            room = min(h2.local_flow_control_window(stream_id), h2.max_outbound_frame_size)
            if room <= 0:
                call.stalled_since = call.stalled_since or time.monotonic()
                self._blocked[stream_id] = call
                return
            h2.send_data(stream_id, bytes(unsent[:room]))
            self.data_frames += 1
            del unsent[:room]
            call.stalled_since = 0.0
        if call.trailers is not None:
            headers = call.trailers if call.has_headers else [*_RESPONSE, *call.trailers]
            call.trailers = None
            call.is_gone = True
            h2.send_headers(stream_id, headers, end_stream=True)
