"""What is said beside the lines: to subscribers of logs, and on other streams in the same form.

Each is a type that knows its event's name and encodes to its JSON; interface descriptions are made from it, too.
"""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import msgspec

from filters.position import Position
from sessions.close_reasons import CloseReason

__all__ = ["Completed", "Gap", "Heartbeat", "Notice", "StreamError", "Time"]

Time = Annotated[str, msgspec.Meta(description="RFC 3339 in UTC.", extra_json_schema={"format": "date-time"})]


class Heartbeat(msgspec.Struct, frozen=True):
    """Nothing has come for a while, and the connection stands."""

    event: ClassVar = "heartbeat"
    timestamp: Time


class Gap(msgspec.Struct, rename={"first": "from", "last": "to"}, frozen=True):
    """Lines that no longer exist, because retention has deleted them, or that cannot be read any more."""

    event: ClassVar = "gap"
    first: Annotated[int, msgspec.Meta(description="The first sequence that is missing.")]
    last: Annotated[int, msgspec.Meta(description="The last one.")]
    reason: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["retention", "damaged"]})]


class Completed(msgspec.Struct, rename="camel", frozen=True):
    """The task has ended, and every line of it was sent."""

    event: ClassVar = "complete"
    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["COMPLETED", "FAILED"]})]
    timestamp: Time
    last_sequence: int
    message: str = "The task has ended, and every line of it was sent."


class StreamError(msgspec.Struct, frozen=True):
    """Why the gateway ends a stream; the codes are those of the registry of close reasons."""

    event: ClassVar = "error"
    code: Annotated[str, msgspec.Meta(examples=[CloseReason.SERVER_SHUTDOWN.code])]
    message: Annotated[str, msgspec.Meta(examples=[CloseReason.SERVER_SHUTDOWN.text])]

    @classmethod
    def of(cls, reason: CloseReason) -> "StreamError":
        """The error that a close reason is shown as."""
        return cls(reason.code, reason.text)


@dataclass(frozen=True, slots=True)
class Notice:
    """One such event, and a position where a client may resume from it."""

    payload: Heartbeat | Gap | Completed | StreamError
    position: Position | None = None

    def json(self) -> bytes:
        """The payload as JSON."""
        return msgspec.json.encode(self.payload)
