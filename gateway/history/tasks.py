"""``GET /api/v1/log-streaming/tasks``: what is stored, the newest activity first."""

import heapq
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from filters.matching import Matcher
from gateway.auth import Authenticator, Principal
from gateway.history.bodies import answer
from gateway.history.cursors import CURSOR, RecordCursor
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import HISTORY, STATUSES, Status
from gateway.history.reads import Budget, Reads
from gateway.routing.operation import DescribedRoute, Operation
from gateway.routing.parameters import Choice, Number, Parameter
from storage.journal.history import KnownTask, SequenceRange

__all__ = ["Ranking", "task_routes"]

PATH: Final = "/api/v1/log-streaming/tasks"
_TASKS_PER_STEP: Final = 2048
_WORKERS_MAX: Final = 20
_REMEMBERED_MAX: Final = 1024
_EVERYTHING: Final = Matcher()


_SEARCH: Final = Parameter("search", "Part of the task's id, whatever the case.", examples=("build",))
_LIMIT: Final = Number("limit", "Tasks of a page, 50 by default.", minimum=1, maximum=200, default=50, examples=(2,))
_STATUS: Final = Choice("status", "Only tasks with this status.", choices=STATUSES)


class StoredTaskSummary(msgspec.Struct, rename="camel", kw_only=True):
    """A task that has lines."""

    task_id: str
    status: Status
    first_sequence: int
    last_sequence: int
    lines: int
    first_timestamp: str | None
    last_timestamp: str | None
    levels: Annotated[dict[str, int], msgspec.Meta(description="Lines by level; fewer than all while it is counted.")]
    workers: Annotated[list[str], msgspec.Meta(description="The first 20 by name.")]
    worker_count: int
    bytes: Annotated[int, msgspec.Meta(description="On the disk, compressed.")]


class StoredTaskList(msgspec.Struct):
    """Tasks, the newest activity first."""

    tasks: list[StoredTaskSummary]
    next: Annotated[str | None, msgspec.Meta(description="`cursor` of the next page; null: there is none.")]
    total: Annotated[int | None, msgspec.Meta(description="Of all pages.")]


_LIST_TASKS: Final = Operation(
    "listTasks",
    "GET",
    HISTORY,
    "What is stored",
    description="Tasks that have lines and that the token covers, the newest activity first.",
    scope="logs:read",
    parameters=(
        _SEARCH,
        _STATUS,
        _LIMIT,
        CURSOR,
    ),
    answers={200: StoredTaskList},
    stored=True,
)


@dataclass(slots=True)
class _Count:
    """Levels of a task's lines up to ``position``, counted once."""

    first: int
    position: int
    levels: Counter[str] = field(default_factory=Counter)
    starts_at: str | None = None
    ends_at: str | None = None


class LevelCounts:
    """Levels of the tasks that were asked for last, so that only what is new has to be counted."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, _Count] = OrderedDict()

    def __repr__(self) -> str:
        return f"<LevelCounts of {len(self._known)} tasks>"

    async def of(self, reads: Reads, task_id: str, first: int, last: int, budget: Budget) -> _Count:
        """The count of a task, as far as the time allows; where it is asked for again, it continues from there."""
        count = self._known.get(task_id)
        if count is None or count.first != first or count.position > last:
            count = self._known[task_id] = _Count(first, first - 1)
        self._known.move_to_end(task_id)
        if len(self._known) > _REMEMBERED_MAX:
            self._known.popitem(last=False)
        sequences = SequenceRange(first, last, max(last + 1 - first, 1))
        while count.position < last and not budget.is_spent:
            position = count.position
            step = await reads.count_by_level(task_id, position, sequences, _EVERYTHING)
            if count.position != position:
                continue  # another request has counted the same meanwhile
            count.levels.update(step.counts.get(0, {}))
            count.starts_at = step.starts.get(0, count.starts_at)
            count.ends_at = step.ends.get(0, count.ends_at)
            count.position = step.end
        return count


class Ranking:
    """All tasks that one may read, by the age of their newest line."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def records(self, principal: Principal, snapshot: int) -> "array[int]":
        """The newest record of each task, the newest first: 8 bytes a task, after one walk over all of them."""
        found = array("q")
        key = 0
        while True:
            step = await self._reads.known_tasks(key, snapshot, count_max=_TASKS_PER_STEP)
            found.extend(task.record for task in _shown(step, principal, "", ""))
            if len(step) < _TASKS_PER_STEP:
                return array("q", sorted(found, reverse=True))
            key = step[-1].key

    async def newest(
        self,
        principal: Principal,
        snapshot: int,
        *,
        below: int,
        limit: int,
        search: str = "",
        status: str = "",
    ) -> tuple[list[KnownTask], int]:
        """Tasks whose newest record is below one, the newest first, and how many there are in all.

        Args:
            principal: whoever asks.
            snapshot: the newest record of the moment that the ranking is of: what comes later changes nothing in it.
            below: a record.
            limit: so many at most.
            search: part of the id, case-folded; empty: any.
            status: empty: any.
        """
        total = 0
        best: list[tuple[int, int, KnownTask]] = []
        key = 0
        while True:
            step = await self._reads.known_tasks(key, snapshot, count_max=_TASKS_PER_STEP)
            for task in _shown(step, principal, search, status):
                total += 1
                if task.record >= below:
                    continue
                item = (task.record, task.key, task)
                if len(best) < limit:
                    heapq.heappush(best, item)
                else:
                    heapq.heappushpop(best, item)
            if len(step) < _TASKS_PER_STEP:
                return [task for _, _, task in sorted(best, reverse=True)], total
            key = step[-1].key


def _shown(step: Any, principal: Principal, search: str, status: str) -> Iterator[KnownTask]:
    for task in step:
        if not task.record or task.last < task.first or (status and task.status != status):
            continue
        if search and search not in task.task_id.casefold():
            continue
        if principal.allows("logs:read", task_id=task.task_id):
            yield task


def task_routes(reads: Reads, authenticator: Authenticator, limits: HistoryLimits) -> list[DescribedRoute]:
    """The route."""
    counts = LevelCounts()

    async def tasks(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        query = request.query_params
        limit = _LIMIT.of(query)
        given = query.get("status", "").upper()
        status = (_STATUS.of({"status": given}) if given else None) or ""
        search = query.get(_SEARCH.name, "").casefold()
        cursor = RecordCursor.of(query, reads)
        mine = reads.of(principal.subject)
        found, total = await Ranking(mine).newest(
            principal, cursor.snapshot, below=cursor.record, limit=limit + 1, search=search, status=status
        )
        budget = Budget(limits.seconds_max / 10)
        shown = [await _summary(mine, counts, task, budget) for task in found[:limit]]
        following = str(cursor.at(found[limit - 1].record)) if len(found) > limit else None
        body = msgspec.json.encode(StoredTaskList(shown, following, total))
        return await answer(request, "json", lambda: body, len(body))

    return [DescribedRoute(PATH, tasks, _LIST_TASKS)]


async def _summary(reads: Reads, counts: LevelCounts, task: KnownTask, budget: Budget) -> StoredTaskSummary:
    state = await reads.task_state(task.task_id)
    count = await counts.of(reads, task.task_id, state.first, state.last, budget)
    workers, worker_count = await reads.workers(task.task_id, count_max=_WORKERS_MAX)
    return StoredTaskSummary(
        task_id=task.task_id,
        status=task.status,
        first_sequence=state.first,
        last_sequence=state.last,
        lines=max(state.last + 1 - state.first, 0),
        first_timestamp=count.starts_at,
        last_timestamp=count.ends_at,
        levels=count.levels,
        workers=list(workers),
        worker_count=worker_count,
        bytes=task.bytes,
    )
