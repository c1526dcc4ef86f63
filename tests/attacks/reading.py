"""Readers that read much: they are served in turns with others, and only as long as they are there."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

import grpc

from tests.attacks.attack import Target, attack
from tests.attacks.probe import waited_ns
from tests.readers.hostile import BIG_LINES, DEEDS
from tests.readers.stream import Stream
from tests.support.bare_websocket import BareWebSocket, frame
from tests.support.producers import NativeProducer, lines_request
from tests.support.worker import publish

SEARCH: Final = "/api/v1/log-streaming/search"
LINE: Final = "x" * 1_000
ANSWER_BYTES_MAX: Final = 9 << 20
"""``HistoryLimits.bytes_max`` and what is around the hits."""


@contextlib.asynccontextmanager
async def scanning(target: Target, many: int) -> AsyncIterator[None]:
    """Subscribers of one principal whose keywords match nothing in a large log."""
    writers = []
    for number in range(many):
        _, writer = await asyncio.open_connection("127.0.0.1", target.gateway.http_port)
        path = f"/api/v1/log-streaming/logs/large/stream?keywords=nothing-{number}"
        head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {target.token()}\r\n\r\n"
        writer.write(head.encode())
        writers.append(writer)
    yield
    for writer in writers:
        writer.transport.abort()


@dataclass
class Latencies:
    """Milliseconds from a line's sending to its arrival.

    Attributes:
        whole: as they were.
        own: without the time for which the gateway was ready to run and the machine had no processor for it.
    """

    whole: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)

    @property
    def is_busy(self) -> bool:
        """Whether the machine had no processor for a fifth of the time; what else it does then decides the rest."""
        return sum(self.own) < 0.8 * sum(self.whole)

    def ratio(self, alone: "Latencies") -> float:
        """How much larger the p99 is than without company, of what is the gateway's own."""
        return p99(self.own) / p99(alone.own)


async def measure(target: Target, task_id: str, lines: int, found: Latencies) -> None:
    """Publish and subscribe as somebody else, a line at a time."""
    pid = target.gateway.pid
    headers = f"Authorization: Bearer {target.token('reader')}\r\n"
    stream = Stream("sse", target.gateway.http_port, task_id, headers=headers)
    await stream.open()
    async with grpc.aio.insecure_channel(target.gateway.grpc_address) as channel:
        producer = NativeProducer(channel, token=target.token("writer"))
        await producer.hello(task_id)
        for number in range(1, lines + 1):
            waited, begun_at = waited_ns(pid), time.perf_counter()
            await producer.send(lines_request(number, [f"#{number}@"], task_id=task_id))
            await stream.take_until(number)
            milliseconds = (time.perf_counter() - begun_at) * 1000
            found.whole.append(milliseconds)
            found.own.append(max(0.0, milliseconds - (waited_ns(pid) - waited) / 1e6))
    stream.close()


def p99(found: list[float]) -> float:
    return statistics.quantiles(found, n=100)[98]


async def first_line(target: Target) -> float:
    """Milliseconds until a new subscriber of another task has its first stored line."""
    headers = f"Authorization: Bearer {target.token('reader')}\r\n"
    stream = Stream("sse", target.gateway.http_port, "small", headers=headers)
    begun_at = time.perf_counter()
    await stream.open()
    await stream.take_until(1)
    stream.close()
    return (time.perf_counter() - begun_at) * 1000


@attack("others' live p99 within 1.5 x, a new subscriber's first line within 5 x, readiness 200", door="guarded")
async def scanners(target: Target) -> str:
    """Streams of one principal that read a large log from its beginning and match nothing, for as long as it takes."""
    many, lines, rounds = target.times(10, 200), target.times(20, 300), target.times(1, 2)
    for _ in range(target.times(2, 60)):
        await publish(target.gateway.grpc_address, "large", [LINE] * 1_000, token=target.token(), batch_lines=500)
    await publish(target.gateway.grpc_address, "small", ["a line #1@"], token=target.token())
    alone, beside = Latencies(), Latencies()
    first_alone, first_beside = [], []
    for number in range(rounds):
        await measure(target, f"alone-{number}", lines, alone)
        first_alone += [await first_line(target) for _ in range(10)]
        async with scanning(target, many):
            await measure(target, f"beside-{number}", lines, beside)
            first_beside += [await first_line(target) for _ in range(10)]
            async with target.client() as http:
                assert (await http.get("/healthz/ready")).is_success, "readiness is not 200"
    live = beside.ratio(alone)
    first = statistics.median(first_beside) / statistics.median(first_alone)
    seen = (
        f"live p99 {p99(alone.whole):.0f} and {p99(beside.whole):.0f} ms, its own {p99(alone.own):.1f} and "
        f"{p99(beside.own):.1f} ms (x {live:.2f}); first line x {first:.2f}"
    )
    assert first <= 5 or not target.is_long, seen
    if alone.is_busy:
        return f"{many}: {seen}, not judged: the machine is busy"
    assert live <= 1.5 or not target.is_long, seen
    return f"{many}: {seen}"


@attack("an answer of at most 9 MB, with the rest for the next request", door="guarded")
async def search_for_large_lines(target: Target) -> str:
    """400 hits of 65 KB, each with 40 such lines around it."""
    count = target.times(150, 400)
    for _ in range(0, count, 50):
        await publish(target.gateway.grpc_address, "wide", ["y" * 65_000] * 50, token=target.token(), batch_lines=20)
    async with target.client() as http:
        answer = await http.get(SEARCH, params={"q": "yyy", "limit": 400, "context": 20})
        assert answer.is_success, answer.status_code
        assert len(answer.content) <= ANSWER_BYTES_MAX, f"{len(answer.content) >> 20} MB"
        assert answer.json()["next"], "nothing is left for the next request"
        several = await asyncio.gather(
            *(http.get(SEARCH, params={"q": "yyy", "limit": 400, "context": 20}) for _ in range(target.times(1, 2)))
        )
        assert max(len(each.content) for each in several) <= ANSWER_BYTES_MAX
    return f"{len(answer.content) / (1 << 20):.1f} MB"


@attack("others' searches are answered at once, and the own places come back", door="guarded")
async def abandoned_searches(target: Target) -> str:
    """As many as one may have, each given up at once."""
    if not target.is_long:
        await publish(target.gateway.grpc_address, "large", [LINE] * 1_000, token=target.token(), batch_lines=500)
    head = f"GET {SEARCH}?q=nothing-%d HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {target.token()}\r\n\r\n"
    for number in range(target.times(20, 100)):
        _, writer = await asyncio.open_connection("127.0.0.1", target.gateway.http_port)
        writer.write((head % number).encode())
        await writer.drain()
        writer.transport.abort()
    async with target.client("somebody else") as http:
        answer = await http.get(SEARCH, params={"q": "a line", "limit": 1})
    assert answer.is_success, f"{answer.status_code} for somebody else"
    async with target.client() as http:
        while (await http.get(SEARCH, params={"q": "a line", "limit": 1})).status_code == 429:
            await asyncio.sleep(0.05)
    return "answered 200"


@attack("the connection and its other subscriptions stay")
async def filter_changes_under_load(target: Target) -> str:
    """A Socket.IO client that changes its filter all the time, while lines come."""
    changes = target.times(100, 1_500)
    websocket = await BareWebSocket.open(target.gateway.http_port)
    await websocket.join()
    for task_id in ("busy", "calm"):
        await websocket.write(frame(b'42/log-streaming,["subscribe-to-logs",{"taskId":"%b"}]' % task_id.encode()))
    stop = asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            await publish(target.gateway.grpc_address, "busy", [f"{number} busy" for number in range(200)])

    writing = asyncio.create_task(write())
    for number in range(changes):
        change = b'42/log-streaming,7["update-log-filter",{"taskId":"busy","filter":{"keywords":["%d"]}}]' % (
            number % 9
        )
        await websocket.write(frame(change))
        assert await websocket.read_to(b"43/log-streaming,7"), f"disconnected after {number} changes"
    stop.set()
    await writing
    await publish(target.gateway.grpc_address, "calm", ["the last line"])
    assert await websocket.read_to(b"the last line"), "disconnected"
    await websocket.close()
    return f"{changes} changes, still connected"


@attack("every reader gets every line", is_long_only=True)
async def storage_reads(target: Target) -> str:
    """Many that read a large task from its first line, all at once."""
    lines = [f"{'x' * 20} #{number}@" for number in range(1, BIG_LINES + 1)]
    await publish(target.gateway.grpc_address, "good-big", lines, batch_lines=1_000)
    await DEEDS["start_over"](target.gateway.http_port, "good", 60)
    return f"60 readers of {BIG_LINES:,} lines"
