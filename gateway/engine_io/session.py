"""What carries an Engine.IO session, and what each packet of the client means there. No I/O, no clock.

A session begins on long polling or on a WebSocket. From polling it changes once: the client opens a WebSocket with the
session's id (ATTACH), tries it with ``2probe`` (PROBE), lets its last poll end, and sends ``5`` (UPGRADE). Until then
polling carries everything, and a WebSocket that fails changes nothing (DETACH).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from gateway.engine_io.packets import PROBE, Packet, PacketError, PacketType

__all__ = ["Carrier", "Change", "EngineSession", "Reaction"]


class Carrier(Enum):
    """What carries a session's packets."""

    POLLING = "polling"
    PROBING = "polling, with a WebSocket that has not been tried"
    UPGRADING = "polling, with a WebSocket that has answered; polls are ended at once"
    WEBSOCKET = "websocket"
    NOTHING = "nothing; the session is closed"


class Change(Enum):
    """What changes the carrier."""

    ATTACH = "a WebSocket was opened"
    PROBE = "the client has tried it"
    UPGRADE = "the client has changed to it"
    DETACH = "it is gone"
    CLOSE = "the session is closed"


class Reaction(Enum):
    """What has to be done about a packet."""

    NOTHING = "nothing"
    MESSAGE = "hand its data to the application"
    PONG = "the client is alive"
    PROBE = "answer the probe, and end the poll that waits soon"
    UPGRADE = "end the poll that waits, and write what has gathered to the WebSocket"
    CLOSE = "the client closes the session"


_NEXT: Final[Mapping[tuple[Carrier, Change], Carrier]] = {
    (Carrier.POLLING, Change.ATTACH): Carrier.PROBING,
    (Carrier.POLLING, Change.CLOSE): Carrier.NOTHING,
    (Carrier.PROBING, Change.PROBE): Carrier.UPGRADING,
    (Carrier.PROBING, Change.DETACH): Carrier.POLLING,
    (Carrier.PROBING, Change.CLOSE): Carrier.NOTHING,
    (Carrier.UPGRADING, Change.UPGRADE): Carrier.WEBSOCKET,
    (Carrier.UPGRADING, Change.DETACH): Carrier.POLLING,
    (Carrier.UPGRADING, Change.CLOSE): Carrier.NOTHING,
    (Carrier.WEBSOCKET, Change.DETACH): Carrier.NOTHING,
    (Carrier.WEBSOCKET, Change.CLOSE): Carrier.NOTHING,
}
_ON_CARRIER: Final = {
    PacketType.MESSAGE: Reaction.MESSAGE,
    PacketType.PONG: Reaction.PONG,
    PacketType.CLOSE: Reaction.CLOSE,
    PacketType.NOOP: Reaction.NOTHING,
}
_ON_TRIAL: Final = {
    (Carrier.PROBING, Packet(PacketType.PING, PROBE)): (Change.PROBE, Reaction.PROBE),
    (Carrier.UPGRADING, Packet(PacketType.UPGRADE)): (Change.UPGRADE, Reaction.UPGRADE),
}


class EngineSession:
    """The state of one session.

    Attributes:
        carrier: what carries it now.
        awaits_pong: whether a ping was sent and not answered.
    """

    __slots__ = ("awaits_pong", "carrier")

    def __init__(self, carrier: Carrier) -> None:
        self.carrier = carrier
        self.awaits_pong = False

    def __repr__(self) -> str:
        return f"<EngineSession {self.carrier.name}{' awaits pong' if self.awaits_pong else ''}>"

    @property
    def is_polling(self) -> bool:
        """Whether long polling carries it."""
        return self.carrier in (Carrier.POLLING, Carrier.PROBING, Carrier.UPGRADING)

    @property
    def is_closed(self) -> bool:
        """Whether it is over."""
        return self.carrier is Carrier.NOTHING

    def can(self, change: Change) -> bool:
        """Whether the carrier may change so now."""
        return (self.carrier, change) in _NEXT

    def change(self, change: Change) -> None:
        """Change the carrier.

        Raises:
            PacketError: that cannot happen now.
        """
        carrier = _NEXT.get((self.carrier, change))
        if carrier is None:
            raise PacketError(f"{change.value}, while the carrier is {self.carrier.value}")
        self.carrier = carrier

    def receive(self, packet: Packet, *, is_websocket: bool) -> Reaction:
        """Return the reaction to a packet from a WebSocket or a long-polling request.

        Raises:
            PacketError: it is not allowed now. On a WebSocket that is being probed it ends the probe, else the session.
        """
        if is_websocket and self.is_polling:
            change, reaction = _ON_TRIAL.get((self.carrier, packet), (None, Reaction.NOTHING))
            if change is None:
                raise PacketError("a WebSocket carries nothing before the upgrade")
            self.change(change)
            return reaction
        found = _ON_CARRIER.get(packet.type)
        if found is None:
            raise PacketError("a packet that a client does not send")
        if found is not Reaction.PONG:
            return found
        was_awaited, self.awaits_pong = self.awaits_pong, False
        return Reaction.PONG if was_awaited else Reaction.NOTHING
