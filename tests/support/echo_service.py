"""Methods for tests of the gRPC server itself: what is received is kept, and answered."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gateway.grpc_server.interface import Call, Ending, Handler, Method
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.server import Http2Server
from gateway.grpc_server.status import GrpcStatus, RefusedError
from tests.support.raw_http2 import RawHttp2, data, grpc_message

__all__ = ["ECHO", "EchoHandler", "EchoService", "good_call", "serving"]

ECHO = "/test.Echo/Stream"


@dataclass(eq=False)
class EchoHandler:
    """Answers every message with itself, unless it is told not to; ends the call when the peer has ended."""

    call: Call
    service: "EchoService"
    received: list[bytes] = field(default_factory=list)
    ending: Ending | None = None
    drained: bool = False
    largest_group: int = 0

    def receive(self, messages: Sequence[bytes]) -> None:
        self.received += messages
        self.largest_group = max(self.largest_group, len(messages))
        if self.service.on_message is not None:
            self.service.on_message(self, messages)
        if self.service.is_echoing:
            self.call.send(messages)
        self.service.notify()

    def finish(self, ending: Ending) -> None:
        self.ending = ending
        if self.service.ends_calls:
            self.call.end(GrpcStatus.OK)
        self.service.notify()

    def drain(self) -> None:
        self.drained = True
        self.call.end(GrpcStatus.UNAVAILABLE, "stopping", [("when", "later")])
        self.service.notify()


class EchoService:
    """One streaming method; a call with the metadata ``token: bad`` is refused.

    Attributes:
        handlers: of the calls that were admitted, in order.
        opened: how many calls were asked to be admitted.
        gate: calls are admitted while it is set.
        on_message: called with a handler and what it received.
    """

    def __init__(self, *, message_bytes_max: int = 1 << 20, seconds_max: float = 0.0) -> None:
        self.handlers: list[EchoHandler] = []
        self.opened = 0
        self.is_echoing = True
        self.ends_calls = True
        self.on_message: Callable[[EchoHandler, Sequence[bytes]], None] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.method = Method(ECHO, self._open, message_bytes_max, seconds_max=seconds_max)
        self._changed = asyncio.Event()

    async def _open(self, call: Call) -> Handler:
        self.opened += 1
        self.notify()
        await self.gate.wait()
        if ("token", "bad") in call.metadata:
            raise RefusedError(GrpcStatus.UNAUTHENTICATED, "no good token")
        handler = EchoHandler(call, self)
        self.handlers.append(handler)
        self.notify()
        return handler

    def notify(self) -> None:
        self._changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something that a handler was notified of has made a condition true."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def handler(self, number: int = 0) -> EchoHandler:
        """The handler of a call, once it is there."""
        await self.until(lambda: len(self.handlers) > number)
        return self.handlers[number]


@asynccontextmanager
async def serving(
    service: EchoService, limits: ServerLimits | None = None, *, tls: ssl.SSLContext | None = None, **options: Any
) -> AsyncIterator[tuple[Http2Server, int]]:
    """A server with this method, and its port."""
    server = Http2Server([service.method], limits, **options)
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setblocking(False)
    port = listening.getsockname()[1]
    await server.start([listening], tls)
    try:
        yield server, port
    finally:
        server.drain()
        server.abort()
        async with asyncio.timeout(10):
            await server.wait_empty()
        server.close()


async def good_call(client: RawHttp2, stream_id: int) -> None:
    """The connection still serves."""
    client.open(stream_id, ECHO)
    client.send(data(stream_id, grpc_message(b"good"), end=True))
    assert (await client.ended(stream_id))["grpc-status"] == "0"
    assert client.body(stream_id) == grpc_message(b"good")
