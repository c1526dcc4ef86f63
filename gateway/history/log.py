"""``GET /api/v1/log-streaming/logs/{taskId}``: a task's stored entries, a page at a time or all of them."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from filters.matching import Matcher
from filters.position import Position
from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.history.bodies import answer, json_entries, ndjson, plain_text
from gateway.history.download import download
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import HISTORY, TASK
from gateway.history.pages import LogPage, Page, Pages, log_page
from gateway.history.query import (
    PAGE_LIMIT,
    PAGE_PARAMETERS,
    Format,
    PageQuery,
    format_of,
    is_download,
    is_message_only,
    page_query,
)
from gateway.history.reads import Reads
from gateway.history.scans import Scans
from gateway.http.disconnects import while_connected
from gateway.routing.operation import Answer, DescribedRoute, Header, Operation
from gateway.routing.path_parameters import path_identifier
from gateway.transports.stream_request import FILTER_PARAMETERS, TAIL_MAX, filter_of
from storage.journal.interface import TaskState

__all__ = ["PATH", "known_task", "log_routes", "read_page"]

PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}"
_READ_LOG: Final = Operation(
    "readLog",
    "GET",
    HISTORY,
    "What is stored of one task",
    description="A page of entries, or all of them as a file. At most one of `after`, `before` and `tail`; without, it "
    "starts at the first line. Cursors stay valid while lines arrive. Compressed with zstd or gzip where "
    "`Accept-Encoding` says so.",
    scope="logs:read",
    parameters=(TASK, *FILTER_PARAMETERS, *PAGE_PARAMETERS),
    answers={
        200: Answer(
            "The page. As lines of JSON or text, `Link` has the addresses of the neighbouring pages.",
            LogPage,
            media=("application/x-ndjson", "text/plain"),
            headers={"Vary": Header("`Accept`, `Accept-Encoding` and those of credentials.")},
        )
    },
    errors=("NOT_FOUND", "NOT_ACCEPTABLE", "RESOURCE_EXHAUSTED"),
    stored=True,
)


def log_routes(reads: Reads, authenticator: Authenticator, limits: HistoryLimits, scans: Scans) -> list[DescribedRoute]:
    """The route; it is to stand after all others that begin like it."""

    async def log(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", task_id=task_id)
        matcher = Matcher(filter_of(request.query_params.multi_items()))
        mine = reads.of(principal.subject)
        kind = format_of(request.query_params, request.headers.get("accept", ""))
        is_plain = is_message_only(request.query_params)
        if is_download(request.query_params):
            limit = PAGE_LIMIT.of(request.query_params, maximum=TAIL_MAX, default=TAIL_MAX)
            state = await known_task(reads, task_id)
            return await download(
                request, mine, scans.of(principal.subject), state, matcher, kind, limit=limit, is_message_only=is_plain
            )
        query = page_query(request.query_params, lines_max=limits.lines_max)
        state = await known_task(reads, task_id)
        work = read_page(Pages(mine, limits), reads.epoch, state, query, matcher)
        page, is_restart = await while_connected(request, work)
        return await _page_answer(
            request, kind, reads.epoch, state, page, is_restart=is_restart, is_message_only=is_plain
        )

    return [DescribedRoute(PATH, log, _READ_LOG)]


async def known_task(reads: Reads, task_id: str) -> TaskState:
    """What exists of a task.

    Raises:
        ApiError: NOT_FOUND.
    """
    state = await reads.task_state(task_id)
    if not state.last and state.ended is None:
        raise ApiError("NOT_FOUND", f"no lines of task {task_id!r} are stored", field="taskId")
    return state


async def read_page(
    pages: Pages, epoch: str, state: TaskState, query: PageQuery, matcher: Matcher
) -> tuple[Page, bool]:
    """The page, and whether it begins anew, because the position is of another life of the journal."""
    if query.is_tail:
        return await pages.before(state, state.last, query.limit, matcher), False
    position = query.before or query.after or Position()
    # An id that we gave out cannot be beyond the end, unless the journal went back in time: see Session.
    beyond = state.last + 1 if query.before is not None else state.last
    is_restart = not position.belongs_to(epoch) or bool(position.epoch and position.sequence > beyond)
    if query.before is not None:
        upto = state.last if is_restart else min(max(position.sequence - 1, 0), state.last)
        return await pages.before(state, upto, query.limit, matcher), is_restart
    return await pages.after(state, 0 if is_restart else position.sequence, query.limit, matcher), is_restart


async def _page_answer(
    request: Request,
    kind: Format,
    epoch: str,
    state: TaskState,
    page: Page,
    *,
    is_restart: bool,
    is_message_only: bool,
) -> Response:
    document = log_page(epoch, state, page, is_restart=is_restart)
    size = sum(map(len, page.lines))
    if kind == "json":
        return await answer(request, kind, lambda: _encoded(document, page.lines), size)
    links = [f'<{_link(request, "after", document.next)}>; rel="next"']
    if document.previous is not None:
        links.append(f'<{_link(request, "before", document.previous)}>; rel="prev"')
    headers = {"Link": ", ".join(links), "Otto-Epoch": epoch}
    if is_restart:
        headers["Otto-Restart"] = "true"
    if kind == "ndjson":
        return await answer(request, kind, lambda: ndjson(page.lines), size, headers)
    return await answer(request, kind, lambda: plain_text(page.lines, is_message_only=is_message_only), size, headers)


def _encoded(document: LogPage, lines: Sequence[bytes]) -> bytes:
    document.entries = json_entries(lines)
    return msgspec.json.encode(document)


def _link(request: Request, name: str, position: str) -> str:
    """The address of a neighbouring page, relative, and without credentials."""
    dropped = ("after", "before", "tail", "access_token", "ticket")
    kept = [pair for pair in request.query_params.multi_items() if pair[0] not in dropped]
    return "?" + "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in [*kept, (name, position)])
