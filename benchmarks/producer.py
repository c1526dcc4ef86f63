"""A worker for the benchmark: numbered batches on the native wire, or one line a message on Otto's.

Run as ``python -m benchmarks.producer ADDRESS --lines N …``. It prints one JSON object: the seconds from its first
message to the last acknowledgement, and its own CPU time. Every line ends with ``@`` and the time at which it was due,
in nanoseconds of CLOCK_MONOTONIC.
"""

import argparse
import json
import resource
import threading
import time
import uuid
from collections.abc import Iterator

import grpc
from otto.logs.v1 import logs_pb2, logs_pb2_grpc
from ottoscaler.v1 import log_streaming_pb2, log_streaming_pb2_grpc

LINGER_SECONDS = 0.005
"""Lines that are due within this time share a message, as in the ``otto-logs`` client."""


def line_text(number: int, due_ns: int) -> str:
    """A line as a compiler prints it, different every time."""
    flags = "-O2 -g -Wall -Wextra -fPIC -Iinclude -DNDEBUG"
    return f"[{number:7d}] CC build/objects/module_{number % 977:03d}.o {flags} @{due_ns}"


def due_batches(lines: int, batch: int, rate: float) -> Iterator[list[str]]:
    """The lines in batches: as fast as they are taken, or with ``rate`` lines a second."""
    if not rate:
        for first in range(1, lines + 1, batch):
            now = time.monotonic_ns()
            yield [line_text(number, now) for number in range(first, min(first + batch, lines + 1))]
        return
    started = time.monotonic_ns()
    step = 1e9 / rate
    number = 1
    while number <= lines:
        due = min(lines, int((time.monotonic_ns() - started) / step))
        if due >= number:
            yield [line_text(n, started + int(n * step)) for n in range(number, due + 1)]
            number = due + 1
        time.sleep(LINGER_SECONDS)


class NativeStream:
    """Sends batches for several tasks in turn, within the credit that the gateway gives."""

    def __init__(self, batches: Iterator[list[str]], tasks: int) -> None:
        self._batches = batches
        self._tasks = tasks
        self._changed = threading.Condition()
        self._credit = 0
        self._in_flight: dict[int, int] = {}
        self._number = 0
        self._all_sent = False
        self.started = 0.0

    def requests(self) -> Iterator[logs_pb2.PublishRequest]:
        """The requests, for gRPC to take from its own thread."""
        yield logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=str(uuid.uuid4()), agent="benchmark"))
        for batch in self._batches:
            with self._changed:
                self._changed.wait_for(lambda: self._credit - sum(self._in_flight.values()) > 0)
                self._number += 1
                self._in_flight[self._number] = len(batch)
            self.started = self.started or time.monotonic()
            lines = [logs_pb2.Line(message=text.encode()) for text in batch]
            task_id = f"bench-{self._number % self._tasks}"
            yield logs_pb2.PublishRequest(
                number=self._number,
                lines=logs_pb2.LineBatch(task_id=task_id, worker_id="bench-worker", lines=lines),
            )
        with self._changed:
            self._all_sent = True
            self._changed.wait_for(lambda: not self._in_flight)

    def acknowledged(self, response: logs_pb2.PublishResponse) -> None:
        """Take an answer of the gateway."""
        if response.problems:
            raise RuntimeError(f"refused: {response.problems}")
        with self._changed:
            self._credit = response.credit_lines
            for number in [n for n in self._in_flight if n <= response.acknowledged_number]:
                del self._in_flight[number]
            self._changed.notify_all()


def publish_native(channel: grpc.Channel, batches: Iterator[list[str]], tasks: int) -> float:
    """Publish everything; the seconds from the first batch to the last acknowledgement."""
    stream = NativeStream(batches, tasks)
    for response in logs_pb2_grpc.LogIngestServiceStub(channel).Publish(stream.requests()):
        stream.acknowledged(response)
    return time.monotonic() - stream.started


def publish_otto(channel: grpc.Channel, batches: Iterator[list[str]], tasks: int) -> float:
    """Forward everything, one line a message; the seconds from the first to the last answer."""
    started = time.monotonic()

    def requests() -> Iterator[log_streaming_pb2.WorkerLogEntry]:
        for number, batch in enumerate(batches):
            for text in batch:
                yield log_streaming_pb2.WorkerLogEntry(
                    worker_id="bench-worker", task_id=f"bench-{number % tasks}", message=text
                )

    for answer in log_streaming_pb2_grpc.OttoHandlerLogServiceStub(channel).ForwardWorkerLogs(requests()):
        if answer.status != log_streaming_pb2.LogForwardResponse.ACK:
            raise RuntimeError(f"refused: {answer}")
    return time.monotonic() - started


def main() -> None:
    """Publish and print the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--tasks", type=int, default=1)
    parser.add_argument("--batch", type=int, default=1000, help="lines a message; a rate decides it otherwise")
    parser.add_argument("--rate", type=float, default=0, help="lines a second; 0: as fast as they are taken")
    parser.add_argument("--wire", choices=["native", "otto"], default="native")
    options = parser.parse_args()
    publish = publish_native if options.wire == "native" else publish_otto
    with grpc.insecure_channel(options.address) as channel:
        grpc.channel_ready_future(channel).result(timeout=10)
        before = resource.getrusage(resource.RUSAGE_SELF)
        seconds = publish(channel, due_batches(options.lines, options.batch, options.rate), options.tasks)
        after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(json.dumps({"lines": options.lines, "seconds": seconds, "cpu_seconds": cpu}))


if __name__ == "__main__":
    main()
