"""What tests of the viewer's log page need: lines of every kind, and words for what the page shows."""

import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence

import grpc.aio
from otto.logs.v1 import logs_pb2, logs_pb2_grpc
from playwright.async_api import Page

from tests.support.waiting import time_limit

__all__ = ["first_shown", "lines_shown", "publish_lines", "publish_stage", "wait_for_line"]

STEP_NANOSECONDS = 10_000_000
START_NANOSECONDS = 1_790_000_000_000_000_000
BATCH_LINES = 500


async def publish_lines(
    address: str,
    task_id: str,
    lines: Sequence[tuple[str, str]],
    *,
    event_lines: Mapping[int, int] | None = None,
    worker_id: str = "worker-1",
    start: int = 0,
    end: str | None = None,
) -> None:
    """Publish pairs of level and message, one every 10 ms of their own time, ``start`` steps after a fixed one.

    ``event_lines`` says by the index of a line which line of its event it is, from 2; ``end`` is COMPLETED or FAILED.
    """
    events = event_lines or {}

    async def requests() -> AsyncIterator[logs_pb2.PublishRequest]:
        yield logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=str(uuid.uuid4()), agent="tests"))
        number = 0
        for first in range(0, len(lines), BATCH_LINES):
            number += 1
            batch = [
                logs_pb2.Line(
                    message=message.encode(),
                    level=logs_pb2.Level.Value(f"LEVEL_{level}"),
                    time_unix_nano=START_NANOSECONDS + (start + first + offset) * STEP_NANOSECONDS,
                    metadata={"eventLine": str(events[first + offset])} if first + offset in events else {},
                )
                for offset, (level, message) in enumerate(lines[first : first + BATCH_LINES])
            ]
            named = logs_pb2.LineBatch(task_id=task_id, worker_id=worker_id, lines=batch)
            yield logs_pb2.PublishRequest(number=number, lines=named)
        if end is not None:
            ended = logs_pb2.EndOfTask(task_id=task_id, failed=end == "FAILED")
            yield logs_pb2.PublishRequest(number=number + 1, end_of_task=ended)

    async with time_limit("all is acknowledged"), grpc.aio.insecure_channel(address) as channel:
        async for response in logs_pb2_grpc.LogIngestServiceStub(channel).Publish(requests()):
            assert not response.problems, response.problems


async def publish_stage(
    address: str, pipeline_id: str, stage_id: str, percentage: int, *, failed_at: int | None = None
) -> None:
    """Report a stage that runs, or, ``failed_at`` steps behind the fixed time of ``publish_lines``, has failed."""
    status = logs_pb2.STAGE_STATUS_RUNNING if failed_at is None else logs_pb2.STAGE_STATUS_FAILED
    now = time.time_ns() - 2_000_000_000

    async def requests() -> AsyncIterator[logs_pb2.PublishRequest]:
        yield logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=str(uuid.uuid4()), agent="tests"))
        yield logs_pb2.PublishRequest(
            number=1,
            stage_progress=logs_pb2.StageProgress(
                pipeline_id=pipeline_id,
                stage_id=stage_id,
                status=status,
                progress_percentage=percentage,
                time_unix_nano=now if failed_at is None else START_NANOSECONDS + failed_at * STEP_NANOSECONDS,
            ),
        )

    async with time_limit("the stage is acknowledged"), grpc.aio.insecure_channel(address) as channel:
        async for response in logs_pb2_grpc.LogIngestServiceStub(channel).Publish(requests()):
            assert not response.problems, response.problems


async def lines_shown(page: Page) -> list[int]:
    """The sequences of the rows on screen, in their order."""
    shown: list[int] = await page.evaluate(
        """() => {
            const box = document.querySelector('.log-window').getBoundingClientRect()
            return [...document.querySelectorAll('.log-row[data-sequence]')].filter(row => {
                const {top, bottom} = row.getBoundingClientRect()
                return bottom > box.top + 1 && top < box.bottom - 1
            }).map(row => Number(row.dataset.sequence))
        }"""
    )
    return shown


async def first_shown(page: Page) -> int:
    """The sequence of the uppermost row."""
    return (await lines_shown(page))[0]


async def wait_for_line(page: Page, sequence: int) -> None:
    """Until a line is on screen."""
    await page.wait_for_function(
        """sequence => {
            const row = document.querySelector(`.log-row[data-sequence="${sequence}"]`)
            const box = document.querySelector('.log-window')?.getBoundingClientRect()
            if (!row || !box) return false
            const {top, bottom} = row.getBoundingClientRect()
            return bottom > box.top + 1 && top < box.bottom - 1
        }""",
        arg=sequence,
    )
