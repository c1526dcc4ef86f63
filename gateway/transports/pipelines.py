"""The progress of one pipeline over Server-Sent Events.

Stages change a few times a minute, so an event at a time through sse-starlette is the right tool here; the log stream
has another way of writing.
"""

import random
from collections.abc import AsyncIterator, Mapping
from typing import Final, Protocol

from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import AppStatus, EventSourceResponse, SendTimeoutError
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from filters.position import Position, PositionError
from filters.timestamps import now
from gateway.errors import ApiError, error_response
from gateway.quota import Place, Quota
from gateway.transports.paths import path_identifier
from sessions.admission import ServerFullError
from sessions.close_reasons import CloseReason
from sessions.pipelines import PipelineHub, PipelineSession
from sessions.transport import Notice, NoticeKind

__all__ = ["PipelineAuthenticator", "PipelinePrincipal", "pipeline_routes"]

PATH: Final = "/api/v1/log-streaming/pipelines/{pipeline_id:identifier}/progress"
RETRY_MILLISECONDS: Final = (1_000, 3_000)
"""How long a browser waits before it reconnects; spread, so that not everybody comes back at once."""
RETRY_AFTER_SHUTDOWN_MILLISECONDS: Final = (1_000, 10_000)
RETRY_AFTER_FULL_SECONDS: Final = (5, 30)
"""When a client that was refused may try again."""


class PipelinePrincipal(Protocol):
    """Who asks."""

    @property
    def subject(self) -> str: ...  # noqa: D102
    @property
    def expires_at(self) -> float | None: ...  # noqa: D102
    def require(self, scope: str, *, pipeline_id: str | None = None) -> None: ...  # noqa: D102


class PipelineAuthenticator(Protocol):
    """Tells who asks, or raises ``ApiError``."""

    async def principal_of(self, connection: HTTPConnection) -> PipelinePrincipal: ...  # noqa: D102


class _Response(EventSourceResponse):
    """Ends when the session does; the library's own pings are off, its per-send timeout drops clients that hang."""

    def __init__(self, hub: PipelineHub, session: PipelineSession, place: Place) -> None:
        super().__init__(
            _events(hub, session),
            headers={"Cache-Control": "no-store"},
            ping=0,
            sep="\n",
            send_timeout=hub.limits.timeout_seconds,
        )
        self._session = session
        self._place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self._session.close(CloseReason.SESSION_TIMEOUT)
        finally:
            self._session.close(CloseReason.CLIENT_GONE)
            self._place.leave()


def pipeline_routes(
    hub: PipelineHub, authenticator: PipelineAuthenticator, *, quota: Quota | None = None
) -> list[Route]:
    """``GET /api/v1/log-streaming/pipelines/{pipelineId}/progress``."""
    places = quota if quota is not None else Quota()
    # The hub ends the streams, and says why; the library would cut them off when it sees uvicorn stop.
    AppStatus.disable_automatic_graceful_drain()

    async def progress(request: Request) -> Response:
        pipeline_id = path_identifier(request.scope, PATH, "pipeline_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", pipeline_id=pipeline_id)
        after = _after(request.query_params, request.headers.get("last-event-id"))
        address = request.client.host if request.client else None
        place = places.enter(principal=principal.subject, address=address)
        try:
            session = hub.open(pipeline_id, after=after, expires_at=principal.expires_at)
        except ServerFullError as error:
            place.leave()
            wait = random.randint(*RETRY_AFTER_FULL_SECONDS)  # noqa: S311 - jitter, not a secret
            return error_response(ApiError("SERVER_FULL", str(error), retry_after_seconds=wait))
        return _Response(hub, session, place)

    return [Route(PATH, progress, methods=["GET"], name="pipeline_progress")]


async def _events(hub: PipelineHub, session: PipelineSession) -> AsyncIterator[ServerSentEvent]:
    yield ServerSentEvent(retry=random.randint(*RETRY_MILLISECONDS), sep="\n")  # noqa: S311 - jitter, not a secret
    async for changes in session:
        for change in changes:
            position = Position(change.number, hub.epoch)
            yield ServerSentEvent(change.document.decode(), event="progress", id=str(position), sep="\n")
        if not changes:
            yield _event(Notice(NoticeKind.HEARTBEAT, {"timestamp": now()}))
    reason = session.reason
    if reason is None or reason is CloseReason.CLIENT_GONE:
        return
    notice = Notice(NoticeKind.ERROR, {"code": reason.code, "message": reason.text})
    is_shutdown = reason is CloseReason.SERVER_SHUTDOWN
    retry = random.randint(*RETRY_AFTER_SHUTDOWN_MILLISECONDS) if is_shutdown else None  # noqa: S311 - jitter
    yield _event(notice, retry)


def _event(notice: Notice, retry: int | None = None) -> ServerSentEvent:
    return ServerSentEvent(notice.json().decode(), event=notice.kind.value, retry=retry, sep="\n")


def _after(query: Mapping[str, str], last_event_id: str | None) -> Position | None:
    """Where to go on: behind ``Last-Event-ID``, which a browser repeats by itself, or behind ``after``."""
    field, text = ("Last-Event-ID", last_event_id) if last_event_id else ("after", query.get("after"))
    if text is None:
        return None
    try:
        return Position.parse(text)
    except PositionError as error:
        raise ApiError("INVALID_ARGUMENT", f"{field}: {error}", field=field) from error
