"""What OpenAPI says of batch jobs."""

from typing import Final

from components.batch_jobs.messages import (
    BatchJobAnswer,
    BatchJobCancelled,
    BatchJobCreated,
    BatchJobRefused,
    BatchJobRequest,
)
from gateway.routing.operation import Answer, Body, Operation, identifier_parameter

__all__ = ["CANCEL_BATCH_JOB", "CREATE_BATCH_JOB", "READ_BATCH_JOB"]

_TAG: Final = "Batch jobs"
_ID: Final = "batch_1767225600000_0123abcd"

CREATE_BATCH_JOB: Final = Operation(
    id="createBatchJob",
    method="POST",
    tag=_TAG,
    summary="Count the documents of many keywords",
    description="Answers at once. The job is a task: its lines are in the stream of its id, and its progress is the "
    "pipeline of the same id. Jobs of priority `high` go before those of `normal`. Needs `NAVER_CLIENT_ID` and "
    "`NAVER_CLIENT_SECRET`: without them, 503.",
    scope="logs:write",
    body=Body(
        type=BatchJobRequest,
        examples={"two": {"keywords": ["맥북", "아이폰"]}, "hurried": {"keywords": ["맥북"], "priority": "high"}},
    ),
    answers={
        200: Answer(
            description="It was taken.",
            type=BatchJobCreated,
            examples={"two": {"success": True, "jobId": _ID, "message": "2개 키워드의 처리를 시작합니다"}},
        ),
        409: Answer(
            description="As many jobs are active as `BATCH_JOBS_MAX` allows.",
            type=BatchJobRefused,
            examples={"active": {"success": False, "error": "이미 처리 중인 작업이 있습니다"}},
        ),
    },
    stored=True,
)

READ_BATCH_JOB: Final = Operation(
    id="readBatchJob",
    method="GET",
    tag=_TAG,
    summary="How far a batch job is",
    description="A job that has ended can be asked for as long as `BATCH_KEPT_MINUTES` says.",
    scope="logs:read",
    parameters=(identifier_parameter("jobId", place="query", description="The job.", example=_ID),),
    answers={
        200: Answer(
            description="The job.",
            type=BatchJobAnswer,
            examples={
                "under way": {
                    "success": True,
                    "job": {
                        "id": _ID,
                        "status": "processing",
                        "progress": {"current": 1, "total": 2},
                        "results": [{"keyword": "맥북", "counts": {"blog": 120, "cafe": 45}}],
                        "repeated": 0,
                        "priority": "normal",
                        "startedAt": "2026-01-01T00:00:00.000000000Z",
                    },
                }
            },
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)

CANCEL_BATCH_JOB: Final = Operation(
    id="cancelBatchJob",
    method="DELETE",
    tag=_TAG,
    summary="Cancel a batch job",
    description="It is `failed` then, and what was counted stays. One that has ended stays as it is.",
    scope="logs:write",
    parameters=(identifier_parameter("jobId", place="path", description="The job.", example=_ID),),
    answers={
        200: Answer(
            description="It has ended.",
            type=BatchJobCancelled,
            examples={"cancelled": {"success": True, "jobId": _ID, "status": "failed"}},
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)
