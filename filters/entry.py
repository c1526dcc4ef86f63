"""The entry: one log line with its fields, in the one JSON form that is stored, streamed and polled."""

from collections.abc import Sequence
from typing import Annotated, Any, Final

import msgspec

__all__ = [
    "LEVELS",
    "LEVEL_BITS",
    "SOURCES",
    "LogEntry",
    "decode_lines",
    "encode_lines",
    "level_mask",
]

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
"""The levels that an entry can have, least severe first."""

LEVEL_BITS: Final = {level: 1 << index for index, level in enumerate(LEVELS)}
"""A bit per level; a chunk stores the OR of its entries' bits, so that a filter can skip it unopened."""

SOURCES: Final = ("stdout", "stderr", "table")
"""Where a line came from; ``table`` marks a row that another program inserted into ``job_logs``."""

_DATE_TIME: Final = {"format": "date-time"}


class LogEntry(msgspec.Struct, rename="camel", omit_defaults=True, gc=False):
    """One log line.

    Field order is the order of the JSON object. ``sequence`` is 0 until the journal stores the entry. The annotations
    describe and check nothing, so they cost nothing.
    ``timestamp`` is RFC 3339 in UTC with exactly nine fractional digits and ``Z``, so that text order is time order.
    ``original_size`` is the message's size in UTF-8 bytes before it was cut; present only where ``truncated`` is.
    """

    task_id: str
    worker_id: str
    sequence: Annotated[int, msgspec.Meta(description="1, 2, 3, … within the task, without holes.")]
    timestamp: Annotated[str, msgspec.Meta(description="RFC 3339 in UTC, nine digits.", extra_json_schema=_DATE_TIME)]
    level: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(LEVELS)})]
    source: Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(SOURCES)})]
    message: Annotated[str, msgspec.Meta(description="Without its line end; control characters survive.")]
    metadata: Annotated[dict[str, str] | None, msgspec.Meta(description="What the producer added.")] = None
    pod_metadata: Annotated[dict[str, Any] | None, msgspec.Meta(description="What is known of the worker's pod.")] = (
        None
    )
    truncated: Annotated[bool, msgspec.Meta(description="Whether the message was cut.")] = False
    original_size: Annotated[int, msgspec.Meta(description="Its bytes before that.")] = 0


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(LogEntry)


def encode_lines(entries: Sequence[LogEntry]) -> list[bytes]:
    """Encode entries, each as one JSON object without a raw line feed; the list is as long as ``entries``."""
    lines = _encoder.encode_lines(entries).split(b"\n")
    lines.pop()  # encode_lines ends every object with a line feed
    return lines


def decode_lines(lines: Sequence[bytes]) -> list[LogEntry]:
    """Decode what ``encode_lines`` made.

    Raises:
        msgspec.DecodeError: a line is not an entry.
    """
    return _decoder.decode_lines(b"\n".join(lines))


def level_mask(levels: Sequence[str] | frozenset[str]) -> int:
    """The OR of the levels' bits."""
    mask = 0
    for level in levels:
        mask |= LEVEL_BITS[level]
    return mask
