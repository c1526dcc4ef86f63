"""A producer as a process of its own, to be killed and stopped: sends the known lines of one worker until SIGTERM.

``python -m tests.faults.producer WIRE ADDRESS TASK WORKER DIRECTORY LINES_A_SECOND``. WIRE is ``native``, through the
client ``otto_logs`` with its spool on disk, or ``otto``, one line a message. In the directory are the tally, the
client's spool, and for Otto's wire a list of the numbers that were sent again. Started again after a kill it continues
after what it had sent, and the client delivers what was left in the spool; on Otto's wire it continues after what was
acknowledged.
"""

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
from otto_logs import ProducerLimits, SpoolPolicy, SyncLogProducer
from ottoscaler.v1 import log_streaming_pb2

from tests.faults.known_lines import known_line
from tests.faults.tally import Tally
from tests.support.producers import OttoProducer

FLUSH_SECONDS_MAX = 120.0
TURN_SECONDS = 0.02
OTTO_IN_FLIGHT_MAX = 64
OTTO_SILENCE_SECONDS_MAX = 4.0
LIMITS = ProducerLimits(
    spool_bytes_max=1 << 20,
    batch_bytes_max=64 << 10,
    backoff_seconds=0.05,
    backoff_seconds_max=0.5,
    hello_seconds_max=3.0,
    acknowledgement_seconds_max=6.0,
)
"""A small spool and short patience, so that a run of minutes has many breaks."""


def paced(first: int, lines_a_second: float, stop: threading.Event) -> Iterator[range]:
    """The numbers that are due, turn by turn, until the stop."""
    started, done = time.monotonic(), first - 1
    while not stop.is_set():
        due = first - 1 + int((time.monotonic() - started) * lines_a_second)
        due = min(due, done + int(lines_a_second * 0.1) + 1)  # what was missed while it was stopped comes bit by bit
        yield range(done + 1, due + 1)
        done = max(done, due)
        stop.wait(TURN_SECONDS)


def send_native(
    address: str, task_id: str, worker_id: str, tally: Tally, spool: Path, rate: float, stop: threading.Event
) -> None:
    """Through the client; acknowledged is what its statistics say, of which those of the life before come first."""
    before = tally.sent

    def send(number: int) -> None:
        tally.write(sent=number)
        line = known_line(worker_id, number)
        producer.log(task_id, worker_id, line.message, level=line.level, source=line.source)
        tally.write(accepted=number)

    with SyncLogProducer(address, policy=SpoolPolicy.BLOCK, limits=LIMITS, spool_directory=spool) as producer:
        for numbers in paced(tally.sent + 1, rate, stop):
            for number in numbers:
                send(number)
            if acknowledged := producer.statistics.lines_acknowledged:
                tally.write(acknowledged=before + acknowledged)
        send(tally.sent + 1)  # after whatever was left in the spool: once this one is stored, so is all of that
        producer.flush(FLUSH_SECONDS_MAX)
        tally.write(acknowledged=tally.sent)


class OttoWorker:
    """Otto's wire has no numbers: what was not answered when a connection breaks is sent again."""

    def __init__(self, address: str, task_id: str, worker_id: str, tally: Tally, resent: Path) -> None:
        self._address = address
        self._task_id = task_id
        self._worker_id = worker_id
        self._tally = tally
        self._resent = resent
        self._due = tally.sent

    async def run(self, rate: float, stop: threading.Event) -> None:
        pacing = paced(self._tally.sent + 1, rate, stop)
        while not self._is_done(stop):
            with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError, _NotTakenError):
                async with grpc.aio.insecure_channel(self._address) as channel:
                    await self._stream(OttoProducer(channel), pacing, stop)
            await asyncio.sleep(0.1)

    def _note(self, first: int, last: int) -> None:
        """Lines that are sent again, or with 0 as the last, one that was answered with RETRY."""
        with self._resent.open("a") as file:
            file.write(f"{first} {last}\n")

    def _is_done(self, stop: threading.Event) -> bool:
        return stop.is_set() and self._tally.acknowledged == self._due

    async def _stream(self, producer: OttoProducer, pacing: Iterator[range], stop: threading.Event) -> None:
        """One connection, until everything is answered after the stop, or it breaks."""
        tally = self._tally
        number = tally.acknowledged
        if tally.sent > number:
            self._note(number + 1, tally.sent)
        while not self._is_done(stop):
            numbers = await asyncio.to_thread(next, pacing, range(0))
            self._due = max(self._due, numbers.stop - 1)
            while number < self._due and number - tally.acknowledged < OTTO_IN_FLIGHT_MAX:
                number += 1
                tally.write(sent=max(number, tally.sent))
                line = known_line(self._worker_id, number)
                fields = {"task_id": self._task_id, "worker_id": self._worker_id}
                async with asyncio.timeout(OTTO_SILENCE_SECONDS_MAX):
                    await producer.send(line.message, level=line.level, source=line.source, **fields)
            while tally.acknowledged < number:
                async with asyncio.timeout(OTTO_SILENCE_SECONDS_MAX):
                    answer = await producer.read()
                if answer is grpc.aio.EOF:
                    raise _NotTakenError
                if answer.status != log_streaming_pb2.LogResponse.ACK:
                    self._note(tally.acknowledged + 1, 0)
                    raise _NotTakenError
                tally.write(acknowledged=tally.acknowledged + 1)
        await producer.call.done_writing()


class _NotTakenError(Exception):
    """The gateway says RETRY, or nothing more; what was sent after this line is sent again too."""


def main() -> None:
    wire, address, task_id, worker_id, directory, rate = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])  # its parent blocks it until now
    tally = Tally(Path(directory) / f"{worker_id}.tally")
    if wire == "native":
        spool = Path(directory) / f"{worker_id}.spool"
        send_native(address, task_id, worker_id, tally, spool, float(rate), stop)
    else:
        worker = OttoWorker(address, task_id, worker_id, tally, Path(directory) / f"{worker_id}.resent")
        asyncio.run(worker.run(float(rate), stop))


if __name__ == "__main__":
    main()
