"""``GET /api/v1/log-streaming/search``: at once, or as a stream of hits."""

from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any, Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from filters.entry import LogEntry
from gateway.auth import Authenticator, Principal
from gateway.errors import ApiError
from gateway.history.bodies import BODY_HEADERS, answer, json_entries, json_entry
from gateway.history.counts import Q, filter_and_text
from gateway.history.cursors import CURSOR, RecordCursor
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import HISTORY
from gateway.history.reads import Reads
from gateway.history.scans import PrincipalScans, Scans
from gateway.history.search import Hit, Search
from gateway.http.disconnects import while_connected
from gateway.routing.operation import Answer, DescribedRoute, Operation
from gateway.routing.parameters import Number
from gateway.transports.sse.encoding import event_bytes
from gateway.transports.stream_request import FILTER_PARAMETERS

__all__ = ["SearchResult", "gathered", "made_search", "search_result", "search_routes"]

PATH: Final = "/api/v1/log-streaming/search"


_HITS: Final = Number(
    "limit",
    "Hits, 100 by default and at most `HISTORY_HITS_MAX`.",
    minimum=1,
    maximum=1000,
    default=100,
    examples=(10,),
)
_CONTEXT: Final = Number("context", "Lines in front of each hit, and behind it.", maximum=20, examples=(2,))


class SearchHit(msgspec.Struct):
    """A line, and those around it."""

    entry: LogEntry
    before: list[LogEntry]
    after: list[LogEntry]


class TaskHits(msgspec.Struct, rename="camel"):
    """How many hits a task has."""

    task_id: str
    count: int


class Scanned(msgspec.Struct):
    """What was looked at."""

    tasks: int
    lines: int


class SearchResult(msgspec.Struct, rename="camel"):
    """Hits, the newest first."""

    q: str
    hits: list[SearchHit]
    tasks: list[TaskHits]
    scanned: Scanned
    is_complete: bool
    next: Annotated[str | None, msgspec.Meta(description="`cursor` to continue with; null: there are no more.")]


SEARCH_LOGS: Final = Operation(
    "searchLogs",
    "GET",
    HISTORY,
    "Which lines of all tasks match",
    description="In the tasks that the token covers, the newest activity first, in each the newest line first. With "
    "`Accept: text/event-stream` hits come as they are found, as events `hit`; `progress` says how far it has got, and "
    "`complete` has the rest of the document. Closing the connection stops it. Here `filter` may choose tasks, too: "
    "`label:name=value`, or `label:name`, whatever its value.",
    scope="logs:read",
    parameters=(Q, *FILTER_PARAMETERS, _HITS, _CONTEXT, CURSOR),
    answers={200: Answer("What was found.", SearchResult, media=("text/event-stream",))},
    errors=("RESOURCE_EXHAUSTED",),
    stored=True,
)


def search_routes(
    reads: Reads, authenticator: Authenticator, limits: HistoryLimits, scans: Scans
) -> list[DescribedRoute]:
    """The route."""

    async def search(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        query = request.query_params
        mine = scans.of(principal.subject)
        made = await made_search(reads, principal, query, limits)
        if "text/event-stream" in request.headers.get("accept", ""):
            mine.check()
            headers = {**BODY_HEADERS, "X-Accel-Buffering": "no"}
            return StreamingResponse(_events(made, Q.of(query), mine), headers=headers, media_type="text/event-stream")
        with mine.place():
            hits = await while_connected(request, gathered(made))
        result = search_result(made, Q.of(query), hits)
        size = sum(hit.size for hit in hits)
        return await answer(request, "json", lambda: msgspec.json.encode(result), size)

    return [DescribedRoute(PATH, search, SEARCH_LOGS)]


async def made_search(reads: Reads, principal: Principal, query: QueryParams, limits: HistoryLimits) -> Search:
    """The search that query parameters ask for.

    Raises:
        ApiError: INVALID_ARGUMENT that names the parameter.
    """
    return Search(
        reads.of(principal.subject),
        principal,
        filter_and_text(query, has_labels=True),
        await RecordCursor.of(query, reads),
        limit=_HITS.of(query, maximum=limits.hits_max, default=min(_HITS.default, limits.hits_max)),
        context=_CONTEXT.of(query),
        limits=limits,
    )


async def gathered(search: Search) -> list[Hit]:
    """All hits of a search."""
    return [found async for found in search if isinstance(found, Hit)]


async def _events(search: Search, q: str, scans: PrincipalScans) -> AsyncIterator[bytes]:
    """Hits, how far it has got, and at last the totals."""
    try:
        with scans.place():
            yield b": searching\n\n"
            async for found in search:
                yield _event("hit", _hit(found)) if isinstance(found, Hit) else _event("progress", found)
    except ApiError as error:
        yield _event("error", error.detail)
        return
    totals = msgspec.to_builtins(search_result(search, q, ()))
    yield _event("complete", {name: totals[name] for name in totals if name not in {"q", "hits"}})


def _event(name: str, document: Any) -> bytes:
    return event_bytes(name, msgspec.json.encode(document))


def _hit(hit: Hit) -> SearchHit:
    return SearchHit(json_entry(hit.line), json_entries(hit.before), json_entries(hit.after))


def search_result(search: Search, q: str, hits: Sequence[Hit]) -> SearchResult:
    """The hits of a search as a document."""
    totals = search.totals
    return SearchResult(
        q,
        [_hit(hit) for hit in hits],
        [TaskHits(task_id, count) for task_id, count in totals.hits.items()],
        Scanned(totals.tasks, totals.lines),
        totals.following is None,
        str(totals.following) if totals.following is not None else None,
    )
