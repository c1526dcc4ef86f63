"""What the polling API takes and answers: types, parameters, the operation."""

from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from gateway.routing.operation import Answer, Header, Operation, Tag
from gateway.routing.parameters import Choice, Number, Parameter, identifier_parameter

__all__ = ["AFTER_ID", "LIMIT", "READ_JOB_LOGS", "TASK_LOGS_MAX", "TASK_LOG_FILTERS", "JobLogRow", "JobLogs"]

TASK_LOGS_MAX: Final = 10_000


class JobLogRow(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One row, under its columns' names: with `jobId` of `job_logs`, with `taskId` of `task_logs`."""

    id: int
    job_id: Annotated[
        str | UnsetType,
        msgspec.Meta(description="Of `job_logs`, like `log_message`; the others are of `task_logs`."),
    ] = UNSET
    log_message: str | UnsetType = UNSET
    task_id: str | UnsetType = UNSET
    queue_id: int | UnsetType | None = UNSET
    level: str | UnsetType | None = UNSET
    message: str | UnsetType = UNSET
    action_type: str | UnsetType | None = UNSET
    queue_type: str | UnsetType | None = UNSET
    pid: int | UnsetType | None = UNSET
    process_name: str | UnsetType | None = UNSET
    metadata: Annotated[str | UnsetType | None, msgspec.Meta(description="A JSON document as text.")] = UNSET
    created_at: str | None


class JobLogs(msgspec.Struct, forbid_unknown_fields=True):
    """With ``jobId`` ascending by id, with ``taskId`` the newest first."""

    logs: list[JobLogRow]


AFTER_ID: Final = Number("afterId", "Only rows with a greater id.", examples=(0, 1))
LIMIT: Final = Number("limit", "At most so many rows; with `taskId` 10,000 at most.", minimum=1, examples=(100,))
TASK_LOG_FILTERS: Final = {
    column: Choice(name, "With `taskId`: only such rows.", choices=choices)
    for column, name, choices in (
        ("level", "level", ("info", "warn", "error")),
        ("queue_type", "queueType", ("schedule", "script", "image", "video", "youtube")),
        ("action_type", "actionType", ("start", "progress", "complete", "fail", "retry", "stop", "skip")),
    )
}
"""Columns of `task_logs`, each with the parameter that filters by it."""

READ_JOB_LOGS: Final = Operation(
    "readJobLogs",
    "GET",
    Tag("Polling", "Logs for UIs that ask again and again."),
    "A job's rows of `job_logs`, or a task's rows of `task_logs`",
    description="For UIs that ask every 2 s. A job or task that is not known has no rows. `jobId` is needed, or "
    "`taskId`, the automation queue's form: its newest rows, at most 500 without `limit`; none where the queue is off.",
    scope="logs:read",
    parameters=(
        identifier_parameter("jobId", "The job.", "build-7", place="query"),
        identifier_parameter("taskId", "Instead of `jobId`.", "build-7", place="query"),
        AFTER_ID,
        LIMIT,
        *TASK_LOG_FILTERS.values(),
        Parameter("If-None-Match", "The `ETag` of the answer before.", place="header", examples=('W/"1-2a-5d41402a"',)),
    ),
    answers={
        200: Answer(
            "The rows.",
            JobLogs,
            examples={
                "one of a job": {
                    "logs": [
                        {
                            "id": 1,
                            "job_id": "build-7",
                            "log_message": "compiling",
                            "created_at": "2026-01-31 13:45:00",
                        }
                    ]
                },
                "none": {"logs": []},
            },
            headers={"ETag": Header("Changes with the first row, the last row and its content.")},
        ),
        304: Answer("Nothing is new since the answer that `If-None-Match` names."),
    },
    stored=True,
)
