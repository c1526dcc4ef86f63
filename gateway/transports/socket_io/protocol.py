"""Packets of Socket.IO 5 for one namespace: a digit, the namespace, the number of a callback, JSON. No I/O.

Packets with binary attachments are refused: no event has one, and collecting them would have no bound. Acknowledgements
are not read, because the gateway asks for none.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.engine_io.frames import FramedPackets
from gateway.engine_io.packets import PacketError

__all__ = [
    "NAMESPACE",
    "Acknowledgement",
    "Connect",
    "Disconnect",
    "Event",
    "SocketIoPacket",
    "connect_answer",
    "connect_error",
    "decode",
]

NAMESPACE: Final = "/log-streaming"

_CONNECT, _DISCONNECT, _EVENT, _ACK, _CONNECT_ERROR = "0", "1", "2", "3", "4"
_NAMESPACE_CHARACTERS_MAX: Final = 256
"""Answers name the namespace that was asked for; this bounds them."""
_REST: Final = re.compile(r"(?P<number>[0-9]{0,16})(?P<data>[^0-9].*)?\Z", re.DOTALL | re.ASCII)


@dataclass(frozen=True, slots=True)
class Connect:
    """A client asks to be let into a namespace, with what it shows for it."""

    namespace: str
    auth: object = None


@dataclass(frozen=True, slots=True)
class Disconnect:
    """A client leaves a namespace."""

    namespace: str


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a client, with the number of its callback if it has one."""

    namespace: str
    name: object
    arguments: tuple[Any, ...]
    acknowledge: int | None


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """The answer to an event of ours; nothing of it is read."""


SocketIoPacket = Connect | Disconnect | Event | Acknowledgement


def decode(text: str) -> SocketIoPacket:
    """Read what an Engine.IO message carries.

    Raises:
        PacketError: it is no packet, or one that a client does not send.
    """
    kind = text[:1]
    if kind == _ACK:
        return Acknowledgement()
    if kind not in (_CONNECT, _DISCONNECT, _EVENT) or not kind:
        raise PacketError("a binary or unknown packet of Socket.IO")
    namespace, rest = _namespace(text[1:])
    if kind == _DISCONNECT:
        return Disconnect(namespace)
    if kind == _CONNECT:
        return Connect(namespace, _json(rest) if rest else None)
    match = _REST.match(rest)
    data = _json(match["data"]) if match is not None and match["data"] else None
    if match is None or not isinstance(data, list) or not data:
        raise PacketError("an event is a list with a name")
    return Event(namespace, data[0], tuple(data[1:]), int(match["number"]) if match["number"] else None)


def connect_answer(session_id: str) -> FramedPackets:
    """The client is let in."""
    return _packet(_CONNECT, NAMESPACE, {"sid": session_id})


def connect_error(namespace: str, message: str, data: object = None) -> FramedPackets:
    """The client is not let into a namespace, and why."""
    return _packet(_CONNECT_ERROR, namespace, {"message": message} | ({} if data is None else {"data": data}))


def _packet(kind: str, namespace: str, payload: object) -> FramedPackets:
    where = "" if namespace == "/" else f"{namespace},"
    return FramedPackets.of(f"4{kind}{where}{msgspec.json.encode(payload).decode()}")


def _namespace(text: str) -> tuple[str, str]:
    """The namespace without the query that old clients append, and what follows it."""
    if not text.startswith("/"):
        return "/", text
    name, _, rest = text.partition(",")
    if len(name) > _NAMESPACE_CHARACTERS_MAX:
        raise PacketError("the name of the namespace is too long")
    return name.partition("?")[0], rest


def _json(text: str) -> Any:
    # The standard library's parser reads lone surrogates, so that a request with one is answered and not cut off.
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PacketError("no JSON") from error
