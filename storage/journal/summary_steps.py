"""What is kept of summaries of chunks, on either database: the steps of the sweep that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from storage.journal.queries import Span

__all__ = ["SummarySteps", "TasksToSummarize", "UnsummarizedTask"]


@dataclass(frozen=True, slots=True)
class UnsummarizedTask:
    """A task with lines after ``after`` that may have no summary yet."""

    task_id: str
    is_ended: bool
    after: int


@dataclass(frozen=True, slots=True)
class TasksToSummarize:
    """The tasks of some records, the last of which is ``reached``; 0: there are no further records."""

    tasks: Sequence[UnsummarizedTask] = ()
    reached: int = 0


class SummarySteps(Protocol):
    """Where summaries are kept; belongs to the thread of removals."""

    def tasks(self) -> TasksToSummarize:
        """Those that records after the last step belong to: they have grown or ended."""
        ...

    def add(self, task_id: str, span: Span) -> None:
        """Keep the summary of a task's lines."""
        ...

    def set_reached(self, record: int) -> None:
        """Note that the tasks of all records up to this one have been summarised."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...
