"""Streams of few events, an event at a time; sse-starlette sends them, and ends with the client."""

import random
from collections.abc import AsyncIterator
from typing import Final, Protocol

from sse_starlette.sse import AppStatus, EventSourceResponse, SendTimeoutError
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from filters.timestamps import now
from gateway.errors import ApiError, error_response
from gateway.quota import Lease
from gateway.transports.sse.encoding import event_bytes
from sessions.admission import ServerFullError
from sessions.close_reasons import CloseReason
from sessions.notices import Heartbeat, Notice, StreamError

__all__ = ["EventResponse", "closing_event", "full_response", "heartbeat_event", "keep_streams_to_their_hubs"]

RETRY_MILLISECONDS: Final = (1_000, 3_000)
"""How long a browser waits before it reconnects; randomised, so that clients do not reconnect all at once."""
RETRY_AFTER_SHUTDOWN_MILLISECONDS: Final = (1_000, 10_000)
RETRY_AFTER_FULL_SECONDS: Final = (5, 30)
"""When a client that was refused may try again."""


class EventSession(Protocol):
    """Who the stream is for."""

    def close(self, reason: CloseReason) -> None:
        """End it; idempotent."""
        ...


class EventResponse(EventSourceResponse):
    """Ends when the session does; the library's own pings are off, its per-send timeout drops clients that hang."""

    def __init__(
        self, events: AsyncIterator[bytes], session: EventSession, lease: Lease, *, timeout_seconds: float
    ) -> None:
        super().__init__(
            _with_retry(events),
            headers={"Cache-Control": "no-cache"},
            ping=0,
            sep="\n",
            send_timeout=timeout_seconds,
        )
        self._session = session
        self._lease = lease

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream until the session ends or the client is gone."""
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            self._session.close(CloseReason.SESSION_TIMEOUT)
        finally:
            self._session.close(CloseReason.CLIENT_GONE)
            self._lease.leave()


def keep_streams_to_their_hubs() -> None:
    """The hubs end the streams, and say why; the library would cut them off when it sees uvicorn stop."""
    AppStatus.disable_automatic_graceful_drain()


def heartbeat_event() -> bytes:
    """What breaks a silence."""
    return _event(Notice(Heartbeat(now())))


def closing_event(reason: CloseReason | None) -> bytes | None:
    """The last event of a client; None if it has gone itself."""
    if reason is None or reason is CloseReason.CLIENT_GONE:
        return None
    is_shutdown = reason is CloseReason.SERVER_SHUTDOWN
    retry = random.randint(*RETRY_AFTER_SHUTDOWN_MILLISECONDS) if is_shutdown else None  # noqa: S311 - jitter
    return _event(Notice(StreamError.of(reason)), retry)


def full_response(error: ServerFullError) -> Response:
    """The answer if there are as many sessions as there may be."""
    wait = random.randint(*RETRY_AFTER_FULL_SECONDS)  # noqa: S311 - jitter, not a secret
    return error_response(ApiError("SERVER_FULL", str(error), retry_after_seconds=wait))


async def _with_retry(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    # A line of the first event: a block without data would be an event for clients that do not follow the standard.
    yield b"retry: %d\n" % random.randint(*RETRY_MILLISECONDS)  # noqa: S311 - jitter, not a secret
    async for event in events:
        yield event


def _event(notice: Notice, retry: int | None = None) -> bytes:
    return event_bytes(notice.payload.event, notice.json(), retry_milliseconds=retry)
