"""The events beside the lines, as types: what a stream's description says of them, and what clients may rely on."""

from typing import Annotated

import msgspec

__all__ = ["Completed", "Gap", "Heartbeat", "StreamError"]

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
