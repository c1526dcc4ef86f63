"""``GET /api/v1/log-streaming/logs/{taskId}/summary``: why a task failed, in a page."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Authenticator
from gateway.history.bodies import BODY_HEADERS
from gateway.history.failure.reading import read_summary
from gateway.history.failure.summary import TaskSummary, markdown, within
from gateway.history.limits import HistoryLimits
from gateway.history.log import known_task
from gateway.history.openapi import HISTORY, TASK
from gateway.history.reads import Budget, Reads
from gateway.history.scans import Scans
from gateway.http.disconnects import while_connected
from gateway.routing.operation import Answer, DescribedRoute, Operation
from gateway.routing.parameters import Choice, Number
from gateway.routing.path_parameters import path_identifier

__all__ = ["summary_routes"]

PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}/summary"
_FORMAT: Final = Choice("format", "Instead of `Accept`: `json` or `markdown`.", choices=("json", "markdown"))
_CHARACTERS: Final = Number(
    "characters",
    "The answer has at most so many; 2,000 by default. Tests, places and lines in the middle are left out for it.",
    minimum=500,
    maximum=100_000,
    default=2_000,
    examples=(1_000,),
)

SUMMARISE_TASK: Final = Operation(
    "summariseTask",
    "GET",
    HISTORY,
    "Why a task failed",
    description="Exit code, command and duration where a worker told them (`otto-logs run` does), the first error, the "
    "likely cause with its lines, failed tests, and places in files. It is made of the first and last errors when it "
    "is asked for, also while the task runs.",
    scope="logs:read",
    parameters=(TASK, _FORMAT, _CHARACTERS),
    answers={200: Answer("The summary.", TaskSummary, media=("text/markdown",))},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)


def summary_routes(
    reads: Reads, authenticator: Authenticator, limits: HistoryLimits, scans: Scans
) -> list[DescribedRoute]:
    """The route."""

    async def summary(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", task_id=task_id)
        form = _FORMAT.of(request.query_params)
        characters = _CHARACTERS.of(request.query_params)
        state = await known_task(reads, task_id)
        with scans.of(principal.subject).place():
            work = read_summary(reads.of(principal.subject), state, Budget(limits.seconds_max))
            found = await while_connected(request, work)
        is_markdown = form == "markdown" if form else "text/markdown" in request.headers.get("accept", "").lower()
        if is_markdown:
            text = markdown(found, characters)
            return Response(text, headers=BODY_HEADERS, media_type="text/markdown; charset=utf-8")
        return Response(within(found, characters), headers=BODY_HEADERS, media_type="application/json")

    return [DescribedRoute(PATH, summary, SUMMARISE_TASK)]
