"""The list of batch jobs over HTTP, and what they add up to."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from components.batch_jobs.messages import (
    BATCH_JOBS,
    ApiUse,
    BatchJobCounts,
    BatchJobList,
    BatchJobSummary,
    BatchJobTotals,
    BatchProgress,
    KeywordCounts,
)
from components.batch_jobs.tables import BatchJob, JobStatus, Place
from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.http.json_bodies import answer
from gateway.routing.operation import DescribedRoute, Operation
from gateway.routing.parameters import Choice, Number, Parameter
from storage.errors import StorageError

if TYPE_CHECKING:
    from components.batch_jobs.jobs import BatchJobs

__all__ = ["list_routes", "unavailable"]

LIST_PATH: Final = "/api/documents/jobs"
TOTALS_PATH: Final = "/api/documents/statistics"

_RETRY_AFTER_SECONDS: Final = 2
_SHOWN_MAX: Final = 64
_STATUS: Final = Choice("status", "Of this status; without it, of any.", choices=tuple(JobStatus))
_LIMIT: Final = Number("limit", "Jobs of one page; 50 without it.", minimum=1, maximum=200, default=50, examples=(20,))
_CURSOR: Final = Parameter("cursor", "`next` of the answer before.")
_CURSOR_FORM: Final = re.compile(r"([0-9]{1,16})-(batch_[0-9]{1,16}_[0-9a-f]{8})", re.ASCII)
_DAYS: Final = Number("days", "Days with calls; 31 without it.", minimum=1, maximum=366, default=31, examples=(7,))

_LIST_BATCH_JOBS: Final = Operation(
    "listBatchJobs",
    "GET",
    BATCH_JOBS,
    "Batch jobs, the newest first",
    description="Without their keywords and results. Those that have ended are kept for `BATCH_KEPT_MINUTES`. Only "
    "jobs that the token covers are listed.",
    scope="logs:read",
    parameters=(_STATUS, _LIMIT, _CURSOR),
    answers={200: BatchJobList},
    stored=True,
)

_READ_BATCH_TOTALS: Final = Operation(
    "readBatchStatistics",
    "GET",
    BATCH_JOBS,
    "What the batch jobs that are kept add up to",
    description="Success and failure, the mean time of a keyword, and the requests to each API by day. For tokens "
    "without `tasks` and `pipelines`.",
    scope="logs:read",
    parameters=(_DAYS,),
    answers={200: BatchJobTotals},
    stored=True,
)


def list_routes(running: "Callable[[], BatchJobs]", authenticator: Authenticator) -> list[DescribedRoute]:
    """``GET /api/documents/jobs`` and ``GET /api/documents/statistics``.

    Args:
        running: the jobs; raises if they are off.
        authenticator: finds out who asks.
    """

    async def listed(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        jobs = running()
        query = request.query_params
        status, limit, below = _STATUS.of(query), _LIMIT.of(query), _below(query)
        may_read = (lambda job_id: principal.allows("logs:read", task_id=job_id)) if principal.is_limited else None
        try:
            found = await jobs.page(
                status=None if status is None else JobStatus(status), below=below, limit=limit + 1, may_read=may_read
            )
        except StorageError as error:
            raise unavailable() from error
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else f"{last.created_at}-{last.id}"
        return answer(BatchJobList([_summary(job) for job in found[:limit]], following))

    async def totals(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        principal.require("logs:read")
        if principal.is_limited:
            raise ApiError("PERMISSION_DENIED", "the token covers some jobs only; these figures are of all")
        jobs = running()
        days = _DAYS.of(request.query_params)
        try:
            found = await jobs.totals(days_max=days)
        except StorageError as error:
            raise unavailable() from error
        return answer(
            BatchJobTotals(
                jobs=BatchJobCounts(**{status.value: count for status, count in found.jobs.items()}),
                keywords=KeywordCounts(found.counted, found.failed),
                mean_keyword_milliseconds=found.mean_ms,
                retries=found.retries,
                calls=[ApiUse(each.day, each.api, each.calls, each.failed) for each in found.calls],
            )
        )

    return [
        DescribedRoute(LIST_PATH, listed, _LIST_BATCH_JOBS),
        DescribedRoute(TOTALS_PATH, totals, _READ_BATCH_TOTALS),
    ]


def unavailable() -> ApiError:
    """The answer while the database cannot be used."""
    message = "batch jobs cannot be stored or read now; try again"
    return ApiError("UNAVAILABLE", message, retry_after_seconds=_RETRY_AFTER_SECONDS)


def _below(query: Mapping[str, str]) -> Place | None:
    text = query.get(_CURSOR.name)
    if not text:
        return None
    match = _CURSOR_FORM.fullmatch(text)
    if match is None:
        message = f"cursor is {text[:_SHOWN_MAX]!r}: give the `next` of an answer"
        raise ApiError("INVALID_ARGUMENT", message, field="cursor")
    return int(match[1]), match[2]


def _summary(job: BatchJob) -> BatchJobSummary:
    return BatchJobSummary(
        id=job.id,
        status=job.status.value,
        progress=BatchProgress(job.current, job.total),
        failed=job.failed,
        priority=job.priority.name.lower(),
        created_at=job.created_at,
        error=job.error,
        started_at=job.started_at,
        completed_at=job.completed_at,
        retries=job.retries,
        retry_at=job.retry_at,
        mean_keyword_milliseconds=job.mean_ms,
    )
