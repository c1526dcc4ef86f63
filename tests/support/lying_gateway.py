"""A gateway that lies: it loses, doubles, exchanges and invents lines, on each route as it is told."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import socketio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route as HttpRoute

from canary.delivery_check import DeliveryCheck, Route
from canary.lines import message_of
from tests.support.http_server import serve

__all__ = ["Lies", "LyingGateway", "LyingWriter"]


@dataclass(frozen=True)
class Lies:
    """What happens to lines of these numbers; ``exchange``: this one and the next change places."""

    drop: frozenset[int] = frozenset()
    double: frozenset[int] = frozenset()
    exchange: frozenset[int] = frozenset()
    invent: frozenset[int] = frozenset()


class LyingGateway:
    """Lines come in by ``put`` and go out by HTTP and Socket.IO, as many times and in the order that the lies say."""

    def __init__(self, lies: Mapping[Route, Lies]) -> None:
        self._lies = lies
        self._out: dict[tuple[Route, str], list[str]] = defaultdict(list)
        self._held: dict[tuple[Route, str], str] = {}
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket_io = socketio.AsyncServer(async_mode="asgi")
        self._socket_io.on("subscribe-to-logs", self._subscribe, namespace="/log-streaming")
        self._socket_io.on("connect", self._accept, namespace="/log-streaming")

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = Starlette(
            routes=[
                HttpRoute("/api/v1/log-streaming/logs/{task}/stream", self._stream),
                HttpRoute("/api/automation/logs", self._poll),
            ]
        )
        async with serve(socketio.ASGIApp(self._socket_io, app)) as url:
            try:
                yield url
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await self._socket_io.shutdown()

    def put(self, task_id: str, number: int) -> None:
        for route, lies in self._lies.items():
            key, message = (route, task_id), message_of(task_id, number)
            if number in lies.drop:
                continue
            if number in lies.exchange:
                self._held[key] = message
                continue
            self._start(self._deliver(key, message))
            if number in lies.double:
                self._start(self._deliver(key, message))
            if number in lies.invent:
                self._start(self._deliver(key, "something else"))
            if key in self._held:
                self._start(self._deliver(key, self._held.pop(key)))

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, key: tuple[Route, str], message: str) -> None:
        self._out[key].append(message)
        self._news.set()
        self._news = asyncio.Event()

    async def _from(self, route: Route, task: str, place: int) -> AsyncIterator[tuple[int, str]]:
        while True:
            news = self._news
            messages = self._out[route, task]
            while place < len(messages):
                place += 1
                yield place, messages[place - 1]
            await news.wait()

    async def _stream(self, request: Request) -> Response:
        place = int(request.headers.get("last-event-id", "0"))

        async def events() -> AsyncIterator[bytes]:
            yield b": hello\n\n"
            async for number, message in self._from(Route.SSE, request.path_params["task"], place):
                data = msgspec.json.encode({"sequence": number, "message": message})
                yield b"id: %d\ndata: %b\n\n" % (number, data)

        return StreamingResponse(events(), media_type="text/event-stream")

    async def _poll(self, request: Request) -> Response:
        after = int(request.query_params["afterId"])
        messages = self._out[Route.POLLING, request.query_params["jobId"]]
        rows = [{"id": number, "log_message": text} for number, text in enumerate(messages, 1) if number > after]
        return JSONResponse({"logs": rows})

    async def _accept(self, _sid: str, _environ: object, _auth: object = None) -> None:
        return

    async def _subscribe(self, sid: str, payload: dict[str, Any]) -> dict[str, str]:
        async def emit() -> None:
            async for number, message in self._from(Route.SOCKETIO, payload["taskId"], payload["after"]):
                entry = {"sequence": number, "message": message}
                await self._socket_io.emit("log-entry", entry, to=sid, namespace="/log-streaming")

        self._start(emit())
        return {"taskId": payload["taskId"]}


class LyingWriter:
    """Acknowledges every line at once. Lines of the ``late`` numbers were written long ago, without anybody waiting."""

    name = "native"
    is_full = False

    def __init__(self, gateway: LyingGateway, late: frozenset[int]) -> None:
        self._gateway = gateway
        self._late = late

    async def write(self, check: DeliveryCheck) -> None:
        ago = 100 if check.written + 1 in self._late else 0
        number = check.write(time.monotonic() - ago)
        check.acknowledge(number, time.monotonic())
        self._gateway.put(check.task_id, number)

    async def end(self, check: DeliveryCheck) -> None:
        return

    def check(self) -> None:
        return

    async def close(self, timeout_seconds: float) -> None:
        return
