"""Levels, sources and statuses with their numbers on the wire, and what may name a task."""

from enum import IntEnum, StrEnum
from typing import Final, Self

__all__ = [
    "IDENTIFIER_BYTES_MAX",
    "Durability",
    "Level",
    "Source",
    "SpoolPolicy",
    "StageStatus",
    "WorkerStatus",
    "check_identifier",
    "line_count",
]

IDENTIFIER_BYTES_MAX: Final = 256

_CONTROLS: Final = frozenset(map(chr, (*range(0x20), 0x7F, *range(0x80, 0xA0))))
_LEVEL_ALIASES: Final = {"WARNING": "WARN", "CRITICAL": "FATAL", "NOTICE": "INFO"}


class _Named(IntEnum):
    @classmethod
    def of(cls, value: Self | str) -> Self:
        """The member itself, or the one of that name in any case.

        Raises:
            ValueError: there is none; the text lists those that there are.
        """
        if isinstance(value, cls):
            return value
        name = str(value).strip().upper()
        try:
            return cls[_LEVEL_ALIASES.get(name, name) if cls is Level else name]
        except KeyError:
            raise ValueError(f"{value!r} is none of {', '.join(member.name for member in cls)}") from None


class Level(_Named):
    """How severe a line is."""

    TRACE = 1
    DEBUG = 2
    INFO = 3
    WARN = 4
    ERROR = 5
    FATAL = 6


class Source(_Named):
    """Which of a program's two outputs a line came from."""

    STDOUT = 1
    STDERR = 2


class WorkerStatus(_Named):
    """The state of a worker; with the last three it has ended."""

    CREATED = 1
    RUNNING = 2
    COMPLETED = 3
    FAILED = 4
    TERMINATED = 5


class StageStatus(_Named):
    """The state of one stage of a pipeline."""

    PENDING = 1
    RUNNING = 2
    COMPLETED = 3
    FAILED = 4
    CANCELLED = 5
    SKIPPED = 6
    RETRYING = 7


class Durability(StrEnum):
    """What a line in a spool on disk survives."""

    PROCESS = "process"
    """The end of the process, however it comes. Losing power may lose the last seconds, or deliver them twice."""

    FULL = "full"
    """The loss of power as well: each line waits for the disk, which takes milliseconds."""


class SpoolPolicy(StrEnum):
    """What happens to a new line while the spool is full."""

    BLOCK = "block"
    """The caller waits until the gateway has taken enough; nothing is ever dropped."""

    BLOCK_WHILE_CONNECTED = "block_while_connected"
    """The caller waits for a gateway that is there; with the gateway away, the oldest lines are dropped."""

    DROP_OLDEST = "drop_oldest"
    """The caller never waits; the oldest lines that were not sent yet are dropped, and the log says how many."""


def line_count(count: int) -> str:
    """``1 line``, ``2,000 lines``."""
    return f"{count:,} line" + ("s" if count != 1 else "")


def check_identifier(field: str, value: str) -> str:
    """Return ``value`` where it can name a task, a pipeline, a stage or a worker.

    Raises:
        ValueError: it is empty, longer than 256 bytes of UTF-8, or has control characters; the text names the field.
    """
    if not value:
        raise ValueError(f"{field} must not be empty")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{field} must be valid Unicode") from None
    if size > IDENTIFIER_BYTES_MAX:
        raise ValueError(f"{field} must have at most {IDENTIFIER_BYTES_MAX} bytes, not {size}")
    if not _CONTROLS.isdisjoint(value):
        raise ValueError(f"{field} must not contain control characters")
    return value
