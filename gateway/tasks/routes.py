"""``DELETE /api/v1/tasks/{taskId}``, and ``POST`` and ``DELETE`` of its ``/pin``."""

from dataclasses import replace
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import TASKS_WRITE, Authenticator
from gateway.databases import Databases
from gateway.http.json_bodies import answer
from gateway.hubs import Hubs
from gateway.routing.operation import DescribedRoute, Operation, Tag
from gateway.routing.parameters import Identifier
from gateway.routing.path_parameters import path_identifier
from gateway.tasks.keeper import TaskKeeper

__all__ = ["task_change_routes"]

PATH: Final = "/api/v1/tasks/{task_id:identifier}"
PIN_PATH: Final = f"{PATH}/pin"

_TAG: Final = Tag("Tasks", "What is done with a stored task as a whole.")
_TASK: Final = Identifier("taskId", "The task.", examples=("build-7",))


class TaskDeleted(msgspec.Struct, rename="camel"):
    """The task has no lines any more."""

    task_id: str
    lines: int


class TaskPinned(msgspec.Struct, rename="camel"):
    """Whether the task is pinned now."""

    task_id: str
    pinned: bool


DELETE: Final = Operation(
    "deleteTask",
    "DELETE",
    _TAG,
    "Delete the lines of a task",
    description="And their rows in `job_logs`. Readers of the task receive `TASK_DELETED`. Sequences are never given "
    "twice: a line that comes later has the next one. If it fails half-way, the same request continues.",
    scope=TASKS_WRITE,
    parameters=(_TASK,),
    answers={200: TaskDeleted},
    errors=("NOT_FOUND", "CONFLICT"),
    stored=True,
)
PIN: Final = Operation(
    "pinTask",
    "POST",
    _TAG,
    "Keep a task",
    description="Neither retention nor a deletion removes anything of a pinned task. Pinning it again changes nothing.",
    scope=TASKS_WRITE,
    parameters=(_TASK,),
    answers={200: TaskPinned},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)
UNPIN: Final = replace(
    PIN,
    id="unpinTask",
    method="DELETE",
    summary="Leave a task to retention again",
    description="",
    errors=("NOT_FOUND",),
)


def task_change_routes(databases: Databases, hubs: Hubs, authenticator: Authenticator) -> list[DescribedRoute]:
    """The routes; the longer paths first."""
    keeper = TaskKeeper(databases, hubs)

    async def delete(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        lines = await keeper.delete(await authenticator.principal_of(request), task_id)
        return answer(TaskDeleted(task_id, lines))

    async def pin(request: Request) -> Response:
        task_id = path_identifier(request.scope, PIN_PATH, "task_id")
        await keeper.pin(await authenticator.principal_of(request), task_id)
        return answer(TaskPinned(task_id, True))

    async def unpin(request: Request) -> Response:
        task_id = path_identifier(request.scope, PIN_PATH, "task_id")
        await keeper.unpin(await authenticator.principal_of(request), task_id)
        return answer(TaskPinned(task_id, False))

    return [
        DescribedRoute(PIN_PATH, pin, PIN),
        DescribedRoute(PIN_PATH, unpin, UNPIN),
        DescribedRoute(PATH, delete, DELETE),
    ]
