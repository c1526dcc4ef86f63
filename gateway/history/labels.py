"""Searches that choose tasks by labels."""

from collections.abc import Sequence
from typing import Final

from filters.expressions.labels import filter_of_task
from filters.labels import labels_of
from filters.matching import Matcher
from filters.model import LogFilter
from gateway.history.reads import Reads
from storage.journal.history import KnownTask

__all__ = ["LabelledMatchers"]

_WORKERS_MAX: Final = 200
_MATCHERS_MAX: Final = 64


class LabelledMatchers:
    """The condition for each task, if a filter selects tasks by the labels of their workers."""

    def __init__(self, reads: Reads, log_filter: LogFilter) -> None:
        self._reads = reads
        self._filter = log_filter
        self._matchers: dict[LogFilter, Matcher] = {}

    def __repr__(self) -> str:
        return f"<LabelledMatchers {self._filter!r}>"

    async def of(self, tasks: Sequence[KnownTask]) -> list[Matcher | None]:
        """The matcher for the lines of each task; None: none of them passes."""
        records = await self._reads.worker_records([task.task_id for task in tasks], count_max=_WORKERS_MAX)
        found: list[Matcher | None] = []
        for workers in records:
            labels = labels_of(worker.metadata for worker in workers)
            named = frozenset((*labels, *(f"{name}={value}" for name, value in labels.items())))
            wanted = filter_of_task(self._filter, named)
            found.append(None if wanted is None else self._matcher(wanted))
        return found

    def _matcher(self, wanted: LogFilter) -> Matcher:
        matcher = self._matchers.get(wanted)
        if matcher is None:
            if len(self._matchers) >= _MATCHERS_MAX:
                self._matchers.clear()
            matcher = self._matchers[wanted] = Matcher(wanted)
        return matcher
