"""What OpenAPI says of batch jobs."""

from typing import Final

from components.batch_jobs.messages import (
    EXAMPLE_ID,
    BatchJobAnswer,
    BatchJobCancelled,
    BatchJobCreated,
    BatchJobRefused,
    BatchJobRequest,
)
from gateway.routing.operation import Answer, Body, Operation, Tag
from gateway.routing.parameters import identifier_parameter

__all__ = ["CANCEL_BATCH_JOB", "CREATE_BATCH_JOB", "READ_BATCH_JOB"]

_TAG: Final = Tag("Batch jobs", "Counts of documents for lists of keywords.")

CREATE_BATCH_JOB: Final = Operation(
    "createBatchJob",
    "POST",
    _TAG,
    "Count the documents of many keywords",
    description="Answers at once. The job is a task: its lines are in the stream of its id, and its progress is the "
    "pipeline of the same id. Jobs of priority `high` go before those of `normal`. Needs `NAVER_CLIENT_ID` and "
    "`NAVER_CLIENT_SECRET`: without them, 503.",
    scope="logs:write",
    body=Body(
        BatchJobRequest,
        {"two": {"keywords": ["맥북", "아이폰"]}, "hurried": {"keywords": ["맥북"], "priority": "high"}},
    ),
    answers={
        200: BatchJobCreated,
        409: Answer("As many jobs are active as `BATCH_JOBS_MAX` allows.", BatchJobRefused),
    },
    stored=True,
)
READ_BATCH_JOB: Final = Operation(
    "readBatchJob",
    "GET",
    _TAG,
    "How far a batch job is",
    description="A job that has ended can be asked for as long as `BATCH_KEPT_MINUTES` says.",
    scope="logs:read",
    parameters=(identifier_parameter("jobId", "The job.", EXAMPLE_ID, place="query", is_required=True),),
    answers={200: BatchJobAnswer},
    errors=("NOT_FOUND",),
    stored=True,
)
CANCEL_BATCH_JOB: Final = Operation(
    "cancelBatchJob",
    "DELETE",
    _TAG,
    "Cancel a batch job",
    description="It is `failed` then, and what was counted stays. One that has ended stays as it is.",
    scope="logs:write",
    parameters=(identifier_parameter("jobId", "The job.", EXAMPLE_ID),),
    answers={200: BatchJobCancelled},
    errors=("NOT_FOUND",),
    stored=True,
)
