"""``GET /api/v1/log-streaming/pipelines/{pipelineId}/stages``: how far a pipeline is, without a stream."""

from typing import Final, cast

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Authenticator
from gateway.ingest.native.stage_progress import PipelineProgress
from gateway.routing.operation import DescribedRoute, Operation, Tag
from gateway.routing.parameters import Identifier
from gateway.routing.path_parameters import path_identifier
from storage.journal.interface import Journal

__all__ = ["stage_routes"]

PATH: Final = "/api/v1/log-streaming/pipelines/{pipeline_id:identifier}/stages"


class StageList(msgspec.Struct, rename="camel"):
    """The stages of one pipeline, in the order in which they changed last."""

    pipeline_id: str
    stages: list[PipelineProgress]


LIST_STAGES: Final = Operation(
    "listStages",
    "GET",
    Tag("Tasks", "How far a pipeline is."),
    "The stages of one pipeline as they are",
    description="The same that its stream begins with. A pipeline that nobody has reported has none.",
    scope="logs:read",
    parameters=(Identifier("pipelineId", "The pipeline.", examples=("release",)),),
    answers={200: StageList},
    errors=("NOT_FOUND",),
    stored=True,
)


def stage_routes(journal: Journal, authenticator: Authenticator) -> list[DescribedRoute]:
    """``{"pipelineId", "stages": [what ``progress`` events carry]}``."""

    async def stages(request: Request) -> Response:
        pipeline_id = path_identifier(request.scope, PATH, "pipeline_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", pipeline_id=pipeline_id)
        found = sorted(await journal.stages(pipeline_id), key=lambda stage: stage.number)
        documents = cast("list[PipelineProgress]", [msgspec.Raw(stage.document) for stage in found])
        body = msgspec.json.encode(StageList(pipeline_id, documents))
        return Response(body, media_type="application/json", headers={"Cache-Control": "no-store"})

    return [DescribedRoute(PATH, stages, LIST_STAGES)]
