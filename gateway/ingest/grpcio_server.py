"""The same methods on grpcio's server, for one release: ``GRPC_SERVER=grpcio``.

A task of grpcio carries each call: it reads messages into the handler, and writes what the handler sends. Every method
is registered as a stream over bytes, so that nothing is read before the call was admitted.
"""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeAlias

import grpc
import structlog

from gateway.addresses import peer_address
from gateway.grpc_server.interface import ByteLease, Ending, Handler, Metadata, Method
from gateway.grpc_server.limits import ServerLimits
from gateway.grpc_server.status import OWN_FAULT, GrpcStatus, Headers, RefusedError
from gateway.ingest.tls import Tls

__all__ = ["GrpcioServer"]

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"

_BREAK_SHOWS_AFTER_SECONDS: Final = 0.01
_SETTLE_SECONDS: Final = 5.0
_STATUSES: Final = {code.value[0]: code for code in grpc.StatusCode}

_log = structlog.get_logger(__name__)


class GrpcioServer:
    """Carries methods on ``grpc.aio``.

    Args:
        methods: what is served.
        limits: as far as grpcio can be notified of them.
    """

    def __init__(self, methods: Iterable[Method], limits: ServerLimits) -> None:
        self._methods = {method.path: method for method in methods}
        message_bytes_max = max(method.message_bytes_max for method in self._methods.values())
        self._limits = limits
        self._calls: set[_GrpcioCall] = set()
        self._public_calls = 0
        self._is_draining = False
        self._server = grpc.aio.server(options=_options(limits, message_bytes_max))
        self._server.add_generic_rpc_handlers((_Handlers(self._methods, self._serve),))

    def __repr__(self) -> str:
        return f"<GrpcioServer {len(self._calls)} calls>"

    def listen(self, address: str, tls: Tls | None, renewed: Callable[[], Tls | None]) -> int:
        """Bind; the port.

        Raises:
            RuntimeError: grpcio does not say why it cannot.
        """
        if tls is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, tls.credentials(renewed))

    async def start(self) -> None:
        """Serve."""
        await self._server.start()

    async def stop(self, grace: float | None) -> None:
        """End open calls, and abort the remaining calls after ``grace`` seconds."""
        self._is_draining = True
        for call in tuple(self._calls):
            call.drain()
        await self._server.stop(grace)

    async def _serve(self, method: Method, context: Context) -> None:
        if method.is_public and self._public_calls >= (1 + method.is_brief) * self._limits.public_calls_max:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls without credentials are open")
        call = _GrpcioCall(context, self._limits, method.message_bytes_max)
        self._public_calls += method.is_public
        self._calls.add(call)
        try:
            async with asyncio.timeout(method.seconds_max or None):
                await self._carry(method, call)
        except TimeoutError:
            call.break_off()
            await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, f"it took longer than {method.seconds_max:g} s")
        finally:
            self._public_calls -= method.is_public
            self._calls.discard(call)

    async def _carry(self, method: Method, call: "_GrpcioCall") -> None:
        try:
            async with asyncio.timeout(self._limits.open_seconds_max):
                handler = await method.open(call)
        except RefusedError as error:
            call.end(error.status, error.text, error.metadata)
            await call.write()
            return
        except TimeoutError:
            call.end(GrpcStatus.DEADLINE_EXCEEDED, "it was not admitted in time")
            await call.write()
            return
        except grpc.aio.BaseError:
            raise
        except Exception:  # noqa: BLE001 - the edge
            _log.exception("RPC failed")
            call.end(GrpcStatus.INTERNAL, OWN_FAULT)
            await call.write()
            return
        await call.run(handler, is_draining=self._is_draining)


class _Handlers(grpc.GenericRpcHandler):
    """Finds the method of a call."""

    def __init__(self, methods: dict[str, Method], serve: Callable[[Method, Context], Awaitable[None]]) -> None:
        self._methods = methods
        self._serve = serve

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """The handler of a call, over bytes; None: there is no such method."""
        method = self._methods.get(str(handler_call_details.method))
        if method is None:
            return None

        async def handle(_requests: object, context: Context) -> None:
            await self._serve(method, context)

        return grpc.stream_stream_rpc_method_handler(handle)


class _GrpcioCall:
    """Implements ``grpc_server.interface.Call``."""

    def __init__(self, context: Context, limits: ServerLimits, message_bytes_max: int) -> None:
        self._context = context
        self._message_bytes_max = message_bytes_max
        self._limits = limits
        self._handler: Handler | None = None
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._status: tuple[GrpcStatus, str, Headers] | None = None
        self._wake = asyncio.Event()
        self._may_read = asyncio.Event()
        self._may_read.set()
        self._is_paused = self._is_gone = False
        self._settling: asyncio.TimerHandle | None = None
        self._writer: asyncio.Task[object] | None = None

    @property
    def metadata(self) -> Metadata:
        """What the client sent beside its messages."""
        return tuple(self._context.invocation_metadata() or ())

    @property
    def address(self) -> str:
        """The address of the peer."""
        return peer_address(self._context.peer())

    def send(self, messages: Sequence[bytes]) -> None:
        """Send messages."""
        if self._is_gone or self._status is not None:
            return
        self._unsent += messages
        self._unsent_bytes += sum(map(len, messages))
        self._regulate()
        self._wake.set()

    def count_bytes(self, lease: ByteLease) -> None:
        """Grpcio shows messages only once they are complete, and limits what it holds of others itself."""

    def pause(self) -> None:
        """Read nothing more for now."""
        self._is_paused = True
        self._regulate()

    def resume(self) -> None:
        """Read again."""
        self._is_paused = False
        self._regulate()

    def end(self, status: GrpcStatus, text: str = "", metadata: Headers = ()) -> None:
        """End the call; a peer that does not take its answers is not waited for."""
        if self._status is None:
            self._status = status, text, metadata
            self._wake.set()
            if self._writer is not None:
                self._settling = asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self._writer.cancel)

    def drain(self) -> None:
        """The server stops."""
        if self._handler is not None and self._status is None:
            self._handler.drain()

    def break_off(self) -> None:
        """The caller has disconnected."""
        self._is_gone = True
        if self._handler is not None and self._status is None:
            self._handler.finish(Ending.BROKEN)

    async def run(self, handler: Handler, *, is_draining: bool) -> None:
        """Read and write until the handler has ended the call."""
        self._handler = handler
        self._writer = asyncio.current_task()
        reader = asyncio.create_task(self._read(handler))
        try:
            if is_draining:
                handler.drain()
            await self.write()
        except asyncio.CancelledError:
            self.break_off()
            raise
        finally:
            if self._settling is not None:
                self._settling.cancel()
            reader.cancel()
            await asyncio.wait([reader])

    async def write(self) -> None:
        """Write what the handler sends, then the status."""
        context = self._context
        while True:
            while self._unsent:
                messages, self._unsent = self._unsent, []
                for message in messages:
                    await context.write(message)
                    self._unsent_bytes -= len(message)
                self._regulate()
            if self._status is not None:
                break
            await self._wake.wait()
            self._wake.clear()
        status, text, metadata = self._status
        if metadata:
            context.set_trailing_metadata(tuple(_decoded(*field) for field in metadata))
        if status is not GrpcStatus.OK:
            await context.abort(_STATUSES[int(status)], text)

    async def _read(self, handler: Handler) -> None:
        try:
            while True:
                await self._may_read.wait()
                message: Any = await self._context.read()
                if message is grpc.aio.EOF:
                    # A break shows as an end first, and as a cancellation a moment later.
                    await asyncio.sleep(_BREAK_SHOWS_AFTER_SECONDS)
                    handler.finish(Ending.HALF_CLOSED)
                    return
                if len(message) > self._message_bytes_max:
                    self._refuse_size(len(message))
                    handler.finish(Ending.BROKEN)
                    return
                handler.receive([message])
        except RefusedError as error:
            self.end(error.status, error.text)
        except grpc.aio.BaseError:
            return  # the call is over
        except Exception:  # noqa: BLE001 - the edge
            _log.exception("RPC failed")
            self.end(GrpcStatus.INTERNAL, OWN_FAULT)

    def _refuse_size(self, size: int) -> None:
        """The limit of the server is that of the method that takes the largest messages."""
        text = f"a message of {size} bytes; at most {self._message_bytes_max} are taken"
        self.end(GrpcStatus.RESOURCE_EXHAUSTED, text)

    def _regulate(self) -> None:
        if self._is_paused or self._unsent_bytes > self._limits.unsent_bytes_max:
            self._may_read.clear()
        else:
            self._may_read.set()


def _decoded(name: str, value: str) -> tuple[str, str | bytes]:
    """A field of metadata as grpcio takes it: what is binary before it is encoded."""
    return name, base64.b64decode(value + "==") if name.endswith("-bin") else value


def _options(limits: ServerLimits, message_bytes_max: int) -> list[tuple[str, int]]:
    return [
        ("grpc.so_reuseport", 0),  # on by default, and then a taken port goes unnoticed
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_concurrent_streams", limits.streams_max),
        # Room for the longest token; what is longer is refused by gRPC, always and not by chance as between its two
        # limits of 8 and 16 KB.
        ("grpc.max_metadata_size", limits.header_bytes_max),
        ("grpc.absolute_max_metadata_size", limits.header_bytes_max),
        # A client that connects and says nothing, and one that has not called for a while.
        ("grpc.server_handshake_timeout_ms", round(limits.handshake_seconds_max * 1000)),
        ("grpc.max_connection_idle_ms", round(limits.idle_seconds_max * 1000)),
        # A dead peer is noticed within 80 s; TCP alone would take hours.
        ("grpc.keepalive_time_ms", round(limits.keepalive_seconds * 1000)),
        ("grpc.keepalive_timeout_ms", round(limits.keepalive_timeout_seconds * 1000)),
        ("grpc.keepalive_permit_without_calls", 1),
        # Clients ping every 10 s at the fastest (Go's least); a server that wants longer pauses cuts them off.
        ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
    ]
