"""Logs as lists, and filters as comprehensions: what the journal and the hub are compared with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from filters.model import LogFilter
from storage.journal.interface import Append, LineBatch, TaskEnding

__all__ = ["FILTERS", "Line", "LineList"]


@dataclass(frozen=True)
class Line:
    message: str
    level: str
    worker: str
    at: str


FILTERS: Sequence[tuple[LogFilter, Callable[[Line], bool]]] = (
    (LogFilter(), lambda line: True),
    (LogFilter(levels=("ERROR",)), lambda line: line.level == "ERROR"),
    (LogFilter(keywords=("a",)), lambda line: "a" in line.message),
    (LogFilter(worker_ids=("w1",), levels=("INFO",)), lambda line: line.worker == "w1" and line.level == "INFO"),
    (LogFilter(start_time="2026-01-02T00:00:00.000000000Z"), lambda line: line.at >= "2026-01-02"),
)
"""Filters, each with what it means."""

MEANING = dict(FILTERS)


@dataclass
class LineList:
    """What must have been stored: everything that was committed, in order, each number of a producer once."""

    lines: dict[str, list[Line]] = field(default_factory=dict)
    removed: dict[str, int] = field(default_factory=dict)
    """Up to which sequence retention took the lines of a task."""
    ended: dict[str, int | None] = field(default_factory=dict)
    """Behind which sequence a task has ended."""
    all_ends: dict[str, set[int]] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)

    def last(self, task: str) -> int:
        return len(self.lines.get(task, ()))

    def apply(self, item: Append) -> str:
        """Store an item; ``stored``, ``duplicate`` or ``refused``."""
        if item.producer is not None:
            known = self.numbers.get(item.producer.producer_id, 0)
            if item.producer.number <= known:
                return "duplicate"
            if item.producer.number > known + 1:
                return "refused"
            self.numbers[item.producer.producer_id] = item.producer.number
        if isinstance(item, LineBatch) and item.entries:
            self.ended[item.task_id] = None
            self.lines.setdefault(item.task_id, []).extend(
                Line(entry.message, entry.level, entry.worker_id, entry.timestamp) for entry in item.entries
            )
        elif isinstance(item, TaskEnding) and self.ended.get(item.task_id) is None:
            self.ended[item.task_id] = self.last(item.task_id)
            self.all_ends.setdefault(item.task_id, set()).add(self.last(item.task_id))
        return "stored"

    def grep(self, task: str, log_filter: LogFilter, after: int, upto: int) -> list[tuple[int, str]]:
        """Sequence and message of the matching lines after ``after`` up to ``upto``, removed ones as well."""
        stretch = self.lines.get(task, [])[after:upto]
        return [(n, line.message) for n, line in enumerate(stretch, after + 1) if MEANING[log_filter](line)]
