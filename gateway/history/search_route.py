"""``GET /api/v1/log-streaming/search``: at once, or as a stream of hits."""

from collections.abc import AsyncIterator
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.history.bodies import BODY_HEADERS, answer
from gateway.history.counts import matcher_of
from gateway.history.cursors import RecordCursor
from gateway.history.limits import HistoryLimits
from gateway.history.openapi import SEARCH_LOGS
from gateway.history.query import count_of
from gateway.history.reads import Reads
from gateway.history.scans import Scans
from gateway.history.search import Hit, Progress, Search
from gateway.routing.operation import DescribedRoute

__all__ = ["search_routes"]

PATH: Final = "/api/v1/log-streaming/search"
_LIMIT_DEFAULT: Final = 100
_CONTEXT_MAX: Final = 20


def search_routes(
    reads: Reads, authenticator: Authenticator, limits: HistoryLimits, scans: Scans
) -> list[DescribedRoute]:
    """The route."""

    async def search(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        query = request.query_params
        made = Search(
            reads,
            principal,
            matcher_of(request, is_phrase_needed=True),
            RecordCursor.of(query, reads),
            limit=count_of(
                query, "limit", minimum=1, maximum=limits.hits_max, default=min(_LIMIT_DEFAULT, limits.hits_max)
            ),
            context=count_of(query, "context", minimum=0, maximum=_CONTEXT_MAX, default=0),
            limits=limits,
        )
        if "text/event-stream" in request.headers.get("accept", ""):
            scans.check()
            headers = {**BODY_HEADERS, "X-Accel-Buffering": "no"}
            return StreamingResponse(_events(made, scans), headers=headers, media_type="text/event-stream")
        with scans.place():
            hits = await _gathered(made)
        fields = {"q": query["q"], "hits": [_document(hit) for hit in hits], **_totals(made)}
        size = sum(len(hit.line) for hit in hits)
        return await answer(request, "json", lambda: msgspec.json.encode(fields), size)

    return [DescribedRoute(PATH, search, SEARCH_LOGS)]


async def _gathered(search: Search) -> list[Hit]:
    return [found async for found in search if isinstance(found, Hit)]


async def _events(search: Search, scans: Scans) -> AsyncIterator[bytes]:
    """Hits, how far it has got, and at last the totals."""
    try:
        with scans.place():
            yield b": searching\n\n"
            async for found in search:
                if isinstance(found, Hit):
                    yield _event("hit", _document(found))
                else:
                    yield _event("progress", _progress(found))
    except ApiError as error:
        yield _event("error", error.fields())
        return
    yield _event("complete", _totals(search))


def _event(name: str, document: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), msgspec.json.encode(document))


def _document(hit: Hit) -> dict[str, Any]:
    return {
        "entry": msgspec.Raw(hit.line),
        "before": [msgspec.Raw(line) for line in hit.before],
        "after": [msgspec.Raw(line) for line in hit.after],
    }


def _progress(progress: Progress) -> dict[str, int]:
    return {
        "tasks": progress.tasks,
        "tasksTotal": progress.tasks_total,
        "lines": progress.lines,
        "hits": progress.hits,
    }


def _totals(search: Search) -> dict[str, Any]:
    totals = search.totals
    return {
        "tasks": [{"taskId": task_id, "count": count} for task_id, count in totals.hits.items()],
        "scanned": {"tasks": totals.tasks, "lines": totals.lines},
        "isComplete": totals.following is None,
        "next": str(totals.following) if totals.following is not None else None,
    }
