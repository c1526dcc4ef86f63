"""The composition root: builds every part, in order, and stops them in order."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from components.automation.component import automation_of
from components.automation.metrics import AutomationCollector
from components.automation.routes import automation_routes
from components.batch_jobs.component import BatchJobsCollector, batch_jobs_of
from components.batch_jobs.routes import BATCH_PATH, batch_job_routes
from components.batch_jobs.routes import body_bytes_max as batch_body_bytes_max
from components.executions.routes import NODE_EXECUTION_PATH, body_bytes_max, execution_routes
from components.executions.script_routes import script_routes
from components.executions.tables import ExecutionStore
from components.executions.updates import publish_changes
from gateway.auth import auth_routes
from gateway.errors import ApiError, error_response
from gateway.history.routes import history_routes
from gateway.history.stages import stage_routes
from gateway.http.application import RequestLog, http_application
from gateway.http.connection import http_protocol_class
from gateway.http.middleware import HostGuard, SecurityHeaders
from gateway.http.server import HttpServer
from gateway.http.sockets import close_all, listen
from gateway.http.websocket import FramedWebSocketProtocol
from gateway.ingest.server import GrpcServer
from gateway.interface_docs.routes import description_routes
from gateway.monitoring.health import Health, Phase
from gateway.monitoring.health_routes import health_routes
from gateway.monitoring.metrics import GatewayCollector, Metrics, Sources
from gateway.monitoring.metrics_routes import metrics_routes
from gateway.monitoring.summary_stats import SAMPLE_SECONDS, SummaryStats
from gateway.polling.routes import polling_routes
from gateway.routing.operation import DescribedRoute
from gateway.settings.derived import (
    authenticator_of,
    grpc_tls,
    history_limits,
    http_tls,
    ingest_limits,
    pipeline_limits,
    quota_of,
    request_limits,
    retention_policy,
    session_limits,
    update_limits,
)
from gateway.settings.model import Settings, TableRowsChoice
from gateway.shutdown import Step, run_steps
from gateway.transports.socket_io.asyncapi import POLL, POST, SOCKET_IO
from gateway.transports.socket_io.server import PATH as SOCKET_IO_PATH
from gateway.transports.socket_io.server import SocketIoLimits, SocketIoServer
from gateway.transports.sse.log_stream import sse_routes
from gateway.transports.sse.pipelines import pipeline_routes
from gateway.transports.sse.updates import update_routes
from gateway.viewer.routes import page_routes
from sessions.admission import Admission
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.pipelines import PipelineHub
from sessions.updates import UpdateHub
from storage.errors import StorageError
from storage.journal.interface import Committed
from storage.journal.sqlite import SqliteJournal
from storage.polling import ClosingRows, PollingSink, PollingTable, RowImporter, TableRows
from storage.retention.worker import Retention, sweeps_of
from storage.sqlite.files import sqlite_path, wait_for_lock

__all__ = ["Gateway"]

_HISTORY_ERRORS: Final = (StorageError, OSError)
_STEP_SECONDS_MIN: Final = 1.0

_log = structlog.get_logger(__name__)


class Gateway:
    """A running gateway. Made by ``start``; belongs to the event loop that it was started on.

    Attributes:
        ports: the ports of HTTP, and last that of gRPC.
        routes: of HTTP; Socket.IO has its own path beside them.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stop_asked = asyncio.Event()
        self._committed_once = asyncio.Event()
        self.ports: tuple[int, ...] = ()
        self.routes: tuple[DescribedRoute, ...] = ()

    def __repr__(self) -> str:
        return f"<Gateway {self._settings.listen_host} ports={self.ports}>"

    @classmethod
    async def start(cls, settings: Settings) -> "Gateway":
        """Build and start every part.

        Raises:
            SettingsError: a credential is unusable.
            ListenError: a port is taken, an address or a certificate cannot be used.
            StorageError: a database cannot be used.
        """
        gateway = cls(settings)
        async with AsyncExitStack() as undo:
            await gateway._build(undo)
            undo.pop_all()
        return gateway

    async def _build(self, undo: AsyncExitStack) -> None:
        """Credentials and ports first: the most frequent errors at a start must not have made a database.

        Before the ports only the right to the database: a gateway that is still ending has given its ports back when
        it gives that one back.
        """
        settings = self._settings
        self._authenticator = authenticator = authenticator_of(settings)
        path = sqlite_path(settings.database_url)
        lock = await wait_for_lock(
            path,
            settings.lock_wait_seconds,
            on_wait=lambda: _log.warning(
                "waiting for another gateway on this database to end",
                database=str(path),
                seconds_max=settings.lock_wait_seconds,
            ),
        )
        undo.callback(lock.close)
        sockets = _listen(settings, undo)
        self._journal = journal = await SqliteJournal.open(
            path,
            lock=lock,
            durability=settings.durability,
            pending_bytes_max=settings.pending_bytes_max,
            retry_seconds_max=settings.storage_wait_seconds,
            gather_seconds=settings.commit_gather_ms / 1000,
        )
        undo.push_async_callback(journal.close)
        table = await PollingTable.open(settings.polling_database)
        undo.push_async_callback(table.close)
        self._table = table
        self._sink = sink = PollingSink(
            journal,
            table,
            closing_rows=ClosingRows(settings.closing_rows.value),
            table_rows=TableRows(settings.table_rows.value),
            lineage=journal.lineage,
        )
        undo.push_async_callback(sink.close)
        self._watcher = watcher = RowImporter(
            journal,
            table,
            interval_seconds=settings.table_rows_interval_seconds,
            message_bytes_max=settings.message_bytes_max,
        )
        undo.push_async_callback(watcher.close)
        self._executions = executions = await ExecutionStore.open(table.path, durability=settings.durability)
        undo.push_async_callback(executions.close)
        policy = retention_policy(settings)
        self._retention = retention = Retention(
            journal, sweeps_of(path, table, policy), policy, copied=lambda: sink.copied
        )
        undo.push_async_callback(retention.close)

        metrics = Metrics()
        connections, readers, producers = (quota_of(settings) for _ in range(3))
        admission = Admission(settings.max_connections)
        self._hub = hub = Hub(
            journal,
            session_limits(settings),
            admission=admission,
            observer=metrics,
            history_errors=_HISTORY_ERRORS,
        )
        self._pipelines = pipelines = PipelineHub(
            journal, pipeline_limits(settings), admission=admission, history_errors=_HISTORY_ERRORS
        )
        self._updates = updates = UpdateHub(update_limits(settings), admission=admission)
        executions.set_listener(lambda changes: publish_changes(updates, changes))
        journal.set_commit_observer(metrics.commit_latency)
        journal.set_commit_listener(
            _listeners(
                hub.publish,
                lambda committed: pipelines.publish(committed.progress),
                lambda _: sink.wake(),
                metrics.committed,
                lambda _: self._committed_once.set(),
            )
        )

        await authenticator.start()
        undo.push_async_callback(authenticator.close)
        self._grpc = grpc = GrpcServer(
            journal,
            authenticator,
            ingest_limits(settings),
            host=settings.listen_host,
            port=settings.grpc_port,
            tls=grpc_tls(settings),
            quota=producers,
            connections=quota_of(settings),
            carrier=settings.grpc_server,
        )
        self._health = Health(journal, sink, authenticator)
        self._socket_io = SocketIoServer(
            hub,
            pipelines,
            authenticator,
            server_stats=lambda: self._summary_stats.server_statistics(),
            cors_origins=settings.cors_origins,
            limits=SocketIoLimits(sockets_max=settings.max_connections),
            quota=readers,
        )
        updates.add_listener(self._socket_io.updated)
        sources = Sources(
            journal=journal,
            hub=hub,
            ingest=grpc,
            sink=sink,
            watcher=watcher,
            retention=retention,
            executions=executions,
            updates=updates,
            pipelines=pipelines,
            socket_io=self._socket_io,
            metrics=metrics,
            quotas=(connections, readers, producers),
        )
        metrics.registry.register(GatewayCollector(sources))
        self._batch = batch = batch_jobs_of(settings, journal, path)
        if batch is not None:
            undo.push_async_callback(batch.close)
            metrics.registry.register(BatchJobsCollector(batch))
        self._automation = automation = automation_of(settings, journal, path)
        if automation is not None:
            undo.push_async_callback(automation.close)
            metrics.registry.register(AutomationCollector(lambda: automation.statistics))
        self._summary_stats = SummaryStats(sources.totals, lambda: admission.active)
        routes = [
            *sse_routes(hub, authenticator, enable_compression=settings.enable_compression, quota=readers),
            *pipeline_routes(pipelines, authenticator, quota=readers),
            *update_routes(updates, authenticator, quota=readers),
            *history_routes(journal, authenticator, history_limits(settings)),  # behind the streams' longer paths
            *auth_routes(authenticator),
            *stage_routes(journal, authenticator),
            *polling_routes(table, authenticator, automation),
            *automation_routes(automation, authenticator),
            *execution_routes(executions, authenticator, value_bytes_max=settings.execution_value_bytes_max),
            *script_routes(executions, authenticator),
            *batch_job_routes(batch, authenticator, keywords_max=settings.batch_keywords_max),
            *health_routes(self._health, self._summary_stats, hub, authenticator),
            *metrics_routes(metrics.registry),
            *page_routes(),
        ]
        self.routes = (
            *routes,
            *description_routes(
                routes,
                channels=[SOCKET_IO],
                elsewhere=[(SOCKET_IO_PATH, POLL), (SOCKET_IO_PATH, POST)],
            ),
        )
        application = http_application(
            self.routes,
            cors_origins=settings.cors_origins,
            body_bytes_max=settings.http_body_bytes_max,
            body_bytes_max_of={
                NODE_EXECUTION_PATH: body_bytes_max(settings.execution_value_bytes_max),
                BATCH_PATH: batch_body_bytes_max(settings.batch_keywords_max),
            },
            on_error=metrics.error,
        )
        both = SecurityHeaders(HostGuard(_either(self._socket_io, application), settings.accepted_hosts))
        self._http = HttpServer(
            RequestLog(both) if settings.debug_mode else both,
            sockets,
            http_protocol=http_protocol_class(),
            websocket_protocol=FramedWebSocketProtocol,
            tls=http_tls(settings),
            trusted_proxies=settings.trusted_proxies,
            grace_seconds=settings.shutdown_grace_seconds,
            keep_alive_seconds=settings.keep_alive_seconds,
            request_limits=request_limits(settings, connections),
        )

        await sink.start()
        if settings.table_rows is not TableRowsChoice.OFF:
            watcher.start()
        retention.start()
        if batch is not None:
            batch.start()
        if automation is not None:
            await automation.start()
        undo.push_async_callback(grpc.stop, 0)
        grpc_port = await grpc.start()
        undo.push_async_callback(self._http.stop)
        self._serving = await self._http.start()
        self._sampling = asyncio.create_task(self._sample(), name="vitals")
        self._health.phase = Phase.SERVING
        self.ports = (*self._http.ports, grpc_port)

    def ask_to_stop(self) -> None:
        """Make ``run`` return; idempotent."""
        self._stop_asked.set()

    def reload_certificates(self) -> None:
        """Use the certificates as they are on the disk now, for connections that are still to come.

        Raises:
            ListenError: one cannot be used; it stays as it was.
        """
        self._http.reload_certificates()
        tls = grpc_tls(self._settings)
        if tls is not None:
            self._grpc.renew(tls)

    async def run(self) -> None:
        """Return when ``ask_to_stop`` was called.

        Raises:
            RuntimeError: the HTTP server has ended by itself.
        """
        asked = asyncio.create_task(self._stop_asked.wait())
        await asyncio.wait({asked, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if asked.cancel():
            raise RuntimeError("the HTTP server has ended by itself") from self._serving.exception()

    async def stop(self) -> bool:
        """Stop every part, in order; False where something was cut off. What was acknowledged is stored in any case."""
        seconds = max(self._settings.shutdown_grace_seconds, _STEP_SECONDS_MIN)
        grace = self._settings.shutdown_grace_seconds
        return await run_steps(
            [
                Step("say that it is not ready", self._say_not_ready, seconds),
                Step("take no new connections", self._stop_accepting, seconds),
                Step("end the streams, and tell their clients to come back", self._end_streams, seconds),
                Step("end the HTTP server", self._http.stop, 2 * seconds),
                Step("let producers have their answers, and end gRPC", lambda: self._grpc.stop(grace), 2 * seconds),
                Step("store the answer that a batch job waits for", self._end_batch_jobs, 2 * seconds),
                Step(
                    "end the stages that run, and store their last lines",
                    self._end_automation,
                    3 * seconds,
                ),
                Step("take over no more rows of other programs", self._watcher.close, seconds),
                Step("store what waits for a commit", self._flush_journal, seconds),
                Step("copy it to the polling tables", lambda: self._sink.close(grace), 2 * seconds),
                Step("store what is known of executions", lambda: self._executions.close(grace), 2 * seconds),
                Step("close the databases", self._close, seconds),
            ],
            seconds_max=self._settings.shutdown_seconds_max,
        )

    async def _say_not_ready(self) -> None:
        self._health.phase = Phase.STOPPING
        self._sampling.cancel()
        await self._retention.close()
        await self._grpc.set_serving(serving=False)

    async def _stop_accepting(self) -> None:
        self._http.stop_accepting()

    async def _end_streams(self) -> None:
        self._pipelines.close(CloseReason.SERVER_SHUTDOWN)
        self._updates.close(CloseReason.SERVER_SHUTDOWN)
        await asyncio.gather(
            self._hub.close(CloseReason.SERVER_SHUTDOWN),
            self._socket_io.close(self._settings.shutdown_grace_seconds / 2),
        )

    async def _end_batch_jobs(self) -> None:
        if self._batch is not None:
            await self._batch.close(self._settings.shutdown_grace_seconds)

    async def _end_automation(self) -> None:
        if self._automation is not None:
            await self._automation.close()

    async def _flush_journal(self) -> None:
        while self._journal.statistics.waiting_bytes:
            self._committed_once.clear()
            await self._committed_once.wait()

    async def _close(self) -> None:
        await self._authenticator.close()
        await self._journal.close()
        await self._table.close()

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self._summary_stats.sample()


def _listen(settings: Settings, undo: AsyncExitStack) -> list[socket.socket]:
    wanted = {"HTTP_PORT": settings.http_port, "WEBSOCKET_PORT": settings.websocket_port}
    if settings.http_port == settings.websocket_port != 0:
        del wanted["WEBSOCKET_PORT"]
    sockets: list[socket.socket] = []
    for name, port in wanted.items():
        made = listen(settings.listen_host, port, setting=name)
        undo.callback(close_all, made)
        sockets += made
    return sockets


def _listeners(*listeners: Callable[[Committed], None]) -> Callable[[Committed], None]:
    """Tell several of each commit; the trouble of one is not that of the others, and never that of the producer."""

    def tell(committed: Committed) -> None:
        for listener in listeners:
            try:
                listener(committed)
            except Exception:  # noqa: BLE001 - the journal's writer must not stop for a listener's mistake
                _log.exception("a commit listener failed")

    return tell


def _either(socket_io: ASGIApp, application: ASGIApp) -> ASGIApp:
    """Socket.IO below its path, everything else elsewhere."""

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        app = socket_io if scope["path"].startswith(SOCKET_IO_PATH) else application
        if scope["type"] == "websocket" and app is application:
            app = error_response(ApiError("NOT_FOUND", f"WebSockets are served below {SOCKET_IO_PATH} only"))
        await app(scope, receive, send)

    return dispatch
