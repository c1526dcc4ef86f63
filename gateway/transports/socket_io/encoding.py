"""Lines as Socket.IO packets, made once per channel and run, by concatenation around the lines' JSON.

On the wire a packet is text: ``4`` (Engine.IO message), ``2`` (Socket.IO event), the namespace, and a JSON array of the
event's name and its payload. The lines' JSON has no raw control character, so neither a frame nor a long-polling
payload (where packets are separated by U+001E) can be broken by one.
"""

from typing import Final

import msgspec

from filters.block import Selection
from gateway.engine_io.frames import FramedPackets, text_frame
from gateway.transports.socket_io.protocol import NAMESPACE
from sessions.transport import EncodedBatch

__all__ = [
    "BATCHES",
    "ENTRIES",
    "SocketIoEncoding",
    "acknowledgement",
    "disconnection",
    "event",
    "raw_event",
]

_EVENT: Final = f"42{NAMESPACE},".encode()
_ACK: Final = f"43{NAMESPACE},".encode()
_DISCONNECT: Final = f"41{NAMESPACE},".encode()
_ENTRY: Final = b'%b["log-entry",' % _EVENT
_ENTRIES: Final = b'%b["log-entries",[' % _EVENT


class SocketIoEncoding:
    """One ``log-entry`` per line."""

    name = "socketio"

    def encode(self, epoch: str, selection: Selection) -> EncodedBatch:  # noqa: ARG002 - entries carry their sequence
        """Frame every line as a packet."""
        return _run(selection, b"".join([text_frame(b"%b%b]" % (_ENTRY, line)) for line in selection.lines]))


class BatchEncoding(SocketIoEncoding):
    """One ``log-entries`` per run."""

    name = "socketio+batch"

    def encode(self, epoch: str, selection: Selection) -> EncodedBatch:  # noqa: ARG002 - entries carry their sequence
        """Frame all lines as one packet."""
        return _run(selection, text_frame(b"%b%b]]" % (_ENTRIES, b",".join(selection.lines))))


ENTRIES: Final = SocketIoEncoding()
BATCHES: Final = BatchEncoding()


def event(name: str, payload: msgspec.Struct) -> FramedPackets:
    """An event that is not shared."""
    return _packet(_EVENT + msgspec.json.encode([name, payload]))


def raw_event(name: str, payload: bytes) -> FramedPackets:
    """An event whose payload is JSON already."""
    return _packet(b'%b["%b",%b]' % (_EVENT, name.encode(), payload))


def acknowledgement(number: int, payload: msgspec.Struct) -> FramedPackets:
    """The answer to an event that was sent with a callback."""
    return _packet(b"%b%d%b" % (_ACK, number, msgspec.json.encode([payload])))


def disconnection() -> FramedPackets:
    """The end of the namespace; the client does not come back by itself."""
    return _packet(_DISCONNECT)


def _packet(text: bytes) -> FramedPackets:
    return FramedPackets(text_frame(text))


def _run(selection: Selection, frames: bytes) -> EncodedBatch:
    count = len(selection.lines)
    return EncodedBatch(
        selection.start, selection.end, count, FramedPackets(frames), len(frames), selection.received_at
    )
