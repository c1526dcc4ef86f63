"""The events of a batch job: its lines, its stage and its end, as numbered appends of one producer.

Every append follows from what is stored of the job and has a number that follows from its place:

===============  ==========================================
1, 2, 3          the worker, the first line, the stage
4                the line of its start; unused if the job ended before
5 + 2p, 6 + 2p   line and stage for the keyword at position p
5 + 2c … 7 + 2c  last line, stage and end, c keywords done
===============  ==========================================

A job that has failed and is tried again has no end yet, and is another producer from then on: numbers begin anew, and
positions count from the first keyword that was not done. All of the failed try is published before that.

So events that a crash left out are appended from the stored job, after the journal's last number: no line is lost,
and none is there twice.
"""

import time
from collections.abc import Iterator
from typing import Final

import msgspec

from components.batch_jobs.tables import BatchItem, BatchJob, JobStatus
from filters import timestamps
from filters.entry import LogEntry
from filters.messages import cut_message
from storage.journal.interface import Append, LineBatch, ProducerNumber, StageProgress, WorkerRegistered, WorkerReport

__all__ = ["STAGE_ID", "WORKER_ID", "appends", "first_position", "line", "producer_id"]

WORKER_ID: Final = "batch"
STAGE_ID: Final = "documents"

_BEFORE: Final = 4
_PER_ITEM: Final = 2
_LINE_BYTES: Final = 200
"""What a line counts for besides its message."""
_MESSAGE_BYTES_MAX: Final = 16 << 10
_STATUSES: Final = {
    JobStatus.PENDING: "STAGE_PENDING",
    JobStatus.PROCESSING: "STAGE_RUNNING",
    JobStatus.COMPLETED: "STAGE_COMPLETED",
    JobStatus.FAILED: "STAGE_FAILED",
}


def producer_id(job: BatchJob) -> str:
    """Whose numbers they are; those of the wires have a ``/`` before any colon."""
    return f"batch:{job.id}:{job.retries}" if job.retries else f"batch:{job.id}"


def first_position(job: BatchJob, number: int) -> int:
    """The first keyword that has events after a number."""
    return job.first + max(0, (number - _BEFORE) // _PER_ITEM)


def appends(job: BatchJob, after: int) -> Iterator[Append]:
    """The events after the number ``after``, as far as the results read with the job go."""
    for number, append in enumerate(_beginning(job), start=1):
        if number > after:
            yield append
    for item in job.results:
        number = _number(job, item.position)
        if number > after:
            yield _result(job, item, number)
        if number + 1 > after:
            status = JobStatus.PROCESSING
            yield _stage(job, status, item.position + 1, item.done_at, number + 1)
    done = job.results[-1].position + 1 if job.results else first_position(job, after)
    if job.status.is_final and done >= job.current:
        for number, append in enumerate(_ending(job), start=_number(job, job.current)):
            if number > after:
                yield append


def line(job_id: str, level: str, message: str, milliseconds: int, producer: ProducerNumber | None = None) -> LineBatch:
    """One line of a job; without a number it is not one of those that are appended again."""
    message, is_cut, size = cut_message(message, _MESSAGE_BYTES_MAX)
    entry = LogEntry(
        job_id,
        WORKER_ID,
        0,
        _time(milliseconds),
        level,
        "stdout",
        message,
        truncated=is_cut,
        original_size=size if is_cut else 0,
    )
    return LineBatch(job_id, WORKER_ID, [entry], len(message.encode()) + _LINE_BYTES, time.monotonic(), producer)


def _beginning(job: BatchJob) -> list[Append]:
    if job.retries:
        text, at = f"[배치] 작업 다시 시도: {job.id}, {job.retries}번째", job.queued_at or job.created_at
    else:
        text, at = f"[배치] 작업 생성: {job.id}, 키워드 {job.total}개", job.created_at
    events: list[Append] = [
        WorkerRegistered(job.id, WORKER_ID, {}, _producer(job, 1)),
        line(job.id, "INFO", text, at, _producer(job, 2)),
        _stage(job, JobStatus.PENDING, job.first, at, 3),
    ]
    if job.started_at is not None:
        events.append(line(job.id, "INFO", f"[배치] 작업 시작: {job.id}", job.started_at, _producer(job, 4)))
    elif job.status.is_final:
        events.append(LineBatch(job.id, WORKER_ID, [], 0, time.monotonic(), _producer(job, 4)))
    return events


def _result(job: BatchJob, item: BatchItem, number: int) -> LineBatch:
    place = f"[배치] {item.position + 1}/{job.total}"
    counts = msgspec.json.format(msgspec.json.encode(item.counts), indent=0).decode() if item.counts else ""
    if item.error is None:
        return line(job.id, "INFO", f"{place} 완료: {item.keyword} {counts}", item.done_at, _producer(job, number))
    message = " ".join(filter(None, (f"{place} 실패: {item.keyword}", f"({item.error})", counts)))
    return line(job.id, "WARN", message, item.done_at, _producer(job, number))


def _ending(job: BatchJob) -> Iterator[Append]:
    ended = job.completed_at or job.created_at
    number = _number(job, job.current)
    if job.status is JobStatus.COMPLETED:
        again = f", 두 번 요청한 키워드 {job.repeated}개" if job.repeated else ""
        level, text = "INFO", f"[배치] 작업 완료: {job.id}{again}"
    else:
        level, text = "ERROR", f"[배치] 작업 실패: {job.id}, {job.current}/{job.total}, {job.error}"
        if job.retry_at is not None:
            level, text = "WARN", f"{text}, {(job.retry_at - ended) / 1000:g}초 후 다시 시도"
    yield line(job.id, level, text, ended, _producer(job, number))
    yield _stage(job, job.status, job.current, ended, number + 1)
    if job.is_over:
        status = "COMPLETED" if job.status is JobStatus.COMPLETED else "FAILED"
        yield WorkerReport(job.id, WORKER_ID, status, _time(ended), job.error or "", None, _producer(job, number + 2))


def _stage(job: BatchJob, status: JobStatus, current: int, milliseconds: int, number: int) -> StageProgress:
    """The stage as subscribers of pipelines receive it."""
    document = {
        "pipelineId": job.id,
        "stageId": STAGE_ID,
        "status": _STATUSES[status],
        "message": f"{current}/{job.total}",
        "workerPodNames": [WORKER_ID],
        "progressPercentage": current * 100 // job.total,
        "timestamp": _time(milliseconds),
    }
    if status is not JobStatus.PENDING and job.started_at is not None:
        document["startedAt"] = _time(job.started_at)
    if status is JobStatus.FAILED and job.retry_at is not None:
        document["status"] = "STAGE_RETRYING"
    elif status.is_final:
        document["completedAt"] = _time(milliseconds)
    if status is JobStatus.FAILED:
        document["errorMessage"] = job.error or ""
    return StageProgress(job.id, STAGE_ID, msgspec.json.encode(document), producer=_producer(job, number))


def _number(job: BatchJob, position: int) -> int:
    """Of the line for a keyword, or of the last line where so many are done."""
    return _BEFORE + 1 + _PER_ITEM * (position - job.first)


def _producer(job: BatchJob, number: int) -> ProducerNumber:
    return ProducerNumber(producer_id(job), number)


def _time(milliseconds: int) -> str:
    return timestamps.from_nanos(milliseconds * 1_000_000)
