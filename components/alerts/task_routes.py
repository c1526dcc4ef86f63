"""Incidents by task: for marks in its log and for lists of tasks."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from components.alerts.access import BASE, AlertAccess
from components.alerts.messages import ALERTS, TaskCount, TaskCounts, TaskIncidents, task_incident
from gateway.http.json_bodies import answer
from gateway.routing.operation import DescribedRoute, Operation
from gateway.routing.parameters import Choice, Identifier, Number
from gateway.routing.path_parameters import path_identifier

__all__ = ["task_routes"]

_PATH: Final = f"{BASE}/tasks/{{task_id:identifier}}/incidents"
_STATE: Final = Choice("state", "Only these; without it, all.", choices=("open", "resolved"))
_LIMIT: Final = Number("limit", "Incidents; 50 without it.", minimum=1, maximum=200, default=50, examples=(20,))
_TASKS: Final = Number("limit", "Tasks; 1,000 without it.", minimum=1, maximum=10_000, default=1_000, examples=(100,))

_OF_TASK: Final = Operation(
    "listTaskIncidents",
    "GET",
    ALERTS,
    "Incidents of a task, with the places of their lines",
    description="The newest first. Of an incident of several tasks, the lines and marks are those of this one.",
    scope="logs:read",
    parameters=(Identifier("taskId", "The task.", examples=("build-7",)), _STATE, _LIMIT),
    answers={200: TaskIncidents},
    errors=("NOT_FOUND",),
    stored=True,
)
_COUNTS: Final = Operation(
    "countTaskIncidents",
    "GET",
    ALERTS,
    "How many open incidents tasks have",
    description="Those that the token may read. Tasks without any are left out.",
    scope="logs:read",
    parameters=(_TASKS,),
    answers={200: TaskCounts},
    stored=True,
)


def task_routes(access: AlertAccess) -> list[DescribedRoute]:
    """The routes."""

    async def of_task(request: Request) -> Response:
        task_id = path_identifier(request.scope, _PATH, "task_id")
        alerts, _ = await access.to_read(request, task_id)
        state, limit = _STATE.of(request.query_params), _LIMIT.of(request.query_params)
        is_open = None if state is None else state == "open"
        rules = alerts.engine.rules
        found = await alerts.of_task(task_id, is_open=is_open, limit=limit)
        views = [
            task_incident(each, task_id, rule.severity if (rule := rules.get(each.incident.rule)) is not None else "")
            for each in found
        ]
        return answer(TaskIncidents(task_id, views))

    async def counts(request: Request) -> Response:
        alerts, principal = await access.to_read(request)
        limit = _TASKS.of(request.query_params)
        found = await alerts.open_by_task(_TASKS.maximum + 1 if principal.is_limited else limit + 1)
        tasks = [
            TaskCount(task_id, count) for task_id, count in found if principal.allows("logs:read", task_id=task_id)
        ]
        return answer(TaskCounts(tasks[:limit], is_complete=len(tasks) <= limit and len(found) <= _TASKS.maximum))

    return [DescribedRoute(_PATH, of_task, _OF_TASK), DescribedRoute(f"{BASE}/tasks", counts, _COUNTS)]
