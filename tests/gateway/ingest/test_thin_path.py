"""How much work a lone line of Otto's wire is, from its bytes to those of its answer: counted and not timed."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from ottoscaler.v1 import log_streaming_pb2 as otto

from gateway.grpc_server.connection import Connection
from gateway.grpc_server.frames import PREFACE, FrameType, window_update
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.server import Http2Server
from gateway.ingest.counters import Counters
from gateway.ingest.limits import IngestLimits
from gateway.ingest.registry import ProducerRegistry
from gateway.ingest.services import ingest_methods
from storage.journal.interface import Append, Receipt, Settled
from tests.support.raw_http2 import data, frame, grpc_message, headers_frame, request_headers, settings
from tests.support.tokens import WordAuthenticator

FORWARD = "/ottoscaler.v1.OttoHandlerLogService/ForwardWorkerLogs"
GRPC_GO_PING = bytes((2, 4, 16, 16, 9, 14, 7, 7))
CALLS_TO_APPEND_MAX = 60
CALLS_TO_ANSWER_MAX = 39
CALLS_TO_BE_THANKED_MAX = 39
CALLS_TO_OPEN_MAX = 300
CALLS_TO_ANSWER_FIRST_MAX = 40


class Transport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1)})
        self.writes: list[bytes] = []

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass


class HeldJournal:
    """Commits when it is asked to; as much of a journal as the path of a line asks for."""

    fullness = 0.0
    is_writable = True

    def __init__(self) -> None:
        self.waiting: list[tuple[Append, Settled]] = []
        self.sequence = 0

    def submit(self, item: Append, settled: Settled) -> None:
        self.waiting.append((item, settled))

    def commit(self) -> None:
        waiting, self.waiting = self.waiting, []
        for _, settled in waiting:
            self.sequence += 1
            settled(Receipt(self.sequence, self.sequence))


class Workers:
    """Streams on a connection each."""

    def __init__(self, count: int, *, slice_seconds: float = 3600) -> None:
        # A busy machine is no reason to continue in another turn.
        self.journal: Any = HeldJournal()
        self.counters = Counters()
        registry = ProducerRegistry(self.journal, WordAuthenticator(), IngestLimits(), self.counters)
        self.server = Http2Server(ingest_methods(registry), ServerLimits(slice_seconds=slice_seconds))
        self.connections = [Connection(self.server) for _ in range(count)]
        self.transports = [Transport() for _ in range(count)]
        self.lines = [line(f"t{number}") for number in range(count)]

    async def start(self) -> None:
        """Have all streams admitted, and each send a line and take its answer."""
        await self.connect()
        self.open()
        await turns()
        self.send()
        await turns()
        self.journal.commit()
        await turns()
        for transport in self.transports:
            transport.writes.clear()

    async def connect(self) -> None:
        for connection, transport in zip(self.connections, self.transports, strict=True):
            connection.connection_made(transport)
            connection.data_received(PREFACE + settings() + settings(ack=True))
        await turns()

    def open(self) -> None:
        for connection in self.connections:
            connection.data_received(headers_frame(1, request_headers(FORWARD)))

    def send(self) -> None:
        for connection, sent in zip(self.connections, self.lines, strict=True):
            connection.data_received(sent)

    def thank(self, payload: bytes = b"\0" * 8) -> None:
        """What a client that measures the connection sends for an answer: its credit, and a PING."""
        for connection in self.connections:
            connection.data_received(window_update(0, 7) + frame(FrameType.PING, 0, 0, payload))

    @property
    def writes(self) -> list[int]:
        return [len(transport.writes) for transport in self.transports]


def line(task_id: str) -> bytes:
    entry = otto.WorkerLogEntry(task_id=task_id, worker_id="w", level="INFO", source="stdout", message="  CC  module.o")
    return data(1, grpc_message(entry.SerializeToString()))


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def calls_of(work: Callable[[], None]) -> Counter[str]:
    """The Python functions that are called by it and by what it has the loop do."""
    calls: Counter[str] = Counter()

    def count(called: Any, event: str, _argument: object) -> None:
        if event == "call" and "/asyncio/" not in called.f_code.co_filename:
            calls[f"{called.f_code.co_qualname} {called.f_code.co_filename.rsplit('/', 1)[-1]}"] += 1

    sys.setprofile(count)
    try:
        work()
        await turns()
    finally:
        sys.setprofile(None)
    return calls


@pytest.fixture
async def workers() -> AsyncIterator[Workers]:
    workers = Workers(50)
    await workers.start()
    yield workers
    for connection in workers.connections:
        connection.connection_lost(None)
    workers.journal.commit()
    await turns()


async def test_a_line_is_so_many_calls(workers: Workers) -> None:
    """From the read to the journal, and from the commit to the write."""
    there = await calls_of(workers.send)
    back = await calls_of(workers.journal.commit)
    assert workers.writes == [1] * 50
    assert there.total() / 50 <= CALLS_TO_APPEND_MAX, there.most_common(80)
    assert back.total() / 50 <= CALLS_TO_ANSWER_MAX, back.most_common(80)


async def test_a_stream_opens_in_so_many_calls() -> None:
    """A thousand workers that come at once wait for each other: h2 hears of response headers when it has time."""
    asyncio.get_running_loop().set_debug(False)  # it would count where each task was made
    workers = Workers(50)
    await workers.connect()
    opened = await calls_of(workers.open)
    workers.send()
    await turns()
    answered = await calls_of(workers.journal.commit)
    assert opened.total() / 50 <= CALLS_TO_OPEN_MAX, opened.most_common(80)
    assert answered.total() / 50 <= CALLS_TO_ANSWER_FIRST_MAX, answered.most_common(80)
    for connection in workers.connections:
        connection.connection_lost(None)
    await turns()


async def test_thanks_for_an_answer_are_few_calls(workers: Workers) -> None:
    """Credit for the answer is kept beside h2, and the PING is answered in one write."""
    workers.send()
    workers.journal.commit()
    await turns()
    calls = await calls_of(workers.thank)
    assert workers.writes == [2] * 50
    assert calls.total() / 50 <= CALLS_TO_BE_THANKED_MAX, calls.most_common(80)


async def test_grpc_go_is_told_the_round_trip_once_in_a_while(workers: Workers) -> None:
    """Its PING for an answer is no write: what it asks goes with an answer a second later, and it asks again then."""
    workers.send()
    workers.journal.commit()
    await turns()
    workers.thank(GRPC_GO_PING)
    await turns()
    assert workers.writes == [1] * 50
    for connection in workers.connections:
        connection.check(time.monotonic())
    await turns()
    assert workers.writes == [1] * 50
    workers.send()
    workers.journal.commit()
    await turns()
    assert workers.writes == [2] * 50
    acknowledged = frame(FrameType.PING, 1, 0, GRPC_GO_PING)
    assert all(transport.writes[1].endswith(acknowledged) for transport in workers.transports)


async def test_grpc_go_is_told_the_round_trip_also_where_no_answer_follows(workers: Workers) -> None:
    """After two seconds alone. A second question before that is nothing that grpc-go asks: it is answered at once."""
    acknowledged = frame(FrameType.PING, 1, 0, GRPC_GO_PING)
    workers.thank(GRPC_GO_PING)
    for second in range(2):
        await turns()
        assert workers.writes == [0] * 50, second
        for connection in workers.connections:
            connection.check(time.monotonic())
    await turns()
    assert all(transport.writes == [acknowledged] for transport in workers.transports)
    workers.thank(GRPC_GO_PING)
    workers.thank(GRPC_GO_PING)
    await turns()
    assert workers.writes == [2] * 50


async def test_the_look_at_time_limits_takes_no_slice() -> None:
    """All connections are looked at in one turn of the loop; what has arrived is taken in turns of its own."""
    workers = Workers(1, slice_seconds=0.0)
    await workers.start()
    connection = workers.connections[0]
    connection.data_received(line("t0") * 20)
    taken = workers.counters.statistics.lines["otto"]
    connection.check(time.monotonic())
    assert workers.counters.statistics.lines["otto"] == taken < 20
    await turns(20)
    assert workers.counters.statistics.lines["otto"] == 21
    connection.connection_lost(None)
    await turns()


async def test_a_line_makes_no_future_task_timer_or_callback(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of fifty streams cost the loop one callback for each commit."""
    loop = asyncio.get_running_loop()
    made: list[str] = []
    for name in ("create_task", "create_future", "call_later", "call_at", "call_soon"):
        inner = getattr(loop, name)
        monkeypatch.setattr(
            loop,
            name,
            lambda *arguments, inner=inner, name=name, **more: (made.append(name), inner(*arguments, **more))[1],
        )
    workers.send()
    workers.journal.commit()
    assert made == ["call_soon"]
    monkeypatch.undo()
    await turns()
    assert workers.writes == [1] * 50


async def test_all_answers_of_a_read_are_one_write(workers: Workers) -> None:
    """Twenty lines in a read are one append and one write."""
    connection = workers.connections[0]
    connection.data_received(line("t0") * 20)
    assert len(workers.journal.waiting) == 1
    workers.journal.commit()
    await turns()
    assert workers.writes[0] == 1
