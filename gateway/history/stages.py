"""``GET /api/v1/log-streaming/pipelines/{pipelineId}/stages``: how far a pipeline is, without a stream."""

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Authenticator
from gateway.ingest.native.stage_progress import PipelineProgress
from gateway.routing.operation import Answer, DescribedRoute, Operation, identifier_parameter
from gateway.routing.path_parameters import path_identifier
from gateway.transports.sse.openapi import EXAMPLE_PROGRESS
from sessions.transport import Progress

__all__ = ["stage_routes"]

PATH: Final = "/api/v1/log-streaming/pipelines/{pipeline_id:identifier}/stages"


class StageList(msgspec.Struct, rename="camel"):
    """The stages of one pipeline, in the order in which they changed last."""

    pipeline_id: str
    stages: list[PipelineProgress]


LIST_STAGES: Final = Operation(
    id="listStages",
    method="GET",
    tag="Tasks",
    summary="The stages of one pipeline as they are",
    description="The same that its stream begins with. A pipeline that nobody has reported has none.",
    scope="logs:read",
    parameters=(identifier_parameter("pipelineId", place="path", description="The pipeline.", example="release"),),
    answers={
        200: Answer(
            description="The stages.",
            type=StageList,
            examples={"one": {"pipelineId": "release", "stages": [EXAMPLE_PROGRESS]}},
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)


class Stages(Protocol):
    """The part of the journal that is read here."""

    async def stages(self, pipeline_id: str) -> Sequence[Progress]: ...


def stage_routes(journal: Stages, authenticator: Authenticator) -> list[DescribedRoute]:
    """``{"pipelineId", "stages": [what ``progress`` events carry]}``."""

    async def stages(request: Request) -> Response:
        pipeline_id = path_identifier(request.scope, PATH, "pipeline_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", pipeline_id=pipeline_id)
        found = sorted(await journal.stages(pipeline_id), key=lambda stage: stage.number)
        documents = [msgspec.Raw(stage.document) for stage in found]
        body = msgspec.json.encode({"pipelineId": pipeline_id, "stages": documents})
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    return [DescribedRoute(PATH, stages, LIST_STAGES)]
