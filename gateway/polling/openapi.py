"""What OpenAPI says of the polling API."""

from typing import Annotated, Final

import msgspec

from gateway.routing.operation import Answer, Header, Operation, Parameter, identifier_parameter

__all__ = ["READ_JOB_LOGS", "TASK_LOGS_MAX", "TASK_LOG_CHOICES"]

TASK_LOGS_MAX: Final = 10_000
TASK_LOG_CHOICES: Final = {
    "level": ("info", "warn", "error"),
    "queueType": ("schedule", "script", "image", "video", "youtube"),
    "actionType": ("start", "progress", "complete", "fail", "retry", "stop", "skip"),
}

_NUMBER_MAX: Final = 10**18 - 1


class JobLogRow(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One row, under its columns' names: with `jobId` of `job_logs`, with `taskId` of `task_logs`."""

    id: int
    created_at: str | None
    job_id: Annotated[str, msgspec.Meta(description="Of `job_logs`; the others are of `task_logs`.")] = ""
    log_message: str = ""
    task_id: str = ""
    queue_id: int | None = None
    level: str | None = None
    message: str = ""
    action_type: str | None = None
    queue_type: str | None = None
    pid: int | None = None
    process_name: str | None = None
    metadata: Annotated[str | None, msgspec.Meta(description="A JSON document as text.")] = None


class JobLogs(msgspec.Struct, forbid_unknown_fields=True):
    """With ``jobId`` ascending by id, with ``taskId`` the newest first."""

    logs: list[JobLogRow]


READ_JOB_LOGS: Final = Operation(
    id="readJobLogs",
    method="GET",
    tag="Polling",
    summary="A job's rows of `job_logs`, or a task's rows of `task_logs`",
    description="For UIs that ask every 2 s. A job or task that is not known has no rows. `jobId` is needed, or "
    "`taskId`, the automation queue's form: its newest rows, at most 500 without `limit`; none where the queue is off.",
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
            description="At most so many rows; with `taskId` 10,000 at most.",
            schema={"type": "integer", "minimum": 1, "maximum": _NUMBER_MAX},
            examples={"page": 100},
        ),
        *(
            Parameter(
                name=name,
                description="With `taskId`: only such rows.",
                schema={"type": "string", "enum": list(choices)},
                examples={"one kind": choices[0]},
            )
            for name, choices in TASK_LOG_CHOICES.items()
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
                "one of a task": {
                    "logs": [
                        {
                            "id": 12,
                            "task_id": "3f1c9a52-7f0e-4f6e-9a51-0d6d6f6c2b11",
                            "queue_id": 2,
                            "level": "info",
                            "message": "script started",
                            "action_type": "start",
                            "queue_type": "script",
                            "pid": None,
                            "process_name": None,
                            "metadata": None,
                            "created_at": "2026-01-31 13:45:00",
                        }
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
