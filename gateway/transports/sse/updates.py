"""Updates of execution records and batch jobs over Server-Sent Events."""

from collections.abc import AsyncIterator, Callable
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import LOGS_READ, Authenticator, Principal
from gateway.quota import Quota
from gateway.routing.operation import DescribedRoute
from gateway.transports.sse.encoding import event_bytes
from gateway.transports.sse.event_response import (
    EventResponse,
    closing_event,
    full_response,
    heartbeat_event,
    keep_streams_to_their_hubs,
)
from gateway.transports.sse.openapi import STREAM_UPDATES
from sessions.admission import ServerFullError
from sessions.updates import UpdateHub, UpdateSession

__all__ = ["sight_of", "update_routes"]

PATH: Final = "/api/v1/log-streaming/updates"


def update_routes(hub: UpdateHub, authenticator: Authenticator, *, quota: Quota | None = None) -> list[DescribedRoute]:
    """``GET /api/v1/log-streaming/updates``: events ``logsUpdated`` and ``progress``, from now on, without ids."""
    leases = quota if quota is not None else Quota()
    keep_streams_to_their_hubs()

    async def updates(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        address = request.client.host if request.client else None
        lease = leases.enter(principal=principal.subject, address=address)
        try:
            session = hub.open(sight_of(principal), expires_at=principal.expires_at)
        except ServerFullError as error:
            lease.leave()
            return full_response(error)
        return EventResponse(_events(session), session, lease, timeout_seconds=hub.limits.timeout_seconds)

    return [DescribedRoute(PATH, updates, STREAM_UPDATES)]


def sight_of(principal: Principal) -> Callable[[str | None], bool]:
    """What a principal may see: updates of what its ``tasks`` name; of all scripts together if it has none."""

    def may_see(subject: str | None) -> bool:
        return principal.allows(LOGS_READ, task_id=subject) and not (subject is None and principal.is_limited)

    return may_see


async def _events(session: UpdateSession) -> AsyncIterator[bytes]:
    async for updates in session:
        for update in updates:
            yield event_bytes(update.event, update.json())
        if not updates:
            yield heartbeat_event()
    if (event := closing_event(session.reason)) is not None:
        yield event
