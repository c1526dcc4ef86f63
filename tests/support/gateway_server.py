"""A gateway's streaming side in the test's own process: a real server on a real port, over a scripted history."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Mount

from filters.block import Block
from gateway.errors import ApiError, error_response
from gateway.http.connection import http_protocol_class
from gateway.http.websocket import FramedWebSocketProtocol
from gateway.transports.server_figures import ServerFigures
from gateway.transports.socket_io.server import SocketIoLimits, SocketIoServer
from gateway.transports.sse.pipelines import pipeline_routes
from gateway.transports.sse.updates import update_routes
from sessions.hub import Hub
from sessions.limits import Limits
from sessions.pipelines import PipelineHub, PipelineLimits
from sessions.updates import UpdateHub, UpdateLimits
from tests.support.scripted_history import Commit, Ended, ScriptedHistory
from tests.support.scripted_stages import ScriptedStages
from tests.support.waiting import until


@dataclass(frozen=True)
class Principal:
    subject: str = "tester"
    tasks: frozenset[str] | None = None
    expires_at: float | None = None

    @property
    def is_limited(self) -> bool:
        return self.tasks is not None

    def allows(self, scope: str, *, task_id: str | None = None) -> bool:
        return task_id is None or self.tasks is None or task_id in self.tasks

    def require(self, scope: str, *, task_id: str | None = None, pipeline_id: str | None = None) -> None:
        named = task_id or pipeline_id
        if named is not None and self.tasks is not None and named not in self.tasks:
            raise ApiError("PERMISSION_DENIED", "the token does not allow this")


@dataclass
class Tokens:
    """Knows tokens; without any, everybody may come in."""

    principals: dict[str, Principal] = field(default_factory=dict)

    async def authenticate(self, token: str | None) -> Principal:
        if not self.principals:
            return Principal()
        if token not in self.principals:
            raise ApiError("UNAUTHENTICATED", "no token, or one that does not verify")
        return self.principals[token]

    async def principal_of(self, connection: HTTPConnection) -> Principal:
        bearer = connection.headers.get("authorization", "").removeprefix("Bearer ")
        return await self.authenticate(bearer or connection.cookies.get("otto_session"))


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class GatewayServer:
    """``commit``, ``end`` and ``progress`` store and publish as the journal does."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        socket_io_limits: SocketIoLimits | None = None,
        pipeline_limits: PipelineLimits | None = None,
        cors_origins: Sequence[str] = (),
        wrap: Callable[[Any], Any] = lambda app: app,
    ) -> None:
        self.history = ScriptedHistory()
        self.stages = ScriptedStages()
        self.hub = Hub(self.history, limits or Limits())
        self.pipelines = PipelineHub(self.stages, pipeline_limits, admission=self.hub.admission)
        self.updates = UpdateHub(UpdateLimits(merge_seconds=0.02), admission=self.hub.admission)
        self.tokens = Tokens()
        self.socket_io = SocketIoServer(
            self.hub,
            self.pipelines,
            self.tokens,
            server_stats=lambda: ServerFigures(len(self.hub.sessions), 0.0, 0.0, 0.0, 0.0, 0, 0),
            cors_origins=cors_origins,
            limits=socket_io_limits,
        )

        self.updates.add_listener(self.socket_io.updated)

        async def refuse(_request: Request, error: Exception) -> Response:
            assert isinstance(error, ApiError)
            return error_response(error)

        app = Starlette(
            routes=[
                *pipeline_routes(self.pipelines, self.tokens),
                *update_routes(self.updates, self.tokens),
                Mount("/socket.io", app=self.socket_io),
            ],
            exception_handlers={ApiError: refuse},
        )
        # With a protocol of 0 asyncio would not switch Nagle's algorithm off for what is accepted.
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 << 10)  # inherited by what is accepted
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        config = uvicorn.Config(
            wrap(app),
            http=http_protocol_class(),
            ws=FramedWebSocketProtocol,
            log_config=None,
            lifespan="off",
            ws_ping_interval=None,
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=5,
        )
        self._server = _Server(config)
        self._serving: asyncio.Task[None] | None = None

    @property
    def connections(self) -> set[Any]:
        """The protocols of all connections that are open."""
        return self._server.server_state.connections

    async def __aenter__(self) -> "GatewayServer":
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        await until(lambda: self._server.started, "the server listens")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for scripted in (self.history, self.stages):
            scripted.gate.set()
            scripted.error = None
        await self.hub.close()
        self.pipelines.close()
        self.updates.close()
        await self.socket_io.close()
        self._server.should_exit = True
        assert self._serving is not None
        await self._serving
        self._listener.close()

    def commit(self, *blocks: Block) -> None:
        self.history.store(*blocks)
        self.hub.publish(Commit(blocks))

    def end(self, task_id: str, status: str = "COMPLETED") -> None:
        ended = Ended(task_id, len(self.history.entries.get(task_id, ())), status)
        self.history.ends[task_id] = ended
        self.hub.publish(Commit(ended=(ended,)))

    def progress(self, pipeline_id: str, stage_id: str, document: bytes = b'{"status":"RUNNING"}') -> None:
        self.pipelines.publish([self.stages.store(pipeline_id, stage_id, document)])
