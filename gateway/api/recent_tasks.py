"""``GET /api/v1/log-streaming/recent-tasks``: what is streaming, for whoever may read it."""

from typing import Annotated, Final, Protocol

import msgspec
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from gateway.description.operation import Answer, DescribedRoute, Operation
from gateway.errors import ApiError
from gateway.recent_tasks import RecentTask, RecentTasks

__all__ = ["recent_tasks_routes"]


class TaskSummary(msgspec.Struct, rename="camel"):
    """A task that got lines lately."""

    task_id: str
    last_sequence: int
    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["RUNNING", "COMPLETED", "FAILED"]})]
    updated_at: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


class RecentTaskList(msgspec.Struct):
    """The tasks that got lines last, the latest first."""

    tasks: list[TaskSummary]


LIST_RECENT_TASKS: Final = Operation(
    id="listRecentTasks",
    method="GET",
    tag="Tasks",
    summary="What is streaming now, and was lately",
    description="The last 200 tasks of this life of the process that the token covers, the latest first.",
    scope="logs:read",
    answers={
        200: Answer(
            description="The tasks.",
            type=RecentTaskList,
            examples={
                "two": {
                    "tasks": [
                        {
                            "taskId": "build-7",
                            "lastSequence": 1042,
                            "status": "RUNNING",
                            "updatedAt": "2026-01-31T13:45:00.123Z",
                        },
                        {
                            "taskId": "build-6",
                            "lastSequence": 980,
                            "status": "FAILED",
                            "updatedAt": "2026-01-31T13:41:12.000Z",
                        },
                    ]
                },
                "none": {"tasks": []},
            },
        )
    },
)


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


def recent_tasks_routes(tasks: RecentTasks, authenticator: Authenticator) -> list[DescribedRoute]:
    """``{"tasks": [{"taskId", "lastSequence", "status", "updatedAt"}]}``, the latest first, of those one may read."""

    async def recent(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        shown = [
            TaskSummary(task.task_id, task.last_sequence, task.status, task.updated_at)
            for task in tasks.latest()
            if _may_read(principal, task)
        ]
        body = msgspec.json.encode(RecentTaskList(shown))
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    return [DescribedRoute("/api/v1/log-streaming/recent-tasks", recent, LIST_RECENT_TASKS)]


def _may_read(principal: Principal, task: RecentTask) -> bool:
    try:
        principal.require("logs:read", task_id=task.task_id)
    except ApiError:
        return False
    return True
