"""``GET /api/v1/log-streaming/recent-tasks``: what is streaming, for whoever may read it."""

from typing import Protocol

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.errors import ApiError
from gateway.recent_tasks import RecentTask, RecentTasks

__all__ = ["recent_tasks_routes"]


class Principal(Protocol):
    """Whoever asks."""

    def require(self, scope: str, *, task_id: str | None = None) -> None:
        """Return, or raise ``ApiError``."""
        ...


class Authenticator(Protocol):
    """Tells who asks."""

    async def principal_of(self, connection: HTTPConnection) -> Principal:
        """The principal, or ``ApiError``."""
        ...


def recent_tasks_routes(tasks: RecentTasks, authenticator: Authenticator) -> list[Route]:
    """``{"tasks": [{"taskId", "lastSequence", "status", "updatedAt"}]}``, the latest first, of those one may read."""

    async def recent(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        shown = [
            {
                "taskId": task.task_id,
                "lastSequence": task.last_sequence,
                "status": task.status,
                "updatedAt": task.updated_at,
            }
            for task in tasks.latest()
            if _may_read(principal, task)
        ]
        body = msgspec.json.encode({"tasks": shown})
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    return [Route("/api/v1/log-streaming/recent-tasks", recent, methods=["GET"], name="recent_tasks")]


def _may_read(principal: Principal, task: RecentTask) -> bool:
    try:
        principal.require("logs:read", task_id=task.task_id)
    except ApiError:
        return False
    return True
