"""``GET /api/v1/log-streaming/tasks``: what is stored, the newest activity first."""

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from filters.labels import labels_of
from filters.matching import Matcher
from gateway.auth import TASKS_WRITE, Authenticator, Principal
from gateway.history.bodies import answer
from gateway.history.cursors import CURSOR, RecordCursor
from gateway.history.failure.causes import Causes
from gateway.history.failure.runs import readable_by
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import HISTORY, STATUSES, Status
from gateway.history.reads import Budget, Reads
from gateway.routing.operation import DescribedRoute, Operation
from gateway.routing.parameters import Choice, Labels, Number, Parameter
from storage.journal.history import KnownTask, SequenceRange, TaskOverview

__all__ = ["FindPinned", "StoredTaskList", "StoredTaskSummary", "TaskLists", "task_routes"]

PATH: Final = "/api/v1/log-streaming/tasks"
_TASKS_PER_STEP: Final = 512

_COUNTED_MAX: Final = 10_000
"""Tasks up to which all of them are counted from the index: half a millisecond."""

_LOOKED_AT_MAX: Final = 2_048
"""The same where each of them has to be looked at, for a part of the id or for a token that covers some: 5 ms."""

_WORKERS_MAX: Final = 20
_LABELLED_WORKERS_MAX: Final = 20
"""Workers of a task whose labels count."""
_REMEMBERED_MAX: Final = 1024
_EVERYTHING: Final = Matcher()


_SEARCH: Final = Parameter("search", "Part of the task's id, whatever the case.", examples=("build",))
_LIMIT: Final = Number("limit", "Tasks of a page, 50 by default.", minimum=1, maximum=200, default=50, examples=(2,))
_LABEL: Final = Labels(
    "label", "Only tasks with this label, as `name=value`; several have to be there all.", examples=("repo=shop",)
)
_STATUS: Final = Choice("status", "Only tasks with this status.", choices=STATUSES)


FindPinned = Callable[[Sequence[str]], Awaitable[Collection[str]]]
"""Which of some tasks are pinned."""


async def _none_pinned(_: Sequence[str]) -> Collection[str]:
    return ()


_CAUSE: Final = (
    "Why it failed, in at most 160 characters. Absent where it has not, or where it is not known yet: ten of them are "
    "found out for each answer, and remembered."
)


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
    labels: Annotated[dict[str, str], msgspec.Meta(description="What its workers were labelled with.")]
    is_pinned: Annotated[bool, msgspec.Meta(description="Nothing of it is removed.")] = False
    cause: Annotated[str | msgspec.UnsetType, msgspec.Meta(description=_CAUSE)] = msgspec.UNSET


class StoredTaskList(msgspec.Struct):
    """Tasks, the newest activity first."""

    tasks: list[StoredTaskSummary]
    next: Annotated[str | None, msgspec.Meta(description="`cursor` of the next page; null: there is none.")]
    total: Annotated[int | None, msgspec.Meta(description="Of all pages; null: too many to count.")]
    may_change: Annotated[bool, msgspec.Meta(description="The token may delete and pin them.")] = msgspec.field(
        name="mayChange", default=False
    )


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
        _LABEL,
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
        """The count of a task within the time limit. The next request continues from its result."""
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


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks: those that one may read, with a part of the id (case-folded; empty: any), a status, and labels."""

    principal: Principal
    search: str = ""
    status: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_selective(self) -> bool:
        """Whether tasks have to be looked at one by one."""
        return bool(self.search or self.labels) or self.principal.is_limited

    async def among(self, reads: Reads, tasks: Sequence[KnownTask]) -> list[KnownTask]:
        """Those of some tasks with this status that it means."""
        found = [task for task in tasks if self._covers(task)]
        if not self.labels or not found:
            return found
        labels = await _labels(reads, found)
        return [task for task, has in zip(found, labels, strict=True) if self.labels.items() <= has.items()]

    def _covers(self, task: KnownTask) -> bool:
        return self.search in task.task_id.casefold() and self.principal.allows("logs:read", task_id=task.task_id)


async def _labels(reads: Reads, tasks: Sequence[KnownTask]) -> list[dict[str, str]]:
    """The labels of each task."""
    records = await reads.worker_records([task.task_id for task in tasks], count_max=_LABELLED_WORKERS_MAX)
    return [labels_of(worker.metadata for worker in workers) for workers in records]


async def _page(
    reads: Reads, query: TaskQuery, cursor: RecordCursor, limit: int, budget: Budget
) -> tuple[list[KnownTask], RecordCursor | None]:
    """Tasks from a cursor on, and the cursor of the next page. Fewer than the limit at the time limit."""
    found: list[KnownTask] = []
    below = cursor.record
    rows_max = _TASKS_PER_STEP if query.is_selective else limit + 1
    while True:
        step = await reads.newest_tasks(below, cursor.snapshot, status=query.status, count_max=rows_max)
        found += await query.among(reads, step)
        if len(found) > limit:
            return found[:limit], cursor.at(found[limit - 1].record)
        if len(step) < rows_max:
            return found, None
        below = step[-1].record
        if budget.is_spent:
            return found, cursor.at(below)


async def _total(reads: Reads, query: TaskQuery, snapshot: int) -> int | None:
    """How many tasks there are on all pages; None where counting them would take longer than a page may."""
    if not query.is_selective:
        total = await reads.count_tasks(status=query.status, count_max=_COUNTED_MAX + 1)
        return total if total <= _COUNTED_MAX else None
    below, total = snapshot + 1, 0
    for _ in range(_LOOKED_AT_MAX // _TASKS_PER_STEP):
        step = await reads.newest_tasks(below, snapshot, status=query.status, count_max=_TASKS_PER_STEP)
        total += len(await query.among(reads, step))
        if len(step) < _TASKS_PER_STEP:
            return total
        below = step[-1].record
    return None


class TaskLists:
    """Makes pages of tasks, and remembers what was counted and found out for them."""

    def __init__(self, reads: Reads, limits: HistoryLimits, find_pinned: FindPinned = _none_pinned) -> None:
        self._reads = reads
        self._limits = limits
        self._find_pinned = find_pinned
        self._counts, self._causes = LevelCounts(), Causes()

    def __repr__(self) -> str:
        return f"<TaskLists {self._counts!r} {self._causes!r}>"

    async def page(self, principal: Principal, query: QueryParams) -> StoredTaskList:
        """The page that query parameters ask for.

        Raises:
            ApiError: INVALID_ARGUMENT that names the parameter, or PERMISSION_DENIED.
        """
        principal.require("logs:read")
        limit = _LIMIT.of(query)
        given = query.get("status", "").upper()
        status = (_STATUS.of({"status": given}) if given else None) or ""
        search = query.get(_SEARCH.name, "").casefold()
        cursor = await RecordCursor.of(query, self._reads)
        mine = self._reads.of(principal.subject)
        wanted = TaskQuery(principal, search, status, _LABEL.of(query.multi_items()))
        budget = Budget(self._limits.seconds_max / 10)
        found, following = await _page(mine, wanted, cursor, limit, budget)
        total = await _total(mine, wanted, cursor.snapshot)
        overviews = await mine.overviews([task.task_id for task in found], workers_max=_WORKERS_MAX)
        labels = await _labels(mine, found)
        shown = [
            await _summary(mine, self._counts, task, overview, budget, has)
            for task, overview, has in zip(found, overviews, labels, strict=True)
        ]
        causes = await self._causes.of(mine, [overview.state for overview in overviews], readable_by(principal))
        pinned = await self._find_pinned([task.task_id for task in shown]) if shown else ()
        for task in shown:
            task.cause = causes.get(task.task_id, msgspec.UNSET)
            task.is_pinned = task.task_id in pinned
        return StoredTaskList(shown, str(following) if following else None, total, principal.allows(TASKS_WRITE))


def task_routes(lists: TaskLists, authenticator: Authenticator) -> list[DescribedRoute]:
    """The route."""

    async def tasks(request: Request) -> Response:
        page = await lists.page(await authenticator.principal_of(request), request.query_params)
        body = msgspec.json.encode(page)
        return await answer(request, "json", lambda: body, len(body))

    return [DescribedRoute(PATH, tasks, _LIST_TASKS)]


async def _summary(
    reads: Reads,
    counts: LevelCounts,
    task: KnownTask,
    overview: TaskOverview,
    budget: Budget,
    labels: dict[str, str],
) -> StoredTaskSummary:
    state = overview.state
    count = await counts.of(reads, task.task_id, state.first, state.last, budget)
    return StoredTaskSummary(
        task_id=task.task_id,
        status=task.status,
        first_sequence=state.first,
        last_sequence=state.last,
        lines=max(state.last + 1 - state.first, 0),
        first_timestamp=count.starts_at,
        last_timestamp=count.ends_at,
        levels=count.levels,
        workers=list(overview.workers),
        worker_count=overview.worker_count,
        bytes=task.bytes,
        labels=labels,
    )
