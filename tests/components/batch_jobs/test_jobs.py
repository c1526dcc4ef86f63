"""Batch jobs on a real database, with a counter that answers by script."""

import asyncio

import msgspec
import pytest

from components.batch_jobs import (
    BadCredentialsError,
    CounterUnavailableError,
)
from components.batch_jobs.jobs import CANCELLED, BatchLimits
from components.batch_jobs.tables import Priority
from filters import timestamps
from gateway.ingest.native.stage_progress import PipelineProgress
from storage.errors import StorageUnavailableError
from storage.journal.interface import StageProgress
from tests.support.job_bench import AGAIN, A, B, Bench
from tests.support.waiting import attempts, until


async def test_a_job_tells_its_story(bench: Bench) -> None:
    """Lines with counts, one stage as pipelines have it, and an end."""
    bench.jobs.start()
    await bench.jobs.create(A, ["맥북", "아이폰"], Priority.NORMAL)
    job = await bench.ended(A)
    assert (job.status, job.current, job.repeated) == ("completed", 2, 0)
    assert await bench.lines(A) == [
        f"[배치] 작업 생성: {A}, 키워드 2개",
        f"[배치] 작업 시작: {A}",
        '[배치] 1/2 완료: 맥북 {"blog": 2, "cafe": 2}',
        '[배치] 2/2 완료: 아이폰 {"blog": 3, "cafe": 3}',
        f"[배치] 작업 완료: {A}",
    ]
    [stage] = await bench.journal.stages(A)
    shown = msgspec.json.decode(stage.document, type=PipelineProgress)
    assert msgspec.json.decode(msgspec.json.encode(shown)) == msgspec.json.decode(stage.document)
    assert (shown.status, shown.progress_percentage, stage.number) == ("STAGE_COMPLETED", 100, 4)


async def test_every_keyword_is_progress(bench: Bench) -> None:
    """Subscribers of the pipeline hear of each, counted or not, in order: how many are done, of how many, and when."""
    heard: list[StageProgress] = []
    bench.journal.set_commit_listener(lambda committed: heard.extend(committed.progress))
    bench.counter.script.extend([None, None, *[CounterUnavailableError("busy")] * 3])
    bench.jobs.start()
    await bench.jobs.create(A, list("abcdefg"), Priority.NORMAL)
    job = await bench.ended(A)
    shown = [msgspec.json.decode(each.document) for each in heard]
    assert [each["message"] for each in shown] == [f"{n}/7" for n in (*range(8), 7)]
    assert [each["progressPercentage"] for each in shown] == [0, 14, 28, 42, 57, 71, 85, 100, 100]
    statuses = ["STAGE_PENDING", *["STAGE_RUNNING"] * 7, "STAGE_COMPLETED"]
    assert [each["status"] for each in shown] == statuses
    assert [each["timestamp"] for each in shown[1:8]] == [
        timestamps.from_nanos(item.done_at * 1_000_000) for item in job.results
    ]


async def test_one_keyword_fails_and_the_job_goes_on(bench: Bench) -> None:
    """Its error, and what was counted of it, are its result."""
    bench.counter.script.extend([None, *[CounterUnavailableError("busy")] * 3])
    bench.jobs.start()
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    job = await bench.ended(A)
    assert job.status == "completed"
    assert [(item.counts, item.error) for item in job.results] == [
        ({"blog": 3}, "busy"),
        ({"blog": 3, "cafe": 3}, None),
    ]
    assert '[배치] 1/2 실패: one (busy) {"blog": 3}' in await bench.lines(A)
    assert bench.jobs.statistics.retries == 2
    assert (bench.jobs.statistics.counted, bench.jobs.statistics.failed) == (1, 1)


async def test_bad_credentials_end_the_job(bench: Bench) -> None:
    """Nothing further is asked."""
    bench.counter.script.append(BadCredentialsError("not accepted"))
    bench.jobs.start()
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    job = await bench.ended(A)
    assert (job.status, job.current, job.error) == ("failed", 0, "not accepted")
    assert len(bench.counter.asked) == 1
    assert (await bench.lines(A))[-1] == f"[배치] 작업 실패: {A}, 0/2, not accepted"


async def test_a_failed_job_is_tried_again(bench: Bench) -> None:
    """After a while it continues where it failed; the log of the task stays open until the last try."""
    refused = BadCredentialsError("not accepted")
    bench.counter.script.extend([None, None, refused, refused])
    await bench.again(AGAIN)
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    job = await bench.ended(A)
    assert (job.status, job.retries, job.error) == ("completed", 2, None)
    assert [keyword for keyword, category in bench.counter.asked if category == "blog"] == ["one", *["two"] * 3]
    lines = await bench.lines(A)
    assert lines[3:] == [
        f"[배치] 작업 실패: {A}, 1/2, not accepted, 0.01초 후 다시 시도",
        f"[배치] 작업 다시 시도: {A}, 1번째",
        f"[배치] 작업 시작: {A}",
        f"[배치] 작업 실패: {A}, 1/2, not accepted, 0.01초 후 다시 시도",
        f"[배치] 작업 다시 시도: {A}, 2번째",
        f"[배치] 작업 시작: {A}",
        '[배치] 2/2 완료: two {"blog": 3, "cafe": 3}',
        f"[배치] 작업 완료: {A}",
    ]
    assert bench.jobs.statistics.job_retries == 2


async def test_a_job_is_tried_again_as_often_as_is_set(bench: Bench) -> None:
    """Then it has failed for good, and its task has ended."""
    bench.counter.script.extend([BadCredentialsError("not accepted")] * 3)
    await bench.again(AGAIN)
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    job = await bench.ended(A)
    assert (job.status, job.retries, job.retry_at, job.error) == ("failed", 2, None, "not accepted")
    assert len(bench.counter.asked) == 3


async def test_a_job_that_waits_for_another_try_can_be_cancelled(bench: Bench) -> None:
    """It ends then, after a restart as well, and another job may begin meanwhile."""
    bench.counter.script.append(BadCredentialsError("not accepted"))
    slow = BatchLimits(interval_seconds=0, job_retry_seconds=3600)
    await bench.again(slow)
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    async for _ in attempts("the job has failed"):
        job = await bench.jobs.find(A)
        if job is not None and job.retry_at is not None:
            break
    await bench.jobs.create(B, ["two"], Priority.NORMAL)
    await bench.ended(B)
    await bench.again(slow)
    await bench.jobs.cancel(A)
    job = await bench.ended(A)
    assert (job.status, job.error, job.retry_at) == ("failed", CANCELLED, None)


async def test_jobs_add_up(bench: Bench) -> None:
    """Requests by API and day, with those that failed, keywords by result, and the mean time of one."""
    bench.clock = lambda: 1_767_225_600_000  # 2026-01-01, 9 hours in Korea
    bench.counter.script.extend([CounterUnavailableError("busy")] * 3)
    bench.jobs.start()
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    await bench.ended(A)
    found = await bench.jobs.totals(days_max=31)
    assert [(call.day, call.api, call.calls, call.failed) for call in found.calls] == [
        ("2026-01-01", "blog", 4, 3),
        ("2026-01-01", "cafe", 1, 0),
    ]
    assert (found.jobs["completed"], found.counted, found.failed) == (1, 1, 1)
    assert found.mean_ms is not None
    assert bench.jobs.statistics.calls == {"blog": 4, "cafe": 1}


async def test_progress_is_reported_once_the_journal_has_it(bench: Bench) -> None:
    """Each change of a job, and nothing of jobs that a restart finds complete."""
    seen: list[tuple[str, int]] = []
    bench.on_progress = lambda job: seen.append((job.status.value, job.current))
    await bench.again()
    await bench.jobs.create(A, ["one", "two"], Priority.NORMAL)
    await bench.ended(A)
    await until(lambda: ("completed", 2) in seen, "the last progress")
    assert [current for _, current in seen] == sorted(current for _, current in seen)
    seen.clear()
    await bench.again()
    await bench.jobs.create(B, ["three"], Priority.NORMAL)
    await bench.ended(B)
    assert {current for _, current in seen} <= {0, 1}


async def test_cancelled_while_it_is_asked(bench: Bench) -> None:
    """What was counted stays, the request is given up, and the next job can come."""
    bench.counter.held = "two"
    bench.jobs.start()
    await bench.jobs.create(A, ["one", "two", "three"], Priority.NORMAL)
    await bench.counter.reached.wait()
    await bench.jobs.cancel(A)
    job = await bench.ended(A)
    assert (job.status, job.current, job.error) == ("failed", 1, CANCELLED)
    assert "three" not in {keyword for keyword, _ in bench.counter.asked}
    again = await bench.jobs.cancel(A)
    assert again is not None
    assert again.completed_at == job.completed_at
    assert await bench.jobs.cancel(B) is None
    await bench.jobs.create(B, ["four"], Priority.NORMAL)
    assert (await bench.ended(B)).status == "completed"


async def test_a_job_that_ends_before_its_start_says_so(bench: Bench) -> None:
    """It was created and has failed; nothing is missing between the two."""
    await bench.again(BatchLimits(interval_seconds=0, active_max=2))
    bench.counter.held = "one"
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    await bench.counter.reached.wait()
    await bench.jobs.create(B, ["two"], Priority.NORMAL)
    await bench.jobs.cancel(B)
    bench.counter.go_on.set()
    await bench.ended(B)
    assert await bench.lines(B) == [
        f"[배치] 작업 생성: {B}, 키워드 1개",
        f"[배치] 작업 실패: {B}, 0/1, 작업이 취소되었습니다",
    ]


async def test_cancelling_one_job_leaves_the_request_of_another(bench: Bench) -> None:
    """It is asked for once, and its answer counts."""
    await bench.again(BatchLimits(interval_seconds=0, active_max=2))
    bench.counter.held = "one"
    await bench.jobs.create(A, ["one"], Priority.NORMAL)
    await bench.counter.reached.wait()
    await bench.jobs.create(B, ["two"], Priority.NORMAL)
    await bench.jobs.cancel(B)
    bench.counter.go_on.set()
    job = await bench.ended(A)
    assert (job.status, job.repeated) == ("completed", 0)
    assert [keyword for keyword, category in bench.counter.asked if category == "blog"] == ["one"]


async def test_what_was_not_told_is_told_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that takes nothing for a while, and a start in between, cost no line and double none."""
    append = bench.journal.append
    loop = asyncio.get_running_loop()

    def refuse(_item: object) -> "asyncio.Future[object]":
        refused: asyncio.Future[object] = loop.create_future()
        refused.set_exception(StorageUnavailableError("full"))
        return refused

    bench.jobs.start()
    bench.counter.held = "two"
    await bench.jobs.create(A, ["one", "two", "three"], Priority.NORMAL)
    await bench.counter.reached.wait()
    monkeypatch.setattr(bench.journal, "append", refuse)
    bench.counter.go_on.set()
    async for _ in attempts("the second keyword is counted"):
        job = await bench.jobs.find(A)
        if job is not None and job.current >= 2:
            break
    monkeypatch.setattr(bench.journal, "append", append)
    await bench.again()
    await bench.ended(A)
    numbered = [line.split()[1] for line in await bench.lines(A) if "완료:" in line]
    assert numbered == ["1/3", "2/3", "3/3", "작업"]
