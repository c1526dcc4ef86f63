"""What is said of batch jobs over HTTP."""

from typing import Annotated, Literal

import msgspec

from gateway.routing.operation import Tag

__all__ = [
    "BATCH_JOBS",
    "EXAMPLE_ID",
    "ApiUse",
    "BatchJobAnswer",
    "BatchJobCancelled",
    "BatchJobCounts",
    "BatchJobCreated",
    "BatchJobList",
    "BatchJobRefused",
    "BatchJobRequest",
    "BatchJobSummary",
    "BatchJobTotals",
    "BatchJobView",
    "BatchProgress",
    "KeywordCounts",
    "KeywordResult",
]

BATCH_JOBS = Tag("Batch jobs", "Counts of documents for lists of keywords.")
EXAMPLE_ID = "batch_1767225600000_0123abcd"
_ID = msgspec.Meta(examples=[EXAMPLE_ID])
_MILLISECONDS = msgspec.Meta(description="Milliseconds since the Unix epoch.", examples=[1767225600000])
_RETRIES = msgspec.Meta(description="How often it was tried again after it had failed.")
_RETRY_AT = msgspec.Meta(
    description="When it is tried again, in milliseconds since the Unix epoch.", examples=[1767225660000]
)
_MEAN = msgspec.Meta(
    description="Time of one keyword in the mean, with its requests and the waits between them.", examples=[420]
)


class BatchJobRequest(msgspec.Struct):
    """A list of keywords whose documents are to be counted."""

    keywords: Annotated[
        list[Annotated[str, msgspec.Meta(extra_json_schema={"minLength": 1, "maxLength": 200, "pattern": r"\S"})]],
        msgspec.Meta(
            description="1 to `BATCH_KEYWORDS_MAX`, of 1 to 200 printable characters.",
            extra_json_schema={"minItems": 1},
        ),
    ]
    priority: Literal["normal", "high"] = "normal"


class BatchJobCreated(msgspec.Struct, rename="camel"):
    """The job was taken."""

    job_id: Annotated[str, _ID]
    message: Annotated[str, msgspec.Meta(examples=["배치 작업이 시작되었습니다"])]
    success: bool = True


class BatchJobRefused(msgspec.Struct):
    """Another job is active."""

    error: Annotated[str, msgspec.Meta(examples=["이미 처리 중인 작업이 있습니다"])]
    success: bool = False


class BatchProgress(msgspec.Struct):
    """Keywords that are done, and all of them."""

    current: int
    total: int


class KeywordResult(msgspec.Struct, omit_defaults=True):
    """What became of one keyword."""

    keyword: Annotated[str, msgspec.Meta(examples=["맥북"])]
    counts: Annotated[dict[str, int], msgspec.Meta(description="Documents by category.", examples=[{"blog": 120}])]
    error: Annotated[str | None, msgspec.Meta(description="Why it, or a part of it, could not be counted.")] = None


class BatchJobView(msgspec.Struct, rename="camel", omit_defaults=True):
    """How far a job is."""

    id: Annotated[str, _ID]
    status: Annotated[str, msgspec.Meta(examples=["processing"])]
    keywords: Annotated[list[str], msgspec.Meta(description="All of them.", examples=[["맥북", "아이폰"]])]
    progress: BatchProgress
    results: Annotated[list[KeywordResult], msgspec.Meta(description="Those that are there, in the list's order.")]
    repeated: Annotated[int, msgspec.Meta(description="Keywords asked for twice, because of a restart.")]
    priority: Annotated[str, msgspec.Meta(examples=["normal"])]
    error: str | None = None
    started_at: Annotated[int | None, _MILLISECONDS] = None
    completed_at: Annotated[int | None, _MILLISECONDS] = None
    retries: Annotated[int, _RETRIES] = 0
    retry_at: Annotated[int | None, _RETRY_AT] = None


class BatchJobSummary(msgspec.Struct, rename="camel", omit_defaults=True):
    """A job of the list, without its keywords and results."""

    id: Annotated[str, _ID]
    status: Annotated[str, msgspec.Meta(examples=["processing"])]
    progress: BatchProgress
    failed: Annotated[int, msgspec.Meta(description="Keywords that could not be counted.")]
    priority: Annotated[str, msgspec.Meta(examples=["normal"])]
    created_at: Annotated[int, _MILLISECONDS]
    error: str | None = None
    started_at: Annotated[int | None, _MILLISECONDS] = None
    completed_at: Annotated[int | None, _MILLISECONDS] = None
    retries: Annotated[int, _RETRIES] = 0
    retry_at: Annotated[int | None, _RETRY_AT] = None
    mean_keyword_milliseconds: Annotated[int | None, _MEAN] = None


class BatchJobList(msgspec.Struct):
    """Jobs, the newest first."""

    jobs: list[BatchJobSummary]
    next: Annotated[str | None, msgspec.Meta(description="`cursor` of the next page; null: there is none.")]
    success: bool = True


class BatchJobCounts(msgspec.Struct):
    """Jobs by status."""

    pending: int
    processing: int
    completed: int
    failed: int


class KeywordCounts(msgspec.Struct):
    """Keywords that are done, by result."""

    counted: int
    failed: int


class ApiUse(msgspec.Struct):
    """Requests to one API on one day."""

    day: Annotated[str, msgspec.Meta(description="In Korea.", examples=["2026-01-31"])]
    api: Annotated[str, msgspec.Meta(examples=["blog"])]
    calls: int
    failed: Annotated[int, msgspec.Meta(description="Those without a usable answer.")]


class BatchJobTotals(msgspec.Struct, rename="camel"):
    """What the jobs that are kept add up to."""

    jobs: BatchJobCounts
    keywords: KeywordCounts
    mean_keyword_milliseconds: Annotated[int | None, _MEAN]
    retries: Annotated[int, msgspec.Meta(description="Of whole jobs that had failed.")]
    calls: Annotated[list[ApiUse], msgspec.Meta(description="The newest day first.")]
    success: bool = True


class BatchJobAnswer(msgspec.Struct):
    """A job."""

    job: BatchJobView
    success: bool = True


class BatchJobCancelled(msgspec.Struct, rename="camel"):
    """The job has ended."""

    job_id: Annotated[str, _ID]
    status: Annotated[str, msgspec.Meta(examples=["failed"])]
    success: bool = True
