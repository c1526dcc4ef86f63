"""Causes of tasks in one line, remembered, for lists of tasks."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from gateway.history.failure.reading import read_summary
from gateway.history.failure.runs import Covers
from gateway.history.reads import Budget, Reads
from storage.journal.interface import TaskState

__all__ = ["Causes"]

_REMEMBERED_MAX: Final = 4096
_MADE_MAX: Final = 10
"""Causes that one request finds out; each takes a few milliseconds to some tens."""
_SECONDS_MAX: Final = 0.5
_CHARACTERS_MAX: Final = 160


class Causes:
    """Why tasks failed, each found out once; a list that is asked for again has more of them."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, int, str], str] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Causes of {len(self._known)} tasks>"

    async def of(self, reads: Reads, states: Sequence[TaskState], covers: Covers) -> dict[str, str]:
        """By task, those of the failed ones that are known, or can be found out in half a second."""
        causes: dict[str, str] = {}
        budget, left = Budget(_SECONDS_MAX), _MADE_MAX
        for state in states:
            if state.ended is None or state.ended.status != "FAILED":
                continue
            key = (state.task_id, state.last, state.ended.timestamp)
            if key not in self._known and left and not budget.is_spent:
                left -= 1
                self._known[key] = await _cause(reads, state, covers)
                while len(self._known) > _REMEMBERED_MAX:
                    self._known.popitem(last=False)
            if cause := self._known.get(key):
                causes[state.task_id] = cause
        return causes


async def _cause(reads: Reads, state: TaskState, covers: Covers) -> str:
    """The cause, else what ended the task; empty if nothing is known."""
    summary = await read_summary(reads, state, Budget(_SECONDS_MAX), covers)
    test = summary.failed_tests[0] if summary.failed_tests else None
    if test is not None and summary.cause is not None and summary.cause.rule == "test":
        more = f" (and {summary.failed_test_count - 1} more)" if summary.failed_test_count > 1 else ""
        text = f"{test.name}{more}: {test.message}" if test.message else test.name + more
    else:
        text = summary.cause.headline if summary.cause is not None else summary.reason
    return text[:_CHARACTERS_MAX]
