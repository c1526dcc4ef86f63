"""``GET …/logs/{taskId}/summary`` and ``/comparison``: why a task failed, and what was different when it did not."""

from collections.abc import Callable
from typing import Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Authenticator, Principal
from gateway.history.bodies import BODY_HEADERS
from gateway.history.failure.comparison import TaskComparison
from gateway.history.failure.summary import TaskSummary, comparison_markdown, markdown, within
from gateway.history.openapi import HISTORY, TASK
from gateway.http.disconnects import while_connected
from gateway.routing.operation import Answer, DescribedRoute, Operation
from gateway.routing.parameters import Choice, Identifier, Number
from gateway.routing.path_parameters import path_identifier

__all__ = ["summary_routes"]

PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}/summary"
COMPARISON_PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}/comparison"
_FORMAT: Final = Choice("format", "Instead of `Accept`: `json` or `markdown`.", choices=("json", "markdown"))
_CHARACTERS: Final = Number(
    "characters",
    "The answer has at most so many; 2,000 by default. Tests, places and lines in the middle are left out for it.",
    minimum=500,
    maximum=100_000,
    default=2_000,
    examples=(1_000,),
)
_WITH: Final = Identifier(
    "with", "The other task; without it, the last good run of the same name.", examples=("build-8",), place="query"
)

SUMMARISE_TASK: Final = Operation(
    "summariseTask",
    "GET",
    HISTORY,
    "Why a task failed",
    description="Exit code, command and duration if reported (`otto-logs run` does), the first error, the "
    "likely cause with its lines, failed tests, places in files, and what was different from the last good run of the "
    "same name. It is made of the first and last errors when it is asked for, also while the task runs.",
    scope="logs:read",
    parameters=(TASK, _FORMAT, _CHARACTERS),
    answers={200: Answer("The summary.", TaskSummary, media=("text/markdown",))},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)
COMPARE_TASKS: Final = Operation(
    "compareTasks",
    "GET",
    HISTORY,
    "What is different from the last good run",
    description="Messages that only one of two runs has, by their templates, and labels that differ. Of a run with "
    "more than 20,000 lines warnings and errors are compared.",
    scope="logs:read",
    parameters=(TASK, _WITH, _FORMAT),
    answers={200: Answer("The comparison.", TaskComparison, media=("text/markdown",))},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)


class FailureReads(Protocol):
    """Reads summaries and comparisons on behalf of a principal; implemented by ``StoredLogs``."""

    async def summary(self, principal: Principal, task_id: str) -> TaskSummary:
        """Why a task failed."""
        ...

    async def comparison(self, principal: Principal, task_id: str, other_id: str | None) -> TaskComparison:
        """A task beside another one, or beside the last good run of its name."""
        ...


def summary_routes(logs: FailureReads, authenticator: Authenticator) -> list[DescribedRoute]:
    """The routes."""

    async def summary(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        principal = await authenticator.principal_of(request)
        is_markdown = _is_markdown(request)
        characters = _CHARACTERS.of(request.query_params)
        found = await while_connected(request, logs.summary(principal, task_id))
        return _answer(is_markdown, lambda: markdown(found, characters), lambda: within(found, characters))

    async def comparison(request: Request) -> Response:
        task_id = path_identifier(request.scope, COMPARISON_PATH, "task_id")
        principal = await authenticator.principal_of(request)
        is_markdown = _is_markdown(request)
        other_id = _WITH.of(request.query_params)
        found = await while_connected(request, logs.comparison(principal, task_id, other_id))
        return _answer(is_markdown, lambda: comparison_markdown(found), lambda: msgspec.json.encode(found))

    return [
        DescribedRoute(PATH, summary, SUMMARISE_TASK),
        DescribedRoute(COMPARISON_PATH, comparison, COMPARE_TASKS),
    ]


def _is_markdown(request: Request) -> bool:
    form = _FORMAT.of(request.query_params)
    return form == "markdown" if form else "text/markdown" in request.headers.get("accept", "").lower()


def _answer(is_markdown: bool, text: Callable[[], str], document: Callable[[], bytes]) -> Response:
    if is_markdown:
        return Response(text(), headers=BODY_HEADERS, media_type="text/markdown; charset=utf-8")
    return Response(document(), headers=BODY_HEADERS, media_type="application/json")
