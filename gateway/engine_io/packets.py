"""Packets of Engine.IO 4: a digit for the type, then text. Long polling joins several with U+001E.

Binary packets (a ``b`` and base64 in a payload, a binary frame on a WebSocket) are refused: no event has an attachment.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec

__all__ = [
    "PROBE",
    "Packet",
    "PacketError",
    "PacketType",
    "decode_packet",
    "decode_payload",
    "encode_payload",
    "opening",
]

SEPARATOR: Final = "\x1e"
PROBE: Final = "probe"
"""Data of the ping and the pong by which a WebSocket is tried before it takes over."""


class PacketError(ValueError):
    """What a client sent is no packet, or not one that may come now. The text has nothing of what was sent."""


class PacketType(Enum):
    """The first character of a packet."""

    OPEN = "0"
    CLOSE = "1"
    PING = "2"
    PONG = "3"
    MESSAGE = "4"
    UPGRADE = "5"
    NOOP = "6"

    def text(self, data: str = "") -> str:
        """The packet."""
        return self.value + data


_TYPES: Final = {each.value: each for each in PacketType}


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet of a client."""

    type: PacketType
    data: str = ""


def decode_packet(text: str) -> Packet:
    """Read a packet.

    Raises:
        PacketError: it is none.
    """
    kind = _TYPES.get(text[:1])
    if kind is None:
        raise PacketError("no packet of Engine.IO")
    return Packet(kind, text[1:])


def decode_payload(body: bytes, *, packets_max: int) -> list[Packet]:
    """Read the body of a long-polling request; an empty one has no packets.

    Raises:
        PacketError: it is not UTF-8, has more than ``packets_max`` packets, or one of them is none.
    """
    try:
        texts = body.decode().split(SEPARATOR) if body else []
    except UnicodeDecodeError as error:
        raise PacketError("no UTF-8") from error
    if len(texts) > packets_max:
        raise PacketError(f"more than {packets_max} packets")
    return [decode_packet(text) for text in texts]


def encode_payload(texts: Sequence[str]) -> bytes:
    """The body of a long-polling answer."""
    return SEPARATOR.join(texts).encode()


def opening(
    sid: str,
    *,
    upgrades: Sequence[str],
    ping_interval_seconds: float,
    ping_timeout_seconds: float,
    message_bytes_max: int,
) -> str:
    """The first packet of a session."""
    return PacketType.OPEN.text(
        msgspec.json.encode(
            {
                "sid": sid,
                "upgrades": upgrades,
                "pingInterval": round(ping_interval_seconds * 1000),
                "pingTimeout": round(ping_timeout_seconds * 1000),
                "maxPayload": message_bytes_max,
            }
        ).decode()
    )
