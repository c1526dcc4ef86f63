"""``make soak``: workers at some lines a second each, two viewers on each of their tasks, for many minutes.

Every second a worker is killed behind its last line and another takes its place, and a viewer leaves and comes back;
halfway the gateway is restarted. Ends with 1 if a line that was answered is not seen, or one is seen twice or out of
order, or if the gateway's memory keeps growing.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import grpc
import httpx2
from ottoscaler.v1 import log_streaming_pb2 as otto
from ottoscaler.v1 import log_streaming_pb2_grpc

from benchmarks.plot import line
from canary.sequence_check import SequenceCheck
from tests.readers.memory import resident_bytes
from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.producers import OttoProducer

VIEWERS = 2
SAMPLE_SECONDS = 5.0
REPORT_SAMPLES = 12
SETTLE_SECONDS_MAX = 60.0
GROWTH_MAX = 1.15
"""How much more memory the last third of a run may take than the middle one, as a median."""


@dataclass(eq=False)
class Job:
    """One worker with its task, from its first line to the end that its viewers see."""

    task_id: str
    viewers: list[EventStream] = field(default_factory=list)
    readers: list[asyncio.Task[None]] = field(default_factory=list)
    sent: int = 0
    answered: int = 0
    is_killed: bool = False


class Soak:
    """A run. ``findings`` are what should not have been, in sentences."""

    def __init__(self, gateway: GatewayProcess, workers: int, lines_a_second: float, chance: random.Random) -> None:
        self.findings: list[str] = []
        self.done: Counter[str] = Counter()
        self.memory: list[tuple[float, float]] = []
        self._gateway = gateway
        self._workers = workers
        self._pause = 1 / lines_a_second
        self._chance = chance
        self._numbers = itertools.count(1)
        self._jobs: list[Job] = []
        self._is_over = False

    async def run(self, seconds: float) -> None:
        """Everything at once, then wait until all viewers have seen the ends of their tasks."""
        started = time.monotonic()
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(limits=limits, timeout=None) as client, asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._work(client))
            group.create_task(self._disturb())
            group.create_task(self._watch(started))
            await asyncio.sleep(seconds / 2)
            await self._gateway.restart()
            self.done["restarts"] += 1
            await asyncio.sleep(max(0.0, started + seconds - time.monotonic()))
            self._is_over = True

    async def _work(self, client: httpx2.AsyncClient) -> None:
        """One worker after the other."""
        await asyncio.sleep(self._chance.random())
        while not self._is_over:
            job = Job(f"task-{next(self._numbers)}")
            job.viewers = [EventStream(self._gateway.stream_url(job.task_id)) for _ in range(VIEWERS)]
            views = [asyncio.create_task(self._view(job, viewer, client)) for viewer in job.viewers]
            self._jobs.append(job)
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError):
                await self._send(job)
            self._jobs.remove(job)
            if job.sent:
                await self._end(job)
                await self._judge(job, views)
            for view in views:
                view.cancel()
            await asyncio.wait(views)

    async def _send(self, job: Job) -> None:
        """Lines, each with its answer; a worker that is killed leaves behind its last line."""
        async with grpc.aio.insecure_channel(self._gateway.grpc_address) as channel:
            producer = OttoProducer(channel)
            while not self._is_over and not job.is_killed:
                job.sent += 1
                answer = await producer.say(f"line {job.sent}", task_id=job.task_id, worker_id=job.task_id)
                if answer is grpc.aio.EOF or answer.status != answer.ACK:
                    return
                job.answered += 1
                self.done["lines"] += 1
                await asyncio.sleep(self._pause)
            if job.is_killed:
                job.sent += 1
                await producer.send(f"line {job.sent}", task_id=job.task_id, worker_id=job.task_id)
            else:
                await producer.call.done_writing()
                await producer.ended()

    async def _end(self, job: Job) -> None:
        """The scaler reports what has become of the worker."""
        status = otto.WorkerStatusNotification.FAILED if job.is_killed else otto.WorkerStatusNotification.COMPLETED
        request = otto.WorkerStatusNotification(worker_id=job.task_id, task_id=job.task_id, status=status)
        while True:
            with contextlib.suppress(grpc.aio.AioRpcError):
                async with grpc.aio.insecure_channel(self._gateway.grpc_address) as channel:
                    await log_streaming_pb2_grpc.OttoHandlerLogServiceStub(channel).NotifyWorkerStatus(request)
                    return
            await asyncio.sleep(0.2)

    async def _view(self, job: Job, viewer: EventStream, client: httpx2.AsyncClient) -> None:
        """Read until the end of the task, over all connections; a cut is a cancellation of the inner task."""
        while not viewer.recording.is_complete:
            reading = asyncio.create_task(_read(viewer, client))
            job.readers.append(reading)
            try:
                await asyncio.wait([reading])
            finally:
                reading.cancel()
                job.readers.remove(reading)
            await asyncio.sleep(0.1)

    async def _judge(self, job: Job, views: list[asyncio.Task[None]]) -> None:
        """Compare what its viewers saw with what was sent and answered."""
        done, _ = await asyncio.wait(views, timeout=SETTLE_SECONDS_MAX)
        self.done["tasks"] += 1
        for viewer in job.viewers:
            seen = SequenceCheck(int(message.removeprefix("line ")) for message in viewer.recording.messages)
            if len(done) < len(views) and not viewer.recording.is_complete:
                self.findings.append(f"{job.task_id}: a viewer did not see the end of the task")
            if not seen.verdict(range(1, seen.highest + 1)).is_good:
                self.findings.append(f"{job.task_id}: lines are missing, twice or out of order: {seen}")
            if not job.answered <= seen.highest <= job.sent:
                self.findings.append(f"{job.task_id}: {job.answered} answered, {seen} seen, {job.sent} sent")

    async def _disturb(self) -> None:
        while not self._is_over:
            await asyncio.sleep(1.0)
            if running := [job for job in self._jobs if job.answered and not job.is_killed]:
                self._chance.choice(running).is_killed = True
                self.done["kills"] += 1
            if reading := [reading for job in self._jobs for reading in job.readers]:
                self._chance.choice(reading).cancel()
                self.done["viewers that left and came back"] += 1

    async def _watch(self, started: float) -> None:
        while not self._is_over:
            await asyncio.sleep(SAMPLE_SECONDS)
            with contextlib.suppress(OSError, StopIteration):  # it is being restarted
                seconds = time.monotonic() - started
                self.memory.append((seconds / 60, resident_bytes(self._gateway.pid) / (1 << 20)))
            if self.memory and len(self.memory) % REPORT_SAMPLES == 0:
                print(f"{self.memory[-1][0]:5.1f} min  {self.memory[-1][1]:6.1f} MiB  {dict(self.done)}", flush=True)

    def judge_memory(self) -> None:
        """Since the restart: the last third beside the first."""
        values = [value for _, value in self.memory[len(self.memory) // 2 + 2 :]]
        third = len(values) // 3
        if third and median(values[-third:]) > GROWTH_MAX * median(values[:third]):
            self.findings.append(f"memory grows: {median(values[:third]):.1f} to {median(values[-third:]):.1f} MiB")


async def _read(viewer: EventStream, client: httpx2.AsyncClient) -> None:
    with contextlib.suppress(httpx2.TransportError, asyncio.CancelledError):
        async with contextlib.aclosing(viewer.events(client)) as events:
            async for _ in events:
                if viewer.recording.is_complete:
                    return


async def _run(options: argparse.Namespace) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="otto-soak-") as directory:
        async with running_gateway(Path(directory), MAX_CONNECTIONS_PER_ADDRESS="0") as gateway:
            soak = Soak(gateway, options.workers, options.lines, random.Random(options.seed))
            await soak.run(options.minutes * 60)
            soak.judge_memory()
            if "Traceback" in gateway.log():
                soak.findings.append("there is a traceback in the gateway's log")
            if await gateway.stop():
                soak.findings.append("the gateway did not stop cleanly")
    if options.plot:
        title = (
            f"Memory of the gateway: {options.workers} workers, {options.lines:g} lines/s each, {VIEWERS} viewers each"
        )
        options.plot.write_text(line(title, "MiB", "minutes", soak.memory))
    print(", ".join(f"{count:,} {name}" for name, count in soak.done.items()))
    return soak.findings


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--workers", type=int, default=100, help="how many at once")
    parser.add_argument("--lines", type=float, default=5.0, help="lines a second of each")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="who is killed and who leaves")
    parser.add_argument("--plot", type=Path, help="where to draw the memory, as SVG")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    findings = asyncio.run(_run(options))
    print("\n".join(findings) or "every line that was answered was seen once and in order; the memory is flat")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
