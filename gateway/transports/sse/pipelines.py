"""The progress of one pipeline over Server-Sent Events."""

from collections.abc import AsyncIterator
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from filters.position import Position
from gateway.auth import Authenticator
from gateway.quota import Quota
from gateway.routing.operation import DescribedRoute
from gateway.routing.path_parameters import path_identifier
from gateway.transports.sse.encoding import event_bytes
from gateway.transports.sse.event_response import (
    EventResponse,
    closing_event,
    full_response,
    heartbeat_event,
    keep_streams_to_their_hubs,
)
from gateway.transports.sse.openapi import STREAM_PROGRESS
from gateway.transports.stream_request import AFTER, last_event_id_of
from sessions.admission import ServerFullError
from sessions.pipelines import PipelineHub, PipelineSession

__all__ = ["pipeline_routes"]

PATH: Final = "/api/v1/log-streaming/pipelines/{pipeline_id:identifier}/progress"


def pipeline_routes(
    hub: PipelineHub, authenticator: Authenticator, *, quota: Quota | None = None
) -> list[DescribedRoute]:
    """``GET /api/v1/log-streaming/pipelines/{pipelineId}/progress``."""
    leases = quota if quota is not None else Quota()
    keep_streams_to_their_hubs()

    async def progress(request: Request) -> Response:
        pipeline_id = path_identifier(request.scope, PATH, "pipeline_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", pipeline_id=pipeline_id)
        seen = last_event_id_of(request.query_params, request.headers)  # which a browser repeats by itself
        after = AFTER.of(request.query_params) if seen is None else seen
        address = request.client.host if request.client else None
        lease = leases.enter(principal=principal.subject, address=address)
        try:
            session = hub.open(pipeline_id, after=after, expires_at=principal.expires_at)
        except ServerFullError as error:
            lease.leave()
            return full_response(error)
        return EventResponse(_events(hub, session), session, lease, timeout_seconds=hub.limits.timeout_seconds)

    return [DescribedRoute(PATH, progress, STREAM_PROGRESS)]


async def _events(hub: PipelineHub, session: PipelineSession) -> AsyncIterator[bytes]:
    async for changes in session:
        for change in changes:
            position = Position(change.number, hub.epoch)
            yield event_bytes("progress", change.document, position=position)
        if not changes:
            yield heartbeat_event()
    if (event := closing_event(session.reason)) is not None:
        yield event
