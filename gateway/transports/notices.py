"""The events beside the lines, as types: what a stream's description says of them, and what clients may rely on."""

from typing import Annotated

import msgspec

__all__ = ["Completed", "Gap", "Heartbeat", "ServerFigures", "StreamError"]

Time = Annotated[str, msgspec.Meta(description="RFC 3339 in UTC.", extra_json_schema={"format": "date-time"})]


class Heartbeat(msgspec.Struct):
    """Nothing has come for a while, and the connection stands."""

    timestamp: Time


class Gap(msgspec.Struct, rename={"first": "from", "last": "to"}):
    """Lines that no longer exist, because retention has deleted them."""

    first: Annotated[int, msgspec.Meta(description="The first sequence that is missing.")]
    last: Annotated[int, msgspec.Meta(description="The last one.")]
    reason: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["retention"]})]


class Completed(msgspec.Struct, rename="camel"):
    """The task has ended, and every line of it was sent."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["COMPLETED", "FAILED"]})]
    timestamp: Time
    last_sequence: int


class StreamError(msgspec.Struct):
    """Why the gateway ends a stream; the codes are those of the registry of close reasons."""

    code: str
    message: str


class ServerFigures(msgspec.Struct, rename="camel", kw_only=True):
    """What the gateway does at the moment.

    ``messages_per_second`` counts lines received and ``deliveries_per_second`` lines given to subscribers;
    ``average_latency`` is in milliseconds from a line's arrival to its subscribers; ``error_rate`` is the share, from
    0 to 1, of what was refused or failed among all that was asked for; ``memory_usage`` is resident memory in bytes.
    """

    active_connections: int
    messages_per_second: float
    deliveries_per_second: float
    average_latency: float
    error_rate: float
    memory_usage: int
    uptime_seconds: int
