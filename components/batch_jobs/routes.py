"""Batch jobs over HTTP: hand over a list of keywords, ask how far it is, cancel it."""

import re
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from components.batch_jobs.list_routes import list_routes, unavailable
from components.batch_jobs.messages import (
    BATCH_JOBS,
    EXAMPLE_ID,
    BatchJobAnswer,
    BatchJobCancelled,
    BatchJobCreated,
    BatchJobRefused,
    BatchJobRequest,
    BatchJobView,
    BatchProgress,
    KeywordResult,
)
from components.batch_jobs.tables import ActiveJobsError, BatchJob, Priority, new_job_id
from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.http.json_bodies import BodyBudget, answer, decoded, read_body
from gateway.routing.operation import Answer, Body, DescribedRoute, Operation
from gateway.routing.parameters import Identifier
from gateway.routing.path_parameters import path_identifier
from storage.errors import StorageError

if TYPE_CHECKING:
    from components.batch_jobs.jobs import BatchJobs

__all__ = ["BATCH_PATH", "batch_job_routes", "body_bytes_max"]

BATCH_PATH: Final = "/api/documents/batch"
JOB_PATH: Final = f"{BATCH_PATH}/{{job_id:identifier}}"
STATUS_PATH: Final = "/api/documents/status"

_KEYWORD_LENGTH_MAX: Final = 200
_ESCAPED_BYTES: Final = 12
"""Of one character in a JSON string, at most."""
_BODIES_AT_A_TIME: Final = 4
_JOB_ID: Final = re.compile(r"batch_[0-9]{1,16}_[0-9a-f]{8}", re.ASCII)
_STARTED: Final = "배치 작업이 시작되었습니다"
_ACTIVE: Final = "이미 처리 중인 작업이 있습니다"
_OFF: Final = "batch jobs are off: set NAVER_CLIENT_ID and NAVER_CLIENT_SECRET to use them"


def body_bytes_max(keywords_max: int) -> int:
    """The longest body with so many keywords."""
    return keywords_max * (_KEYWORD_LENGTH_MAX * _ESCAPED_BYTES + 4) + 4096


_CREATE_BATCH_JOB: Final = Operation(
    "createBatchJob",
    "POST",
    BATCH_JOBS,
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

_READ_BATCH_JOB: Final = Operation(
    "readBatchJob",
    "GET",
    BATCH_JOBS,
    "How far a batch job is",
    description="A job that has ended can be asked for as long as `BATCH_KEPT_MINUTES` says.",
    scope="logs:read",
    parameters=(Identifier("jobId", "The job.", examples=(EXAMPLE_ID,), place="query", is_required=True),),
    answers={200: BatchJobAnswer},
    errors=("NOT_FOUND",),
    stored=True,
)

_CANCEL_BATCH_JOB: Final = Operation(
    "cancelBatchJob",
    "DELETE",
    BATCH_JOBS,
    "Cancel a batch job",
    description="It is `failed` then, and what was counted stays. One that has failed is not tried again; any other "
    "that has ended stays as it is.",
    scope="logs:write",
    parameters=(Identifier("jobId", "The job.", examples=(EXAMPLE_ID,)),),
    answers={200: BatchJobCancelled},
    errors=("NOT_FOUND",),
    stored=True,
)


class _Handlers:
    """Answers the requests; ``jobs`` is None if batch jobs are off."""

    def __init__(self, jobs: "BatchJobs | None", authenticator: Authenticator, keywords_max: int) -> None:
        self._jobs = jobs
        self._authenticator = authenticator
        self._keywords_max = keywords_max
        self._budget = BodyBudget(_BODIES_AT_A_TIME * body_bytes_max(keywords_max))

    def running(self) -> "BatchJobs":
        """The jobs.

        Raises:
            ApiError: UNAVAILABLE; they are off.
        """
        if self._jobs is None:
            raise ApiError("UNAVAILABLE", _OFF)
        return self._jobs

    async def create(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        principal.require("logs:write")
        job_id = new_job_id()
        principal.require("logs:write", task_id=job_id)
        works = self.running()
        body = await read_body(request, self._budget)
        try:
            wanted = await decoded(body, BatchJobRequest)
            keywords = _keywords(wanted, self._keywords_max)
        finally:
            self._budget.give_back(len(body))
        priority = Priority.HIGH if wanted.priority == "high" else Priority.NORMAL
        try:
            await works.create(job_id, keywords, priority)
        except ActiveJobsError:
            return answer(BatchJobRefused(error=_ACTIVE), 409)
        except StorageError as error:
            raise unavailable() from error
        return answer(BatchJobCreated(job_id=job_id, message=_STARTED))

    async def status(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        principal.require("logs:read")
        job_id = request.query_params.get("jobId", "")
        principal.require("logs:read", task_id=job_id)
        works = self.running()
        if not job_id:
            raise ApiError("INVALID_ARGUMENT", "jobId is missing: give the one of the answer", field="jobId")
        try:
            job = await works.find(job_id) if _JOB_ID.fullmatch(job_id) else None
        except StorageError as error:
            raise unavailable() from error
        if job is None:
            raise _unknown()
        return answer(BatchJobAnswer(job=_view(job)))

    async def cancel(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        job_id = path_identifier(request.scope, JOB_PATH, "job_id")
        principal.require("logs:write")
        principal.require("logs:write", task_id=job_id)
        works = self.running()
        try:
            job = await works.cancel(job_id) if _JOB_ID.fullmatch(job_id) else None
        except StorageError as error:
            raise unavailable() from error
        if job is None:
            raise _unknown()
        return answer(BatchJobCancelled(job_id=job.id, status=job.status.value))


def batch_job_routes(
    jobs: "BatchJobs | None", authenticator: Authenticator, *, keywords_max: int
) -> list[DescribedRoute]:
    """``POST /api/documents/batch``, ``DELETE`` below it, ``GET /api/documents/status``, and the list of jobs.

    A job is a task, so a token that names tasks covers those jobs whose ids it names. ``jobs`` is None where batch jobs
    are off: then everything is answered with 503.
    """
    handlers = _Handlers(jobs, authenticator, keywords_max)
    return [
        DescribedRoute(BATCH_PATH, handlers.create, _CREATE_BATCH_JOB, body_bytes_max=body_bytes_max(keywords_max)),
        DescribedRoute(STATUS_PATH, handlers.status, _READ_BATCH_JOB),
        DescribedRoute(JOB_PATH, handlers.cancel, _CANCEL_BATCH_JOB),
        *list_routes(handlers.running, authenticator),
    ]


def _keywords(wanted: BatchJobRequest, keywords_max: int) -> list[str]:
    """The keywords without the blanks around them."""
    keywords = [keyword.strip() for keyword in wanted.keywords]
    if not 1 <= len(keywords) <= keywords_max:
        message = f"keywords has {len(keywords)} items: give 1 to {keywords_max}"
        raise ApiError("INVALID_ARGUMENT", message, field="keywords")
    for position, keyword in enumerate(keywords):
        if not 1 <= len(keyword) <= _KEYWORD_LENGTH_MAX or not keyword.isprintable():
            message = f"keywords[{position}] must have 1 to {_KEYWORD_LENGTH_MAX} printable characters"
            raise ApiError("INVALID_ARGUMENT", message, field="keywords")
    return keywords


def _view(job: BatchJob) -> BatchJobView:
    return BatchJobView(
        id=job.id,
        status=job.status.value,
        keywords=list(job.keywords),
        progress=BatchProgress(current=job.current, total=job.total),
        results=[
            KeywordResult(keyword=item.keyword, counts=dict(item.counts), error=item.error) for item in job.results
        ],
        repeated=job.repeated,
        priority=job.priority.name.lower(),
        error=job.error,
        started_at=job.started_at,
        completed_at=job.completed_at,
        retries=job.retries,
        retry_at=job.retry_at,
    )


def _unknown() -> ApiError:
    return ApiError("NOT_FOUND", "there is no such batch job; those that have ended are kept for a while only")
