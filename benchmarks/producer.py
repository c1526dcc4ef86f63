"""A worker for the benchmark: numbered batches on the native wire, or one line a message on Otto's.

Run as ``python -m benchmarks.producer ADDRESS --lines N …``. It prints one JSON object: the seconds from its first
message to the last acknowledgement, its own CPU time, and how long lines waited for their acknowledgement. Every line
ends with ``#``, its number in its task, ``@``, and the time at which it was due, in nanoseconds of CLOCK_MONOTONIC.
"""

import argparse
import json
import resource
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import grpc
from otto.logs.v1 import logs_pb2, logs_pb2_grpc
from ottoscaler.v1 import log_streaming_pb2, log_streaming_pb2_grpc

LINES_MAX = 10_000
"""What one request may have; where more is due, because the gateway does not keep up, the rest is next."""

LINGER_SECONDS = 0.005
"""While a message is not acknowledged, lines that are due within this time share the next, as in ``otto-logs``."""


Batch = tuple[int, list[str], int]
"""The number of a task, its next lines, and when the first of them was due, in nanoseconds of CLOCK_MONOTONIC."""


def compiler_line(number: int) -> str:
    """A line as a compiler prints it, different every time."""
    return f"[{number:7d}] CC build/objects/module_{number % 977:03d}.o -O2 -g -Wall -Wextra -fPIC -Iinclude -DNDEBUG"


def tagged_line(number: int) -> str:
    """The same with ten of a hundred tags, t00 to t99: each is in a tenth of the lines."""
    return f"{compiler_line(number)} {' '.join(f't{tag % 100:02d}' for tag in range(number, number + 10))}"


def due_batches(
    lines: int,
    tasks: int,
    batch: int,
    rate: float,
    text_of: Callable[[int], str] = compiler_line,
    linger: Callable[[], object] = lambda: None,
) -> Iterator[Batch]:
    """``lines`` lines for each task, in turn: as fast as they are taken, or ``rate`` lines a second over all tasks.

    ``linger``: waits, after what was due at a rate, for more of it.
    """

    def line_text(number: int, due_ns: int) -> str:
        return f"{text_of(number)} #{number}@{due_ns}"

    if not rate:
        for first in range(1, lines + 1, batch):
            for task in range(tasks):
                now = time.monotonic_ns()
                yield task, [line_text(number, now) for number in range(first, min(first + batch, lines + 1))], now
        return
    started = time.monotonic_ns()
    step = 1e9 / rate
    sent = 0
    while sent < lines * tasks:
        now = time.monotonic_ns()
        due = min(lines * tasks, int((now - started) / step) + 1, sent + LINES_MAX)
        for task in range(tasks):
            # Line n of all lines is line n // tasks of task n % tasks.
            numbers = range(sent + (task - sent) % tasks, due, tasks)
            if numbers:
                texts = [line_text(n // tasks + 1, started + int(n * step)) for n in numbers]
                yield task, texts, started + int(numbers[0] * step)
        sent = due
        next_due = started + int(sent * step)
        linger()
        time.sleep(max(0, (next_due - time.monotonic_ns()) / 1e9))


class NativeStream:
    """Sends batches for several tasks in turn, within the credit that the gateway gives."""

    def __init__(self, make_batches: Callable[..., Iterator[Batch]], prefix: str, tasks_to_end: int) -> None:
        self._batches = make_batches(linger=self._linger)
        self._prefix = prefix
        self._tasks_to_end = tasks_to_end
        self._changed = threading.Condition()
        self._credit = 0
        self._in_flight: dict[int, tuple[int, int]] = {}
        self._number = 0
        self.started = 0.0
        self.waits: list[float] = []
        """Seconds from when the first line of a batch was due to its acknowledgement."""

    def requests(self) -> Iterator[logs_pb2.PublishRequest]:
        """The requests, for gRPC to take from its own thread."""
        yield logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=str(uuid.uuid4()), agent="benchmark"))
        for task, texts, due_ns in self._batches:
            with self._changed:
                self._changed.wait_for(lambda: self._credit > sum(count for count, _ in self._in_flight.values()))
                self._number += 1
                self._in_flight[self._number] = len(texts), due_ns
            self.started = self.started or time.monotonic()
            lines = [logs_pb2.Line(message=text.encode()) for text in texts]
            yield logs_pb2.PublishRequest(
                number=self._number,
                lines=logs_pb2.LineBatch(task_id=f"{self._prefix}{task}", worker_id="bench-worker", lines=lines),
            )
        for task in range(self._tasks_to_end):
            self._number += 1
            yield logs_pb2.PublishRequest(
                number=self._number, end_of_task=logs_pb2.EndOfTask(task_id=f"{self._prefix}{task}")
            )
        with self._changed:
            self._changed.wait_for(lambda: not self._in_flight)

    def _linger(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not self._in_flight, LINGER_SECONDS)

    def acknowledged(self, response: logs_pb2.PublishResponse) -> None:
        """Take an answer of the gateway."""
        if response.problems:
            raise RuntimeError(f"refused: {response.problems}")
        with self._changed:
            self._credit = response.credit_lines
            now = time.monotonic_ns()
            for number in [n for n in self._in_flight if n <= response.acknowledged_number]:
                _, due_ns = self._in_flight.pop(number)
                self.waits.append((now - due_ns) / 1e9)
            self._changed.notify_all()


def publish_native(
    channel: grpc.Channel, make_batches: Callable[..., Iterator[Batch]], prefix: str, tasks_to_end: int = 0
) -> tuple[float, list[float]]:
    """Publish everything; the seconds from the first batch to the last acknowledgement, and how long each waited.

    ``make_batches``: ``due_batches``, still without ``linger``.
    """
    stream = NativeStream(make_batches, prefix, tasks_to_end)
    for response in logs_pb2_grpc.LogIngestServiceStub(channel).Publish(stream.requests()):
        stream.acknowledged(response)
    return time.monotonic() - stream.started, stream.waits


def publish_otto(channel: grpc.Channel, streams: Sequence[Iterator[Batch]], prefix: str) -> float:
    """Forward everything, one line a message, a task for each stream; the seconds from first message to last answer."""
    started = time.monotonic()

    def forward(number: int) -> None:
        requests = (
            log_streaming_pb2.WorkerLogEntry(worker_id="bench-worker", task_id=f"{prefix}{number}", message=text)
            for _, texts, _ in streams[number]
            for text in texts
        )
        for answer in log_streaming_pb2_grpc.OttoHandlerLogServiceStub(channel).ForwardWorkerLogs(requests):
            if answer.status != log_streaming_pb2.LogForwardResponse.ACK:
                raise RuntimeError(f"refused: {answer}")

    with ThreadPoolExecutor(len(streams)) as threads:
        list(threads.map(forward, range(len(streams))))
    return time.monotonic() - started


def main() -> None:
    """Publish and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--lines", type=int, required=True, help="of each task")
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--prefix", default="bench-", help="task N is called PREFIXN, from 0")
    parser.add_argument("--batch", type=int, default=1000, help="lines a message; a rate decides it otherwise")
    parser.add_argument("--rate", type=float, default=0, help="lines a second over all tasks; 0: as fast as taken")
    parser.add_argument("--wire", choices=["native", "otto"], default="native")
    parser.add_argument("--streams", type=int, default=1, help="streams at once, each for a task (Otto's wire)")
    parser.add_argument("--end", action="store_true", help="say at the end that the tasks have ended (native wire)")
    parser.add_argument("--text", type=Path, help="a file whose lines are sent, again and again")
    parser.add_argument("--tags", action="store_true", help="lines with ten of a hundred tags")
    options = parser.parse_args()
    text_of = tagged_line if options.tags else compiler_line
    if options.text is not None:
        texts = options.text.read_text().splitlines()
        text_of = lambda number: texts[number % len(texts)]  # noqa: E731
    with grpc.insecure_channel(options.address) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        before = resource.getrusage(resource.RUSAGE_SELF)
        if options.wire == "native":
            make_batches = partial(due_batches, options.lines, options.tasks, options.batch, options.rate, text_of)
            to_end = options.tasks if options.end else 0
            seconds, waits = publish_native(channel, make_batches, options.prefix, to_end)
        else:
            streams = [due_batches(options.lines, 1, 100, options.rate, text_of) for _ in range(options.streams)]
            seconds, waits = publish_otto(channel, streams, options.prefix), []
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    waits.sort()
    result = {
        "lines": options.lines * options.tasks,
        "seconds": seconds,
        "cpu_seconds": cpu,
        "ack_p50_ms": waits[len(waits) // 2] * 1e3 if waits else 0.0,
        "ack_max_ms": waits[-1] * 1e3 if waits else 0.0,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
