"""Lines as Socket.IO packets, made once per channel and run, by concatenation around the lines' JSON.

On the wire a packet is text: ``4`` (Engine.IO message), ``2`` (Socket.IO event), the namespace, and a JSON array of the
event's name and its payload. The lines' JSON has no raw control character, so neither a frame nor a long-polling
payload (where packets are separated by U+001E) can be broken by one.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from engineio.packet import MESSAGE, Packet

from filters.block import Selection
from gateway.transports.websocket import text_frame, texts_of
from sessions.transport import Run

__all__ = [
    "BATCHES",
    "ENTRIES",
    "NAMESPACE",
    "PacketRun",
    "SocketIoEncoding",
    "acknowledgement",
    "disconnection",
    "event",
    "raw_event",
]

NAMESPACE: Final = "/log-streaming"

_EVENT: Final = f"2{NAMESPACE},"
_ACK: Final = f"3{NAMESPACE},"
_DISCONNECT: Final = f"1{NAMESPACE},"
_ENTRY: Final = f'4{_EVENT}["log-entry",'.encode()
_ENTRIES: Final = f'4{_EVENT}["log-entries",['.encode()
_SEPARATOR: Final = "\x1e"


class PacketRun:
    """Packets that are ready, in the place of one packet in an Engine.IO queue; shared by all who receive them.

    Attributes:
        frames: one WebSocket frame per packet.
    """

    __slots__ = ("frames",)

    def __init__(self, frames: bytes) -> None:
        self.frames = frames

    def __repr__(self) -> str:
        return f"<PacketRun {len(self.frames)} bytes>"

    def texts(self) -> list[str]:
        """The packets as texts."""
        return texts_of(self.frames)

    def encode(self, b64: bool = False) -> "PacketRun | str":
        """What Engine.IO passes on: text in a long-polling payload (``b64``), the run itself to our WebSocket."""
        return _SEPARATOR.join(self.texts()) if b64 else self


class SocketIoEncoding:
    """One ``log-entry`` per line."""

    name = "socketio"

    def encode(self, epoch: str, selection: Selection) -> Run:  # noqa: ARG002 - entries carry their sequence
        """Frame every line as a packet."""
        return _run(selection, b"".join([text_frame(b"%b%b]" % (_ENTRY, line)) for line in selection.lines]))


class BatchEncoding(SocketIoEncoding):
    """One ``log-entries`` per run."""

    name = "socketio+batch"

    def encode(self, epoch: str, selection: Selection) -> Run:  # noqa: ARG002 - entries carry their sequence
        """Frame all lines as one packet."""
        return _run(selection, text_frame(b"%b%b]]" % (_ENTRIES, b",".join(selection.lines))))


ENTRIES: Final = SocketIoEncoding()
BATCHES: Final = BatchEncoding()


def event(name: str, payload: Mapping[str, Any]) -> Packet:
    """An event that is not shared."""
    return Packet(MESSAGE, _EVENT + msgspec.json.encode([name, payload]).decode())


def raw_event(name: str, payload: bytes) -> Packet:
    """An event whose payload is JSON already."""
    return Packet(MESSAGE, f'{_EVENT}["{name}",{payload.decode()}]')


def acknowledgement(number: int, payload: Mapping[str, Any]) -> Packet:
    """The answer to an event that was sent with a callback."""
    return Packet(MESSAGE, f"{_ACK}{number}{msgspec.json.encode([payload]).decode()}")


def disconnection() -> Packet:
    """The end of the namespace; the client does not come back by itself."""
    return Packet(MESSAGE, _DISCONNECT)


def _run(selection: Selection, frames: bytes) -> Run:
    count = len(selection.lines)
    return Run(selection.start, selection.end, count, PacketRun(frames), len(frames), selection.received_at)
