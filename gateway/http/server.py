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
from gateway.http.request_limits import HEAD_BYTES_MAX, RequestLimits, guarded
from gateway.http.sockets import ListenError
from sessions.close_reasons import CloseReason

__all__ = ["HttpServer", "HttpTls"]

_WEBSOCKET_MESSAGE_BYTES: Final = 1 << 20
"""Of what clients send; they send filters and acknowledgements."""


@dataclass(frozen=True, slots=True)
class HttpTls:
    """Certificate chain, private key, and the authority whose client certificates are asked for, as files in PEM."""

    certificate: Path
    private_key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """What connections are made with, TLS 1.2 or newer.

        Raises:
            ListenError: one of the files cannot be used.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load(context)
        if self.client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            with _explained(f"{self.client_ca} for client certificates"):
                context.load_verify_locations(self.client_ca)
        return context

    def load(self, context: ssl.SSLContext) -> None:
        """Give a context the certificate and key as they are now; connections that are open keep theirs.

        Raises:
            ListenError: they cannot be used, and the context is as it was.
        """
        with _explained(f"{self.certificate} and {self.private_key} for HTTPS"):
            # Tried on another context first: OpenSSL would keep a certificate whose key does not fit it.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.private_key)
            context.load_cert_chain(self.certificate, self.private_key)


@contextlib.contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        raise ListenError(f"cannot use {what}: {error.strerror or error}") from error


class _Server(uvicorn.Server):
    """Leaves signals alone: uvicorn would raise them again after ``serve()``, before anything else is closed."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Notify that it serves."""
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
        sockets: what ``gateway.http.sockets.listen`` made; closed with the server.
        http_protocol: uvicorn's HTTP protocol class, or one made of it.
        websocket_protocol: the same for WebSockets.
        tls: None: plain HTTP.
        trusted_proxies: addresses whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.
        grace_seconds: how long responses may continue after ``stop`` was called.
        keep_alive_seconds: how long a connection may be idle between two requests.
        request_limits: what is asked of requests before the application sees them.

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
        keep_alive_seconds: float = 65.0,
        request_limits: RequestLimits | None = None,
    ) -> None:
        self._sockets = sockets
        self._grace_seconds = grace_seconds
        self._app = _CutOff(app)
        config = uvicorn.Config(
            self._app,
            http=guarded(http_protocol, request_limits),
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
            timeout_keep_alive=keep_alive_seconds,  # type: ignore[arg-type] # it is handed to call_later
            timeout_graceful_shutdown=max(1, round(grace_seconds)),
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        )
        config.load()
        self._tls = tls
        config.ssl = tls.context() if tls else None
        self._config = config
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<HttpServer {self.ports} {self.connections} connections>"

    @property
    def ports(self) -> tuple[int, ...]:
        """The addresses it listens on, without duplicates; empty after it has stopped."""
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

    def reload_certificates(self) -> None:
        """Use the certificate and key as they are on the disk now, for new connections.

        Raises:
            ListenError: they cannot be used, and those from before still are.
        """
        if self._tls is not None and self._config.ssl is not None:
            self._tls.load(self._config.ssl)

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open continue. Idempotent."""
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
