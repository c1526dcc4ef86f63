"""Many subscribers of one task with different filters, on both transports, some of them cut off again and again."""

import asyncio
import itertools
import json
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode

import httpx2
import msgspec

from tests.support.event_stream import parse_event
from tests.support.programs import node_directory, start_node

__all__ = ["FILTERS", "Crowd", "Doors", "Received", "Subscriber", "make_crowd"]

FILTERS: tuple[dict[str, list[str]], ...] = (
    {},
    {"levels": ["ERROR"]},
    {"levels": ["ERROR", "WARN", "DEBUG"]},
    {"keywords": ["import"]},
    {"keywords": ["Error", "WARNING", "alloc"]},
    {"workerIds": ["worker-2"]},
    {"workerIds": ["worker-1", "worker-4"], "levels": ["INFO"], "keywords": ["init"]},
    {"sources": ["stderr"]},
    {"sources": ["stdout"], "keywords": ["module", "type"]},
    {"keywords": ["mutex", "뮤텍스"]},
)
"""What the subscribers ask for; each is used once on either transport."""

RECONNECT_SECONDS = 0.05

_PARAMETERS = {"levels": "level", "sources": "source", "keywords": "keywords", "workerIds": "workerId"}


@dataclass(frozen=True, slots=True)
class Received:
    """One line as a subscriber saw it."""

    sequence: int
    worker_id: str
    message: str
    epoch: str = ""


class Doors(Protocol):
    """Where the gateway, or a proxy in front of it, is to be found."""

    @property
    def websocket_url(self) -> str: ...
    def stream_url(self, task_id: str, query: str = "") -> str: ...


@dataclass(slots=True)
class Subscriber:
    """Who listens how; ``cuts`` are the counts of lines after which the connection is thrown away.

    ``gaps`` are the stretches that were announced as missing. ``back_at`` has ``time.monotonic()`` of each connection's
    first line (SSE only). ``doors``: where it listens, if not where all others do.
    """

    transport: str
    filter: dict[str, list[str]]
    cuts: list[int]
    lines: list[Received] = field(default_factory=list)
    connections: int = 0
    gaps: list[dict[str, Any]] = field(default_factory=list)
    back_at: list[float] = field(default_factory=list)
    doors: Doors | None = None

    def __str__(self) -> str:
        return f"{self.transport} {json.dumps(self.filter, ensure_ascii=False)}"


class _Line(msgspec.Struct, rename="camel"):
    sequence: int
    worker_id: str
    message: str


_decode_line = msgspec.json.Decoder(_Line).decode


def make_crowd(matching: Sequence[int], seed: int) -> "Crowd":
    """A subscriber for each filter on each transport; every second one is cut off at random, ten times.

    Args:
        matching: how many lines each filter will let pass, so that the cuts lie anywhere among them.
        seed: the same seed makes the same cuts.
    """
    chance = random.Random(seed)
    subscribers = []
    for index, (transport, log_filter) in enumerate(itertools.product(("sse", "socketio"), FILTERS)):
        is_cut = index % 2 == index // len(FILTERS) % 2  # every filter is cut on one transport and not on the other
        places = range(1, matching[index % len(FILTERS)])
        cuts = sorted(chance.sample(places, min(10, len(places)))) if is_cut else []
        subscribers.append(Subscriber(transport, log_filter, cuts))
    return Crowd(subscribers)


@dataclass(slots=True)
class Crowd:
    """The subscribers of one task; a stream that is silent for ``silence_seconds_max`` is opened anew."""

    subscribers: list[Subscriber]
    silence_seconds_max: float = 40.0

    def __post_init__(self) -> None:
        node_directory()  # a bench without it fails at once, not where it waits for its readers at the end

    async def follow(self, gateway: Doors, task_id: str, scratch: Path, ready: asyncio.Event) -> None:
        """Let everybody listen until the task is complete; ``ready`` is set once all sockets have subscribed."""
        streams = [subscriber for subscriber in self.subscribers if subscriber.transport == "sse"]
        sockets = [subscriber for subscriber in self.subscribers if subscriber.transport == "socketio"]
        await asyncio.gather(
            _follow_sockets(gateway, task_id, sockets, scratch, ready),
            *(
                _follow_stream(subscriber.doors or gateway, task_id, subscriber, self.silence_seconds_max)
                for subscriber in streams
            ),
        )


async def _follow_stream(gateway: Doors, task_id: str, subscriber: Subscriber, silence_seconds_max: float) -> None:
    query = urlencode({_PARAMETERS[name]: ",".join(values) for name, values in subscriber.filter.items()})
    stream = _Stream(gateway.stream_url(task_id, query), subscriber)
    async with httpx2.AsyncClient(timeout=httpx2.Timeout(None, read=silence_seconds_max)) as client:
        while not stream.is_complete:
            try:
                await stream.read(client)
            except httpx2.TransportError:  # the gateway is being restarted, or something in between has died
                await asyncio.sleep(RECONNECT_SECONDS)


class _Stream:
    """One subscriber's stream over all its connections; leaner than ``EventStream``, and cut off where it is told."""

    def __init__(self, url: str, subscriber: Subscriber) -> None:
        self._url = url
        self._subscriber = subscriber
        self._cuts = list(subscriber.cuts)
        self._last_id = ""
        self._is_new = False
        self.is_complete = False

    async def read(self, client: httpx2.AsyncClient) -> None:
        """Read until the connection is cut, or ends by itself."""
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        async with client.stream("GET", self._url, headers=headers) as answer:
            if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
                raise httpx2.ReadError("come back later")
            assert answer.status_code == httpx2.codes.OK, await answer.aread()
            self._subscriber.connections += 1
            self._is_new = True
            pending = b""
            async for chunk in answer.aiter_bytes():
                *blocks, pending = (pending + chunk).split(b"\n\n")
                for block in blocks:
                    if self._take(block):
                        return

    def _take(self, block: bytes) -> bool:
        """Keep an event; True if the connection is to be thrown away after it."""
        if block.startswith(b"retry: "):
            block = block.partition(b"\n")[2]
        identifier, _, data = block.partition(b"\n")
        if not (identifier.startswith(b"id: ") and data.startswith(b"data: ")):  # a named event
            event = parse_event(block)
            if event is not None and event.name == "gap":
                self._subscriber.gaps.append(event.data)
            self.is_complete = event is not None and event.name == "complete"
            return self.is_complete
        line = _decode_line(data.removeprefix(b"data: "))
        self._last_id = identifier.removeprefix(b"id: ").decode()
        if self._is_new:
            self._is_new = False
            self._subscriber.back_at.append(time.monotonic())
        lines = self._subscriber.lines
        lines.append(Received(line.sequence, line.worker_id, line.message, sys.intern(self._last_id[:8])))
        if not self._cuts or len(lines) < self._cuts[0]:
            return False
        del self._cuts[0]
        return True


async def _follow_sockets(
    gateway: Doors, task_id: str, subscribers: list[Subscriber], scratch: Path, ready: asyncio.Event
) -> None:
    outputs = [scratch / f"socket-{number}.tsv" for number in range(len(subscribers))]
    plan: dict[str, Any] = {
        "url": gateway.websocket_url,
        "taskId": task_id,
        "subscribers": [
            {
                "filter": subscriber.filter,
                "batch": number % 2 == 1,
                "cuts": subscriber.cuts,
                "output": str(output),
            }
            for number, (subscriber, output) in enumerate(zip(subscribers, outputs, strict=True))
        ],
    }
    node = await start_node("subscribers.js")
    assert node.stdin is not None
    assert node.stdout is not None
    try:
        node.stdin.write(json.dumps(plan).encode())
        node.stdin.close()
        assert await node.stdout.readline() == b"READY\n"
        ready.set()
        results = json.loads(await node.stdout.readline())
        assert await node.wait() == 0
    finally:
        if node.returncode is None:
            node.kill()
            await node.wait()
    for subscriber, output, result in zip(subscribers, outputs, results, strict=True):
        subscriber.connections = result["connections"]
        subscriber.gaps = result["gaps"]
        for row in output.read_bytes().split(b"\n")[:-1]:
            epoch, sequence, worker_id, message = row.decode().split("\t", 3)
            subscriber.lines.append(Received(int(sequence), sys.intern(worker_id), message, sys.intern(epoch)))
