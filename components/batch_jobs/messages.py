"""What is said of batch jobs over HTTP."""

from typing import Annotated, Literal

import msgspec

__all__ = [
    "EXAMPLE_ID",
    "BatchJobAnswer",
    "BatchJobCancelled",
    "BatchJobCreated",
    "BatchJobRefused",
    "BatchJobRequest",
    "BatchJobView",
    "BatchProgress",
    "KeywordResult",
]

EXAMPLE_ID = "batch_1767225600000_0123abcd"
_ID = msgspec.Meta(examples=[EXAMPLE_ID])
_MILLISECONDS = msgspec.Meta(description="Milliseconds since the Unix epoch.", examples=[1767225600000])
_Status = Literal["pending", "processing", "completed", "failed"]


class BatchJobRequest(msgspec.Struct):
    """A list of keywords whose documents are to be counted."""

    keywords: Annotated[list[str], msgspec.Meta(description="1 to `BATCH_KEYWORDS_MAX`, of 1 to 200 characters.")]
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


class BatchJobAnswer(msgspec.Struct):
    """A job."""

    job: BatchJobView
    success: bool = True


class BatchJobCancelled(msgspec.Struct, rename="camel"):
    """The job has ended."""

    job_id: Annotated[str, _ID]
    status: Annotated[str, msgspec.Meta(examples=["failed"])]
    success: bool = True
