"""What is said of one stream: the messages that it carries, and what a client may ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Channel", "Exchange", "Message"]


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message.

    Attributes:
        name: the event's name on the wire; ``message`` for an event without a name.
        summary: when it is sent, in a sentence.
        type: of its JSON payload, which makes its example; None: it has none.
        examples: payloads, in the place of the one that follows from the type.
    """

    name: str
    summary: str
    type: Any = None
    examples: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request of a client and what answers it."""

    request: Message
    success: Message
    failure: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A stream of messages from the gateway, and on some a way back.

    Attributes:
        id: a noun in camelCase, unique.
        title: its heading.
        description: what a reader has to know; backticks mark code.
        address: a path with parameters in braces, or a namespace.
        protocol: ``http`` for Server-Sent Events, ``socket.io``.
        parameters: the address's parameters and what they mean.
        sends: what the gateway sends by itself.
        exchanges: what a client may ask.
    """

    id: str
    title: str
    description: str
    address: str
    protocol: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    sends: tuple[Message, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
