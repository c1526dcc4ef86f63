"""The log stream of one task over Server-Sent Events."""

import asyncio
import random
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateway.auth import Authenticator
from gateway.errors import ApiError, error_response
from gateway.http.connection import Connection, connection_of
from gateway.quota import Lease, Quota
from gateway.routing.operation import DescribedRoute
from gateway.routing.path_parameters import path_identifier
from gateway.transports.sse.encoding import Chunk, GzipChecksum, SseEncoding, event_text, negotiate
from gateway.transports.sse.openapi import STREAM_LOG
from gateway.transports.stream_request import filter_of, is_named, start_of
from sessions.admission import ServerFullError
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.notices import Notice, StreamError
from sessions.subscription import After, Subscription
from sessions.transport import EncodedBatch

__all__ = ["sse_routes"]

PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}/stream"
RETRY_MILLISECONDS: Final = (1_000, 3_000)
"""How long a browser waits before it reconnects; randomised, so that clients do not reconnect all at once."""
RETRY_AFTER_SHUTDOWN_MILLISECONDS: Final = (1_000, 10_000)
RETRY_AFTER_FULL_SECONDS: Final = (5, 30)
END_SECONDS: Final = 2.0
"""How long the end of a response may wait for a client that does not read."""


class SseTransport:
    """Writes shared chunks to one connection; what is pending there is bounded by its high-water mark and one run."""

    kind = "sse"

    def __init__(self, connection: Connection, encoding: SseEncoding) -> None:
        self._connection = connection
        self._encoding = encoding
        self._checksum = GzipChecksum() if encoding.content_encoding == "gzip" else None

    def __repr__(self) -> str:
        return f"<SseTransport {self._encoding.name} {self._connection!r}>"

    def open(self) -> None:
        """Write the first line of the body, which says when to come back; it belongs to the first event.

        A block of its own would be an event with empty data for clients that do not follow the standard there.
        """
        retry = random.randint(*RETRY_MILLISECONDS)  # noqa: S311 - jitter, not a secret
        self._write(self._encoding.opening(b"retry: %d\n" % retry))

    def write(self, run: EncodedBatch) -> bool:
        """Write a run."""
        return self._write(run.data)

    def notify(self, notice: Notice) -> bool:
        """Write a named event."""
        text = event_text(notice)
        if notice.payload == StreamError.of(CloseReason.SERVER_SHUTDOWN):
            text = b"retry: %d\n" % random.randint(*RETRY_AFTER_SHUTDOWN_MILLISECONDS) + text  # noqa: S311 - jitter
        return self._write(self._encoding.chunk(text))

    def end(self, reason: CloseReason) -> None:
        """The response ends in ``SseResponse``, which waits for the session."""
        self._connection.release()
        if reason is CloseReason.SESSION_TIMEOUT:
            self._connection.abort()  # it reads nothing, so it would not read the end either

    def trailer(self) -> bytes:
        """What has to follow the last chunk."""
        return self._checksum.trailer() if self._checksum is not None else b""

    def _write(self, chunk: Chunk) -> bool:
        if self._checksum is not None:
            self._checksum.add(chunk)
        return self._connection.write(chunk.wire)


class SseResponse(Response):
    """Head through ASGI, lines straight to the connection, end through ASGI."""

    def __init__(self, hub: Hub, subscription: Subscription, encoding: SseEncoding, lease: Lease) -> None:
        self._hub = hub
        self._lease = lease
        self._subscription = subscription
        self._encoding = encoding
        self.status_code = 200
        self.background = None
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-cache",
            "X-Accel-Buffering": "no",
            "Vary": "Accept-Encoding",
        }
        if encoding.content_encoding is not None:
            headers["Content-Encoding"] = encoding.content_encoding
        self.init_headers(headers)
        # Response.init_headers adds the length of a body that we do not have.
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream until the session ends or the client is gone."""
        try:
            await self._serve(scope, receive, send)
        finally:
            self._lease.leave()

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
            return
        connection = connection_of(scope)
        transport = SseTransport(connection, self._encoding)
        transport.open()
        try:
            session = self._hub.open(self._subscription, transport)
        except ServerFullError as error:  # others came in between the check and here
            transport.notify(Notice(StreamError(CloseReason.SERVER_FULL.code, str(error))))
            await send({"type": "http.response.body", "body": transport.trailer()})
            return
        connection.on_writable = session.resume
        connection.on_lost = lambda: session.close(CloseReason.CLIENT_GONE)
        try:
            await session.wait_closed()
            async with asyncio.timeout(END_SECONDS):
                await send({"type": "http.response.body", "body": transport.trailer()})
        except TimeoutError:
            connection.abort()
            while (await receive())["type"] != "http.disconnect":  # or the server would miss the response's end
                pass
        finally:
            session.close(CloseReason.CLIENT_GONE)


def sse_routes(
    hub: Hub, authenticator: Authenticator, *, enable_compression: bool = True, quota: Quota | None = None
) -> list[DescribedRoute]:
    """``GET /api/v1/log-streaming/logs/{taskId}/stream``."""
    leases = quota if quota is not None else Quota()

    async def stream(request: Request) -> Response:
        task_id = path_identifier(request.scope, PATH, "task_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", task_id=task_id)
        log_filter = filter_of(request.query_params.multi_items())
        start = start_of(request.query_params, request.headers)
        if isinstance(start, After) and start.position.end_seen and await _is_over(hub, task_id, start):
            return Response(status_code=204)  # the one status that stops EventSource from coming back
        try:
            hub.admission.check()
        except ServerFullError as error:
            return error_response(
                ApiError(
                    "SERVER_FULL",
                    f"the gateway holds as many sessions as it may ({error.limit})",
                    retry_after_seconds=random.randint(*RETRY_AFTER_FULL_SECONDS),  # noqa: S311 - jitter
                )
            )
        accepted = request.headers.get("accept-encoding", "") if enable_compression else ""
        user_agent = request.headers.get("user-agent", "")
        encoding = negotiate(accepted, is_named=is_named(request.query_params), user_agent=user_agent)
        subscription = Subscription(task_id, encoding, log_filter, start, principal.expires_at, principal.subject)
        address = request.client.host if request.client else None
        lease = leases.enter(principal=principal.subject, address=address)
        return SseResponse(hub, subscription, encoding, lease)

    return [DescribedRoute(PATH, stream, STREAM_LOG)]


async def _is_over(hub: Hub, task_id: str, start: After) -> bool:
    """Whether the client has seen the end of the task, and nothing came after it."""
    position = start.position
    if not position.belongs_to(hub.epoch):
        return False
    try:
        state = await hub.history.task_state(task_id)
    except hub.history_errors as error:
        raise ApiError("UNAVAILABLE", "the journal cannot be read at the moment", retry_after_seconds=2) from error
    if position.epoch and position.sequence > state.last:
        return False  # the journal went back in time: see Session._starting_position
    return state.ended is not None and position.sequence >= state.last
