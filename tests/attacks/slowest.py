"""What one peer can make the event loop do in one go: the inputs whose callbacks took the most processor time.

Run as ``python -m tests.attacks.slowest`` (a part of ``make fuzz``); 1 if a callback took longer than 20 ms.
``FUZZ_SEED`` and ``FUZZ_CALLS`` choose which inputs of each kind, and how many. The gateway runs on a thread of its own
and on the loop of asyncio; inputs come one after the other, so a callback belongs to the one under way. Processor
time, not time: what else the machine does is in none of the figures.
"""

import asyncio
import gzip
import heapq
import os
import random
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any, Final

from otto.logs.v1 import logs_pb2

from gateway.app import Gateway
from gateway.grpc_server.frames import PREFACE, FrameType
from gateway.settings.model import Settings
from tests.attacks.floods import CALLS, REQUESTS, said
from tests.attacks.oversized import hostile_calls
from tests.attacks.slow import PUBLISH
from tests.support.mutated_bytes import Mutator, random_message
from tests.support.raw_http2 import data, grpc_message, headers_frame, request_headers, settings
from tests.support.raw_http2 import frame as http2_frame

MILLISECONDS_MAX: Final = 20.0
SHOWN: Final = 10
SEED: Final = int(os.environ.get("FUZZ_SEED", "1"))
COUNT: Final = int(os.environ.get("FUZZ_CALLS", "30"))
_HTTP: Final = "HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


def watch(thread_id: int) -> list[tuple[float, str]]:
    """Measure the callbacks of a thread from now on; the list has the worst so far, and is emptied by its reader."""
    worst: list[tuple[float, str]] = []
    run = asyncio.events.Handle._run

    def timed(handle: Any) -> None:
        if threading.get_ident() != thread_id:
            run(handle)
            return
        begun_at = time.thread_time()
        run(handle)
        milliseconds = (time.thread_time() - begun_at) * 1000
        if not worst or milliseconds > worst[0][0]:
            worst[:] = [(milliseconds, repr(handle)[:160])]

    asyncio.events.Handle._run = timed  # type: ignore[method-assign]
    return worst


def inputs(chance: random.Random) -> Iterator[tuple[str, str, bytes]]:
    """The name of each kind, the port that it is for (``http`` or ``grpc``), and what is sent."""
    requests, calls = Mutator(REQUESTS, SEED), Mutator(CALLS, SEED)
    opened = headers_frame(1, request_headers(PUBLISH))
    compressed = headers_frame(1, request_headers(PUBLISH, grpc_encoding="gzip"))
    hello = grpc_message(logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id="p")).SerializeToString())
    for _ in range(COUNT):
        yield "requests", "http", requests.one()
        names = chance.choice(("keywords", "level", "workerId", "source", "startTime", "cursor", "q", "limit"))
        value, many = chance.choice(("a", "%00", "9" * 50, "%ED")), chance.choice((1, 50, 3_000))
        query = "".join(f"&{names}={value}{number}" for number in range(many))
        yield "queries", "http", f"GET /api/v1/log-streaming/search?q=a{query} {_HTTP}".encode()
        yield "frames", "grpc", PREFACE + calls.one()
        block = chance.randbytes(chance.choice((20, 200, 16_000)))
        yield "HPACK", "grpc", PREFACE + settings() + http2_frame(FrameType.HEADERS, 4, 1, block)
        message = random_message(logs_pb2.PublishRequest, chance).SerializeToString()[:60_000]
        yield "messages", "grpc", PREFACE + settings() + opened + data(1, hello + grpc_message(message), end=True)
        packed = gzip.compress(message + bytes(chance.choice((0, 1 << 20, 16 << 20))), 1)[:60_000]
        packed = hello + grpc_message(packed, compressed=True)
        yield "gzip", "grpc", PREFACE + settings() + compressed + data(1, packed, end=True)
    for name, hostile in hostile_calls():
        yield name, "grpc", PREFACE + settings() + hostile


async def measured(ports: dict[str, int], worst: list[tuple[float, str]]) -> list[tuple[float, str, str, bytes]]:
    """The slowest inputs, the slowest first."""
    found = []
    for name, port, text in inputs(random.Random(SEED)):
        worst.clear()
        await asyncio.wait_for(said(ports[port], text), 60)
        if worst:
            found.append((*worst[0], name, text[:100]))
    return heapq.nlargest(SHOWN, found)


def main() -> int:
    """Measure; the exit code."""
    print(f"FUZZ_SEED={SEED} FUZZ_CALLS={COUNT}")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    with tempfile.TemporaryDirectory(prefix="otto-slowest-") as folder:
        ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
        configured = Settings(database_url=f"sqlite:///{folder}/otto.db", durability="process", **ports)
        gateway = asyncio.run_coroutine_threadsafe(Gateway.start(configured), loop).result(60)
        assert thread.ident is not None
        worst = watch(thread.ident)
        slowest = asyncio.run(measured({"http": gateway.ports[0], "grpc": gateway.ports[-1]}, worst))
        asyncio.run_coroutine_threadsafe(gateway.stop(), loop).result(60)
    for milliseconds, callback, name, text in slowest:
        print(f"{milliseconds:6.1f} ms  {name}: {text!r}\n           {callback}")
    return int(slowest[0][0] > MILLISECONDS_MAX)


if __name__ == "__main__":
    sys.exit(main())
