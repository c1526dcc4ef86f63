"""A scriptable peer for producers: takes the native wire, stores in memory, and misbehaves on demand."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import grpc
from otto.logs.v1 import logs_pb2, logs_pb2_grpc

from tests.support.waiting import time_limit

__all__ = ["IngestPeer", "Script"]


@dataclass
class Script:
    """How one stream goes wrong. Counts are of numbered requests on that stream.

    refuse: abort before the Hello is answered. store_then_cut: cut after storing the n-th and before acknowledging it.
    cut_before: cut when the n-th arrives, without storing it. end_with: the status of a cut.
    pushback_ms: how long a producer is asked to stay away.
    silent: answer nothing at all, not even the Hello. withhold: acknowledge nothing after the Hello.
    """

    refuse: tuple[grpc.StatusCode, str] | None = None
    store_then_cut: int | None = None
    cut_before: int | None = None
    end_with: tuple[grpc.StatusCode, str] = (grpc.StatusCode.UNAVAILABLE, "cut by the script")
    silent: bool = False
    withhold: bool = False
    pushback_ms: int = 0


@dataclass
class IngestPeer(logs_pb2_grpc.LogIngestServiceServicer):
    """Stores every number once, like the gateway, and refuses holes, like the gateway."""

    credit_lines: int = 20_000
    wait_ms: int = 0
    scripts: deque[Script] = field(default_factory=deque)
    requests: list[logs_pb2.PublishRequest] = field(default_factory=list, repr=False)
    last_numbers: dict[str, int] = field(default_factory=dict)
    hellos: list[logs_pb2.Hello] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    duplicates: int = 0
    in_flight_most: int = 0
    problems: dict[int, logs_pb2.Problem] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.changed = asyncio.Condition()
        self.release = asyncio.Event()
        self.release.set()
        self._server: grpc.aio.Server | None = None
        self.port = 0
        self.streams_open = 0
        self.half_closed = 0

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> "IngestPeer":
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        logs_pb2_grpc.add_LogIngestServiceServicer_to_server(self, self._server)
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        await self._server.start()
        return self

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.stop(None)

    def lines(self, task_id: str | None = None) -> list[str]:
        """The stored messages, in order."""
        return [
            line.message.decode()
            for request in self.requests
            if task_id is None or request.lines.task_id == task_id
            for line in request.lines.lines
        ]

    def stored(self, kind: str) -> list[logs_pb2.PublishRequest]:
        return [request for request in self.requests if request.WhichOneof("item") == kind]

    async def until(self, predicate: Callable[[], bool]) -> None:
        async with time_limit("the producer does so", shown=lambda: self.requests[-3:]), self.changed:
            await self.changed.wait_for(predicate)

    async def Publish(  # noqa: N802
        self,
        request_iterator: AsyncIterator[logs_pb2.PublishRequest],
        context: "grpc.aio.ServicerContext[logs_pb2.PublishRequest, logs_pb2.PublishResponse]",
    ) -> AsyncIterator[logs_pb2.PublishResponse]:
        script = self.scripts.popleft() if self.scripts else Script()
        metadata = dict(context.invocation_metadata() or ())
        self.tokens.append(str(metadata["authorization"]) if "authorization" in metadata else None)
        if script.pushback_ms:
            context.set_trailing_metadata((("grpc-retry-pushback-ms", str(script.pushback_ms)),))
        if script.refuse is not None:
            await self._note()
            await context.abort(*script.refuse)
        hello = (await anext(aiter(request_iterator))).hello
        self.hellos.append(hello)
        await self._note()
        if script.silent:
            await asyncio.Event().wait()
        self.streams_open += 1
        try:
            yield self._response(self.last_numbers.get(hello.producer_id, 0))
            async for response in self._serve(hello.producer_id, request_iterator, context, script):
                yield response
        finally:
            self.streams_open -= 1
            await self._note()

    async def _serve(
        self,
        producer_id: str,
        requests: AsyncIterator[logs_pb2.PublishRequest],
        context: "grpc.aio.ServicerContext[logs_pb2.PublishRequest, logs_pb2.PublishResponse]",
        script: Script,
    ) -> AsyncIterator[logs_pb2.PublishResponse]:
        count = in_flight = 0
        async for request in requests:
            count += 1
            if count == script.cut_before:
                await context.abort(*script.end_with)
            last = self.last_numbers.get(producer_id, 0)
            if request.number > last + 1:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"`number` {request.number} is behind {last}")
            in_flight += len(request.lines.lines)
            self.in_flight_most = max(self.in_flight_most, in_flight)
            if request.number == last + 1:
                self.last_numbers[producer_id] = request.number
                self.requests.append(request)
            else:
                self.duplicates += 1
            await self._note()
            if count == script.store_then_cut:
                await context.abort(*script.end_with)
            if script.withhold:
                continue
            await self.release.wait()
            in_flight = 0
            problem = self.problems.get(request.number)
            yield self._response(self.last_numbers[producer_id], [problem] if problem else [])
        self.half_closed += 1

    def _response(self, number: int, problems: list[logs_pb2.Problem] | None = None) -> logs_pb2.PublishResponse:
        return logs_pb2.PublishResponse(
            acknowledged_number=number, credit_lines=self.credit_lines, wait_ms=self.wait_ms, problems=problems
        )

    async def _note(self) -> None:
        async with self.changed:
            self.changed.notify_all()
