"""What is stored, for the routes of the history and for components: each answer is that of a route."""

from collections.abc import Sequence

import msgspec
from starlette.datastructures import QueryParams

from filters.entry import decode_lines
from filters.matching import Matcher
from gateway.auth import Principal
from gateway.history.counts import Q
from gateway.history.failure.comparison import TaskComparison
from gateway.history.failure.reading import read_comparison, read_summary
from gateway.history.failure.runs import readable_by
from gateway.history.failure.summary import TaskSummary, comparison_markdown
from gateway.history.failure.summary import markdown as summary_markdown
from gateway.history.limits import HistoryLimits
from gateway.history.log import known_task, read_page
from gateway.history.pages import LogPage, Pages, log_page
from gateway.history.query import page_query
from gateway.history.reads import Budget, HistoryJournal, Reads
from gateway.history.scans import Scans
from gateway.history.search_route import SearchHit, SearchResult, gathered, made_search, search_result
from gateway.history.tasks import FindPinned, StoredTaskList, StoredTaskSummary, TaskLists
from gateway.transports.stream_request import filter_of

__all__ = [
    "LogPage",
    "Query",
    "SearchHit",
    "SearchResult",
    "StoredLogs",
    "StoredTaskList",
    "StoredTaskSummary",
    "TaskComparison",
    "TaskSummary",
    "comparison_markdown",
    "summary_markdown",
]

Query = Sequence[tuple[str, str]]
"""Parameters of a route, by name."""


class StoredLogs:
    """Reads stored lines on behalf of a principal, within the limits of the history.

    Each method raises ``ApiError`` as the route does: PERMISSION_DENIED, NOT_FOUND, INVALID_ARGUMENT with the name of
    the parameter, RESOURCE_EXHAUSTED.

    Args:
        journal: what is read.
        limits: of one request.
        find_pinned: says which tasks are pinned; None: none is.
    """

    def __init__(
        self, journal: HistoryJournal, limits: HistoryLimits | None = None, find_pinned: FindPinned | None = None
    ) -> None:
        self.limits = limits or HistoryLimits()
        self.reads = Reads(journal)
        self.scans = Scans(self.limits.scans_max)
        self.lists = TaskLists(self.reads, self.limits, *([find_pinned] if find_pinned else []))

    def __repr__(self) -> str:
        return f"<StoredLogs {self.scans!r}>"

    async def tasks(self, principal: Principal, query: Query) -> StoredTaskList:
        """A page of tasks."""
        return await self.lists.page(principal, QueryParams([*query]))

    async def page(self, principal: Principal, task_id: str, query: Query) -> LogPage:
        """A page of a task's entries."""
        principal.require("logs:read", task_id=task_id)
        params = QueryParams([*query])
        matcher = Matcher(filter_of(params.multi_items()))
        wanted = page_query(params, lines_max=self.limits.lines_max)
        state = await known_task(self.reads, task_id)
        pages = Pages(self.reads.of(principal.subject), self.limits)
        page, is_restart = await read_page(pages, self.reads.epoch, state, wanted, matcher)
        document = log_page(self.reads.epoch, state, page, is_restart=is_restart)
        document.entries = decode_lines(page.lines) if page.lines else []
        return document

    async def search(self, principal: Principal, query: Query) -> SearchResult:
        """Search a text in all tasks."""
        principal.require("logs:read")
        params = QueryParams([*query])
        search = await made_search(self.reads, principal, params, self.limits)
        with self.scans.of(principal.subject).place():
            hits = await gathered(search)
        # The entries are those that are stored, as JSON.
        return msgspec.json.decode(msgspec.json.encode(search_result(search, Q.of(params), hits)), type=SearchResult)

    async def summary(self, principal: Principal, task_id: str) -> TaskSummary:
        """Why a task failed."""
        principal.require("logs:read", task_id=task_id)
        state = await known_task(self.reads, task_id)
        with self.scans.of(principal.subject).place():
            return await read_summary(
                self.reads.of(principal.subject), state, Budget(self.limits.seconds_max), readable_by(principal)
            )

    async def comparison(self, principal: Principal, task_id: str, other_id: str | None) -> TaskComparison:
        """A task beside another one, or beside the last good run of its name."""
        principal.require("logs:read", task_id=task_id)
        if other_id is not None:
            principal.require("logs:read", task_id=other_id)
        state = await known_task(self.reads, task_id)
        other = None if other_id is None else await known_task(self.reads, other_id)
        with self.scans.of(principal.subject).place():
            return await read_comparison(
                self.reads.of(principal.subject), state, other, Budget(self.limits.seconds_max), readable_by(principal)
            )
