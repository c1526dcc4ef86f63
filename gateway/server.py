"""The HTTP server: uvicorn on sockets of ours, with signals of ours, stopped in two steps."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import ApiError, error_response
from gateway.ingest.address import ListenError
from gateway.request_head import HEAD_BYTES_MAX, guarded
from sessions.close_reasons import CloseReason

__all__ = ["HttpServer", "HttpTls"]

_KEEP_ALIVE_SECONDS: Final = 65
"""Longer than what proxies keep idle connections for (nginx: 60 s), so that they do not write into a closed one."""
_WEBSOCKET_MESSAGE_BYTES: Final = 1 << 20
"""Of what clients send; they send filters and acknowledgements."""


@dataclass(frozen=True, slots=True)
class HttpTls:
    """Certificate chain and private key, as files in PEM."""

    certificate: Path
    private_key: Path


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again after ``serve()``, before anything else is closed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Tell when it serves."""
        await super().startup(sockets)
        self.is_started.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _CutOff:
    """Answers a request that uvicorn cuts off at the end of its grace; uvicorn would log it as an error of ours.

    That is one whose client does not send the rest of it, or a page that takes very long.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.is_stopping = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched if scope["type"] == "http" else send)
        except asyncio.CancelledError:
            if not self.is_stopping:
                raise
            if scope["type"] == "http" and not has_begun:
                refusal = ApiError("UNAVAILABLE", CloseReason.SERVER_SHUTDOWN.text, retry_after_seconds=1)
                await error_response(refusal)(scope, receive, send)


class HttpServer:
    """Serves one application on sockets that listen already.

    Args:
        app: the application; its lifespan is not used.
        sockets: what ``gateway.listening.listen`` made; closed with the server.
        http_protocol: uvicorn's HTTP protocol class, or one made of it.
        websocket_protocol: the same for WebSockets.
        tls: None: plain HTTP.
        trusted_proxies: addresses whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        grace_seconds: how long responses may go on after ``stop`` was called.

    Raises:
        ListenError: the certificate or its key cannot be used.
    """

    def __init__(
        self,
        app: ASGIApp,
        sockets: list[socket.socket],
        *,
        http_protocol: type[asyncio.Protocol],
        websocket_protocol: type[asyncio.Protocol] | None = None,
        tls: HttpTls | None = None,
        trusted_proxies: Sequence[str] = (),
        grace_seconds: float = 10.0,
    ) -> None:
        self._sockets = sockets
        self._grace_seconds = grace_seconds
        self._app = _CutOff(app)
        config = uvicorn.Config(
            self._app,
            http=guarded(http_protocol),
            ws=websocket_protocol or "auto",
            ws_max_size=_WEBSOCKET_MESSAGE_BYTES,
            ws_per_message_deflate=False,  # 54 KB a connection against 15
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            server_header=False,
            headers=[("X-Content-Type-Options", "nosniff")],
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.private_key if tls else None,
        )
        try:
            config.load()
        except (OSError, ssl.SSLError) as error:
            where = f"{tls.certificate} and {tls.private_key}" if tls else "the certificate"
            raise ListenError(f"cannot use {where} for HTTPS: {error.strerror or error}") from error
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<HttpServer {self.ports} {self.connections} connections>"

    @property
    def ports(self) -> tuple[int, ...]:
        """Where it listens, each once; empty after it has stopped."""
        return tuple(dict.fromkeys(s.getsockname()[1] for s in self._sockets if s.fileno() >= 0))

    @property
    def connections(self) -> int:
        """Open connections that speak HTTP; a WebSocket is none any more."""
        return len(self._server.server_state.connections)

    async def start(self) -> asyncio.Task[None]:
        """Serve; the task that does so, which ends after ``stop`` or because something went wrong."""
        self._task = asyncio.create_task(self._server.serve(self._sockets), name="http-server")
        started = asyncio.create_task(self._server.is_started.wait())
        await asyncio.wait({self._task, started}, return_when=asyncio.FIRST_COMPLETED)
        if started.cancel():
            await self._task  # it ended before it served, so this raises
        return self._task

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open go on. Idempotent."""
        for server in getattr(self._server, "servers", ()):
            server.close()

    async def stop(self) -> None:
        """Let running responses end for at most the grace time, then close; idempotent."""
        task, self._task = self._task, None
        if task is None:
            return
        self._app.is_stopping = True
        self._server.should_exit = True
        if self._grace_seconds == 0:
            self._server.force_exit = True
        await task
