"""What waits for its number: runs of one worker's lines, gaps where lines went missing, and single items."""

from dataclasses import dataclass
from typing import Final

from otto.logs.v1 import logs_pb2

from otto_logs._spool import Address, DropMark
from otto_logs._values import line_count

__all__ = ["DroppedRun", "Item", "Run", "mark_gap"]


class Run:
    """Lines of one worker, one request's worth at most, or the place where some are missing."""

    __slots__ = ("address", "batch", "mark", "opened_at", "ordinals", "size")

    def __init__(self, address: Address, opened_at: float) -> None:
        self.address = address
        self.batch = logs_pb2.LineBatch(task_id=address.task_id, worker_id=address.worker_id)
        self.ordinals: list[int] = []
        self.size = 0
        self.opened_at = opened_at
        self.mark: DropMark | None = None

    def __repr__(self) -> str:
        return f"<Run {self.address} lines={len(self.ordinals)} mark={self.mark}>"


@dataclass(frozen=True, slots=True)
class Item:
    """Anything but lines; it waits as it is."""

    request: logs_pb2.PublishRequest
    ordinal: int


@dataclass(frozen=True, slots=True)
class DroppedRun:
    """Lines that were dropped together; ``passed`` are the items in front of them, which stay."""

    address: Address
    ordinals: list[int]
    mark: DropMark
    passed: tuple[Item, ...] = ()


_REASONS: Final = (
    ("dropped", "dropped {} here because the spool was full", "droppedLines"),
    ("damaged", "{} missing here because the spool's file was damaged", "damagedLines"),
)


def mark_gap(mark: DropMark, batch: logs_pb2.LineBatch) -> int:
    """Add the lines that stand for those that are missing; how many they are."""
    added = 0
    for name, text, key in _REASONS:
        count = getattr(mark, name)
        if count:
            batch.lines.add(
                message=f"otto-logs: {text.format(line_count(count))}".encode(),
                time_unix_nano=mark.time_unix_nano,
                level=logs_pb2.LEVEL_WARN,
                source=logs_pb2.SOURCE_STDERR,
                metadata={key: str(count), "reportedBy": "otto-logs"},
            )
            added += 1
    return added
