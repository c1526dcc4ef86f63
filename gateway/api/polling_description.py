"""What OpenAPI says of the polling API."""

from typing import Final

import msgspec

from gateway.description.operation import Answer, Header, Operation, Parameter, identifier_parameter

__all__ = ["READ_JOB_LOGS"]

_NUMBER_MAX: Final = 10**18 - 1


class JobLogRow(msgspec.Struct, forbid_unknown_fields=True):
    """One row of ``job_logs``, under its columns' names."""

    id: int
    job_id: str
    log_message: str
    created_at: str | None


class JobLogs(msgspec.Struct, forbid_unknown_fields=True):
    """The rows of one job, ascending by id."""

    logs: list[JobLogRow]


READ_JOB_LOGS: Final = Operation(
    id="readJobLogs",
    method="GET",
    tag="Polling",
    summary="A job's rows of `job_logs`",
    description="For UIs that ask every 2 s. A job that is not known has no rows. `jobId` is needed, or `taskId`, the "
    "automation queue's form, which has no rows of `job_logs`.",
    scope="logs:read",
    parameters=(
        identifier_parameter("jobId", place="query", description="The job.", example="build-7", is_required=False),
        identifier_parameter(
            "taskId", place="query", description="Instead of `jobId`.", example="build-7", is_required=False
        ),
        Parameter(
            name="afterId",
            description="Only rows with a greater id.",
            schema={"type": "integer", "minimum": 0, "maximum": _NUMBER_MAX},
            examples={"from the first on": 0, "behind it": 1},
        ),
        Parameter(
            name="limit",
            description="At most so many rows.",
            schema={"type": "integer", "minimum": 1, "maximum": _NUMBER_MAX},
            examples={"page": 100},
        ),
        Parameter(
            name="If-None-Match",
            place="header",
            description="The `ETag` of the answer before.",
            schema={"type": "string"},
            examples={"tag": 'W/"1-2a-5d41402a"'},
        ),
    ),
    answers={
        200: Answer(
            description="The rows.",
            type=JobLogs,
            examples={
                "two rows": {
                    "logs": [
                        {
                            "id": 1,
                            "job_id": "build-7",
                            "log_message": "compiling",
                            "created_at": "2026-01-31 13:45:00",
                        },
                        {
                            "id": 2,
                            "job_id": "build-7",
                            "log_message": "🎉 작업 완료",
                            "created_at": "2026-01-31 13:46:00",
                        },
                    ]
                },
                "none": {"logs": []},
            },
            headers={"ETag": Header(description="Changes with the first row, the last row and its content.")},
        ),
        304: Answer(description="Nothing is new since the answer that `If-None-Match` names."),
    },
    stored=True,
)
