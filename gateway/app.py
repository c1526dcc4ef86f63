"""The composition root: builds every part, in order, and stops them in order."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Final

from prometheus_client.core import GaugeMetricFamily

from filters.secret_shapes import ShapeRules
from gateway.auth import auth_routes
from gateway.cluster.joining import join_others
from gateway.component import Component, Core
from gateway.components import COMPONENTS, swept_rows
from gateway.databases import journal_location, lock_database, open_databases, polling_location
from gateway.history.routes import history_routes
from gateway.history.stages import stage_routes
from gateway.history.stored_logs import StoredLogs
from gateway.http.application import RequestLog, beside, http_application
from gateway.http.connection import http_protocol_class
from gateway.http.middleware import HostGuard, SecurityHeaders
from gateway.http.server import HttpServer
from gateway.http.sockets import listen_all
from gateway.http.websocket import FramedWebSocketProtocol
from gateway.hubs import make_hubs, notify_each, wake_each
from gateway.ingest.masking.metrics import mask_metrics
from gateway.ingest.masking.routes import mask_routes
from gateway.ingest.masking.task_masks import TaskMasks
from gateway.ingest.routes import ingest_routes
from gateway.ingest.server import GrpcServer
from gateway.interface_docs.routes import description_routes
from gateway.monitoring.health import Health, Phase
from gateway.monitoring.health_routes import health_routes
from gateway.monitoring.metrics import GatewayCollector, Metrics, Sources, grpc_server_metrics, lane_metrics
from gateway.monitoring.metrics_routes import metrics_routes
from gateway.monitoring.summary_stats import SAMPLE_SECONDS, SummaryStats
from gateway.polling.routes import polling_routes
from gateway.polling.task_logs import TaskLogs
from gateway.quota import Quota
from gateway.routing.operation import DescribedRoute
from gateway.settings import derived
from gateway.settings.consistency import is_postgres
from gateway.settings.model import Settings
from gateway.settings.values import TableRowsChoice
from gateway.shutdown import Step, run_steps
from gateway.tasks.routes import task_change_routes
from gateway.transports.socket_io.asyncapi import POLL, POST, SOCKET_IO
from gateway.transports.socket_io.server import PATH as SOCKET_IO_PATH
from gateway.transports.socket_io.server import SocketIoLimits, SocketIoServer
from gateway.transports.sse.log_stream import sse_routes
from gateway.transports.sse.pipelines import pipeline_routes
from gateway.transports.sse.updates import update_routes
from gateway.viewer.routes import missing_page, page_routes
from sessions.close_reasons import CloseReason
from storage.journal.interface import Committed

__all__ = ["Gateway"]

_STEP_SECONDS_MIN: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Quotas:
    connections: Quota
    readers: Quota
    producers: Quota


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
        self._to_wake: list[Callable[[], None]] = [self._committed_once.set]
        self._authenticator = derived.authenticator_of(settings)
        self._metrics = Metrics()
        self._quotas = _Quotas(*(derived.quota_of(settings) for _ in range(3)))
        self._components: list[Component] = []
        self._failure = ""
        self.ports: tuple[int, ...] = ()
        self.routes: tuple[DescribedRoute, ...] = ()

    def __repr__(self) -> str:
        return f"<Gateway {self._settings.listen_host} ports={self.ports}>"

    @classmethod
    async def start(cls, settings: Settings) -> "Gateway":
        """Build and start every part.

        Raises:
            SettingsError: a credential is unusable, or a component cannot run with the settings.
            ListenError: a port is taken, an address or a certificate cannot be used.
            StorageError: a database cannot be used.
        """
        gateway = cls(settings)
        async with AsyncExitStack() as undo:
            await gateway._build(undo)
            await gateway._start(undo)
            undo.pop_all()
        return gateway

    async def _build(self, undo: AsyncExitStack) -> None:
        """Credentials and ports first: the most frequent errors at a start must not have made a database.

        Before the ports only the right to the database: a gateway that is still ending has given its ports back when
        it gives that one back.
        """
        settings = self._settings
        for kind in COMPONENTS:
            kind.check(settings)
        lock = await lock_database(settings)
        if lock is not None:
            undo.callback(lock.close)
        sockets = self._listen(undo)
        self._databases = await open_databases(settings, lock, swept_rows(), undo)
        self._logs = StoredLogs(self._databases.journal, derived.history_limits(settings), self._databases.pins.among)
        self._masks = TaskMasks(self._databases.journal, ShapeRules() if settings.mask_shapes else None)
        self._hubs = make_hubs(settings, self._databases.journal, self._metrics)
        self._watch_commits()
        await self._authenticator.start()
        undo.push_async_callback(self._authenticator.close)
        self._health = Health(
            *(self._databases.journal, self._databases.sink, self._authenticator),
            others=self._databases.dependencies(),
        )
        self._grpc = self._grpc_server()
        self._socket_io = self._socket_io_server()
        task_logs = TaskLogs()
        await self._open_components(task_logs, undo)
        sources = self._sources()
        self._metrics.registry.register(GatewayCollector(sources))
        self._summary_stats = SummaryStats(sources.totals, lambda: self._hubs.admission.active)
        self.routes = _described(self._all_routes(task_logs), needs_tokens=self._authenticator.enabled)
        self._http = self._http_server(sockets)

    def _listen(self, undo: AsyncExitStack) -> list[socket.socket]:
        settings = self._settings
        wanted = {"HTTP_PORT": settings.http_port, "WEBSOCKET_PORT": settings.websocket_port}
        if settings.http_port == settings.websocket_port != 0:
            del wanted["WEBSOCKET_PORT"]
        return listen_all(settings.listen_host, wanted, undo)

    def _watch_commits(self) -> None:
        journal, metrics = self._databases.journal, self._metrics
        self._to_wake.append(self._databases.sink.wake)
        journal.set_commit_observer(metrics.commit_latency)
        journal.set_commit_listener(notify_each(*self._publishers(), metrics.committed, self._masks.committed))

    def _follow_others(self) -> None:
        """Publish what other gateways store in the same journal, as this one's own commits."""
        publish = notify_each(*self._publishers(), self._masks.committed)
        self._databases.journal.follow(publish, lambda: self._hubs.logs.watched, on_lost=self._restart_needed)

    def _publishers(self) -> Sequence[Callable[[Committed], None]]:
        """Listeners that are called after every commit, of this gateway or another one."""
        stages = lambda committed: self._hubs.pipelines.publish(committed.progress)  # noqa: E731
        return self._hubs.logs.publish, stages, wake_each(self._to_wake)

    def _restart_needed(self) -> None:
        """Windows, polling tables and caches follow from lines that are gone: only a new start is sure of them."""
        self._failure = "the database has lost what was stored; start again with what it has"
        self.ask_to_stop()

    def _grpc_server(self) -> GrpcServer:
        settings = self._settings
        return GrpcServer(
            self._databases.journal,
            self._authenticator,
            derived.ingest_limits(settings),
            host=settings.listen_host,
            port=settings.grpc_port,
            tls=derived.grpc_tls(settings),
            quota=self._quotas.producers,
            connections=derived.quota_of(settings),
            carrier=settings.grpc_server,
            masks=self._masks,
            otlp=derived.otlp_mapping(settings),
        )

    def _socket_io_server(self) -> SocketIoServer:
        server = SocketIoServer(
            self._hubs.logs,
            self._hubs.pipelines,
            self._authenticator,
            server_stats=lambda: self._summary_stats.server_statistics(),
            cors_origins=self._settings.cors_origins,
            limits=SocketIoLimits(sockets_max=self._settings.max_connections),
            quota=self._quotas.readers,
        )
        self._hubs.updates.add_listener(server.updated)
        return server

    async def _open_components(self, task_logs: TaskLogs, undo: AsyncExitStack) -> None:
        leadership = self._databases.leadership
        core = Core(
            settings=self._settings,
            authenticator=self._authenticator,
            journal=self._masks.journal,
            logs=self._logs,
            journal_location=journal_location(self._settings),
            polling_location=polling_location(self._settings),
            on_commit=self._to_wake.append,
            pipelines=self._hubs.pipelines,
            updates=self._hubs.updates,
            task_logs=task_logs,
            **({} if leadership is None else {"is_leader": leadership.is_leader}),
        )
        for kind in COMPONENTS:
            component = await kind.open(core)
            undo.push_async_callback(component.close, 0)
            self._components.append(component)

    def _sources(self) -> Sources:
        return Sources(
            journal=self._databases.journal,
            hub=self._hubs.logs,
            ingest=self._grpc,
            sink=self._databases.sink,
            watcher=self._databases.importer,
            retention=self._databases.retention,
            updates=self._hubs.updates,
            pipelines=self._hubs.pipelines,
            socket_io=self._socket_io,
            metrics=self._metrics,
            quotas=(self._quotas.connections, self._quotas.readers, self._quotas.producers),
            others=[
                lambda: grpc_server_metrics(self._grpc.server_statistics),
                lambda: mask_metrics(self._masks.counts),
                lambda: (GaugeMetricFamily(*figure) for figure in self._databases.metrics()),
                lambda: lane_metrics(self._databases.journal.lane_lags),
                *(component.metrics for component in self._components),
            ],
        )

    def _all_routes(self, task_logs: TaskLogs) -> list[DescribedRoute]:
        hubs, databases, authenticator, readers = self._hubs, self._databases, self._authenticator, self._quotas.readers
        compress = self._settings.enable_compression
        return [
            *sse_routes(hubs.logs, authenticator, enable_compression=compress, quota=readers),
            *pipeline_routes(hubs.pipelines, authenticator, quota=readers),
            *update_routes(hubs.updates, authenticator, quota=readers),
            # After the streams, whose paths are longer.
            *history_routes(self._logs, authenticator),
            *task_change_routes(databases, hubs, authenticator),
            *ingest_routes(self._grpc, authenticator),
            *auth_routes(authenticator),
            *stage_routes(databases.journal, authenticator),
            *mask_routes(self._masks, authenticator),
            *polling_routes(databases.table, authenticator, task_logs.reader),
            *(route for component in self._components for route in component.routes),
            *health_routes(self._health, self._summary_stats, hubs.logs, authenticator),
            *metrics_routes(self._metrics.registry),
            *page_routes(),
        ]

    def _http_server(self, sockets: list[socket.socket]) -> HttpServer:
        settings = self._settings
        application = http_application(
            self.routes,
            cors_origins=settings.cors_origins,
            body_bytes_max=settings.http_body_bytes_max,
            body_bytes_max_of={route.path: route.body_bytes_max for route in self.routes if route.body_bytes_max},
            unlimited_bodies=[route.path.partition("{")[0] for route in self.routes if route.limits_its_body],
            on_error=self._metrics.error,
            missing_page=missing_page(),
        )
        both = SecurityHeaders(HostGuard(beside(SOCKET_IO_PATH, self._socket_io, application), settings.accepted_hosts))
        return HttpServer(
            RequestLog(both) if settings.debug_mode else both,
            sockets,
            http_protocol=http_protocol_class(),
            websocket_protocol=FramedWebSocketProtocol,
            tls=derived.http_tls(settings),
            trusted_proxies=settings.trusted_proxies,
            grace_seconds=settings.shutdown_grace_seconds,
            keep_alive_seconds=settings.keep_alive_seconds,
            request_limits=derived.request_limits(settings, self._quotas.connections),
        )

    async def _start(self, undo: AsyncExitStack) -> None:
        """Start the core, then the components, and the servers last: what they take has somewhere to go."""
        await join_others(self._databases, self._authenticator, self._hubs.updates, self._masks)
        await self._databases.sink.start()
        self._follow_others()
        # A line of a row has no copy in the tables of other gateways; they have to share the tables, too.
        may_import = not self._settings.has_shared_journal or is_postgres(self._settings.polling_database)
        self._databases.start_background(
            imports_rows=may_import and self._settings.table_rows is not TableRowsChoice.OFF
        )
        for component in self._components:
            await component.start()
        undo.push_async_callback(self._grpc.stop, 0)
        grpc_port = await self._grpc.start()
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
        tls = derived.grpc_tls(self._settings)
        if tls is not None:
            self._grpc.renew(tls)

    async def run(self) -> None:
        """Return when ``ask_to_stop`` was called.

        Raises:
            RuntimeError: the HTTP server has ended by itself, or the database has lost what was stored.
        """
        asked = asyncio.create_task(self._stop_asked.wait())
        await asyncio.wait({asked, self._serving}, return_when=asyncio.FIRST_COMPLETED)
        if asked.cancel():
            raise RuntimeError("the HTTP server has ended by itself") from self._serving.exception()
        if self._failure:
            raise RuntimeError(self._failure)

    async def stop(self) -> bool:
        """Stop every part, in order; False if something was cut off. What was acknowledged is stored in any case."""
        grace = self._settings.shutdown_grace_seconds
        seconds = max(grace, _STEP_SECONDS_MIN)
        return await run_steps(
            [
                Step("say that it is not ready", self._say_not_ready, seconds),
                Step("take no new connections", self._stop_accepting, seconds),
                Step("end the streams, and ask their clients to come back", self._end_streams, seconds),
                Step("end the HTTP server", self._http.stop, 2 * seconds),
                Step("let producers have their answers, and end gRPC", partial(self._grpc.stop, grace), 2 * seconds),
                *(
                    Step(f"close the component {each.name}", partial(each.close, grace), 3 * seconds)
                    for each in reversed(self._components)
                ),
                Step("take over no more rows of other programs", self._databases.importer.close, seconds),
                Step("store what waits for a commit", self._flush_journal, seconds),
                Step("copy it to the polling tables", partial(self._databases.sink.close, grace), 2 * seconds),
                Step("let another gateway lead", self._databases.stop_leading, seconds),
                Step("close the databases", self._close, seconds),
            ],
            seconds_max=self._settings.shutdown_seconds_max,
        )

    async def _say_not_ready(self) -> None:
        self._health.phase = Phase.STOPPING
        self._sampling.cancel()
        await self._databases.stop_background()
        await self._grpc.set_serving(serving=False)

    async def _stop_accepting(self) -> None:
        self._http.stop_accepting()

    async def _end_streams(self) -> None:
        self._grpc.registry.end_uploads()
        self._hubs.pipelines.close(CloseReason.SERVER_SHUTDOWN)
        self._hubs.updates.close(CloseReason.SERVER_SHUTDOWN)
        await asyncio.gather(
            self._hubs.logs.close(CloseReason.SERVER_SHUTDOWN),
            self._socket_io.close(self._settings.shutdown_grace_seconds / 2),
        )

    async def _flush_journal(self) -> None:
        self._masks.release()
        while self._databases.journal.statistics.waiting_bytes:
            self._committed_once.clear()
            await self._committed_once.wait()

    async def _close(self) -> None:
        await self._authenticator.close()
        await self._databases.close()

    async def _sample(self) -> None:
        while True:
            await asyncio.sleep(SAMPLE_SECONDS)
            self._summary_stats.sample()


def _described(routes: list[DescribedRoute], *, needs_tokens: bool) -> tuple[DescribedRoute, ...]:
    """The routes, with those of their documents."""
    elsewhere = [(SOCKET_IO_PATH, POLL), (SOCKET_IO_PATH, POST)]
    documents = description_routes(routes, channels=[SOCKET_IO], elsewhere=elsewhere, needs_tokens=needs_tokens)
    return *routes, *documents
