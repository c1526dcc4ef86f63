"""``GET /api/v1/log-streaming/search``: at once, or as a stream of hits."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.history.bodies import BODY_HEADERS, answer, json_entries, json_entry
from gateway.history.counts import matcher_of
from gateway.history.cursors import RecordCursor
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import CONTEXT, HITS, SEARCH_LOGS, Scanned, SearchHit, SearchResult, TaskHits
from gateway.history.reads import Reads
from gateway.history.scans import Scans
from gateway.history.search import Hit, Search
from gateway.http.disconnects import while_connected
from gateway.routing.operation import DescribedRoute

__all__ = ["search_routes"]

PATH: Final = "/api/v1/log-streaming/search"


def search_routes(
    reads: Reads, authenticator: Authenticator, limits: HistoryLimits, scans: Scans
) -> list[DescribedRoute]:
    """The route."""

    async def search(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        query = request.query_params
        subject = principal.subject
        made = Search(
            reads.of(subject),
            principal,
            matcher_of(request, is_phrase_needed=True),
            RecordCursor.of(query, reads),
            limit=HITS.of(query, maximum=limits.hits_max, default=min(HITS.default, limits.hits_max)),
            context=CONTEXT.of(query),
            limits=limits,
        )
        if "text/event-stream" in request.headers.get("accept", ""):
            scans.check(subject)
            headers = {**BODY_HEADERS, "X-Accel-Buffering": "no"}
            return StreamingResponse(
                _events(made, query["q"], scans, subject), headers=headers, media_type="text/event-stream"
            )
        with scans.place(subject):
            hits = await while_connected(request, _gathered(made))
        result = _result(made, query["q"], hits)
        size = sum(hit.size for hit in hits)
        return await answer(request, "json", lambda: msgspec.json.encode(result), size)

    return [DescribedRoute(PATH, search, SEARCH_LOGS)]


async def _gathered(search: Search) -> list[Hit]:
    return [found async for found in search if isinstance(found, Hit)]


async def _events(search: Search, q: str, scans: Scans, subject: str) -> AsyncIterator[bytes]:
    """Hits, how far it has got, and at last the totals."""
    try:
        with scans.place(subject):
            yield b": searching\n\n"
            async for found in search:
                yield _event("hit", _hit(found)) if isinstance(found, Hit) else _event("progress", found)
    except ApiError as error:
        yield _event("error", error.fields())
        return
    totals = msgspec.to_builtins(_result(search, q, ()))
    yield _event("complete", {name: totals[name] for name in totals if name not in {"q", "hits"}})


def _event(name: str, document: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(document))


def _hit(hit: Hit) -> SearchHit:
    return SearchHit(json_entry(hit.line), json_entries(hit.before), json_entries(hit.after))


def _result(search: Search, q: str, hits: Sequence[Hit]) -> SearchResult:
    totals = search.totals
    return SearchResult(
        q,
        [_hit(hit) for hit in hits],
        [TaskHits(task_id, count) for task_id, count in totals.hits.items()],
        Scanned(totals.tasks, totals.lines),
        totals.following is None,
        str(totals.following) if totals.following is not None else None,
    )
