"""``/api/v1/log-streaming/tasks/{taskId}/masks``: secrets of a task, for producers that name them over HTTP."""

from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Authenticator
from gateway.http.json_bodies import answer, decoded
from gateway.ingest.authentication import WRITE_SCOPE
from gateway.ingest.masking.task_masks import TaskMasks
from gateway.routing.operation import Answer, Body, DescribedRoute, Operation, Tag
from gateway.routing.parameters import Identifier
from gateway.routing.path_parameters import path_identifier

__all__ = ["mask_routes"]

PATH: Final = "/api/v1/log-streaming/tasks/{task_id:identifier}/masks"
BODY_BYTES_MAX: Final = 2 << 20
"""As many characters as the masks of a task may have, however JSON writes them."""

_TAG: Final = Tag("Secrets", "What is masked in the lines of a task.")
_TASK: Final = Identifier("taskId", "The task.", examples=("build-7",))


class MaskRequest(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """Values to be masked."""

    values: Annotated[list[str], msgspec.Meta(max_length=1000, examples=[["hunter-2-secret"]])]


class RefusedValue(msgspec.Struct, rename="camel"):
    """A value that is not masked."""

    index: Annotated[int, msgspec.Meta(description="Which one of `values`, from 0.", examples=[1])]
    reason: Annotated[str, msgspec.Meta(examples=["it has fewer than 6 characters"])]


class Masked(msgspec.Struct, rename="camel"):
    """What has become of the values."""

    task_id: str
    refused: list[RefusedValue]


class MaskCounts(msgspec.Struct, rename="camel"):
    """How often something was masked in a task's lines since this gateway was started, by rule."""

    task_id: str
    total: int
    rules: Annotated[dict[str, int], msgspec.Meta(description="`known`: values of the task.", examples=[{"known": 2}])]


ADD_MASKS: Final = Operation(
    "addMasks",
    "POST",
    _TAG,
    "Mask values in the lines of a task",
    description="In effect for lines that arrive after the answer, in any form in which programs print them, for as "
    "long as the task is open. The values are never stored, logged or shown.",
    scope=WRITE_SCOPE,
    parameters=(_TASK,),
    body=Body(MaskRequest, {"values": {"values": ["hunter-2-secret"]}}),
    answers={200: Answer("They are masked, but those that are named.", Masked)},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
)
COUNT_MASKS: Final = Operation(
    "countMasks",
    "GET",
    _TAG,
    "How much was masked in a task",
    scope="logs:read",
    parameters=(_TASK,),
    answers={200: MaskCounts},
    errors=("NOT_FOUND",),
)


def mask_routes(masks: TaskMasks, authenticator: Authenticator) -> list[DescribedRoute]:
    """The routes."""

    async def add(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        principal = await authenticator.principal_of(request)
        principal.require(WRITE_SCOPE, task_id=task_id)
        wanted = await decoded(await request.body(), MaskRequest)
        refused = await masks.mask(task_id, wanted.values)
        return answer(Masked(task_id, [RefusedValue(index, reason) for index, reason in refused]))

    async def count(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", task_id=task_id)
        counts = dict(masks.counts_of(task_id))
        return answer(MaskCounts(task_id, sum(counts.values()), counts))

    return [
        DescribedRoute(PATH, add, ADD_MASKS, body_bytes_max=BODY_BYTES_MAX),
        DescribedRoute(PATH, count, COUNT_MASKS),
    ]
