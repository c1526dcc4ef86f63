"""One connected Socket.IO client: its subscriptions, and the answers to its events."""

import asyncio
import json
import logging
import random
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec

from filters.model import LogFilter
from filters.timestamps import now
from gateway.auth import Principal
from gateway.engine_io.socket import EngineSocket
from gateway.errors import ApiError
from gateway.quota import Lease
from gateway.transports.server_figures import ServerFigures
from gateway.transports.socket_io.encoding import BATCHES, ENTRIES, acknowledgement, event, raw_event
from gateway.transports.socket_io.messages import (
    Closing,
    Connected,
    NamedPipeline,
    NamedTask,
    RequestError,
    RequestSuccess,
    ServerStats,
    SubscribeToLogs,
    UpdateLogFilter,
)
from gateway.transports.socket_io.requests import request_of, start_of
from gateway.transports.socket_io.transport import SocketIoTransport
from gateway.transports.socket_io.updates import UpdateRelay
from gateway.transports.sse.updates import sight_of
from sessions.admission import ServerFullError
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.pipelines import PipelineHub, PipelineSession
from sessions.subscription import Subscription
from sessions.updates import AnyUpdate

__all__ = ["EXPIRY_CHECK_SECONDS_MAX", "FEATURES", "REQUESTS", "ServerContext", "Subscriber"]

_log = logging.getLogger(__name__)

FEATURES: Final = (
    "log-streaming",
    "filters",
    "filter-update",
    "resume",
    "tail",
    "batch",
    "pipeline-progress",
    "logs-updated",
    "server-stats",
)

RETRY_AFTER_SHUTDOWN_MILLISECONDS: Final = (1_000, 10_000)
"""How long a client is asked to stay away; randomised, so that clients do not reconnect all at once."""

_ECHO_CHARACTERS_MAX: Final = 256
EXPIRY_CHECK_SECONDS_MAX: Final = 60.0
"""A token ends at a date: a timer's duration is no longer right once somebody has set the clock."""


@dataclass(frozen=True, slots=True)
class _Reply:
    """A success: what to answer, and what to do as soon as the answer is on its way."""

    payload: RequestSuccess | ServerStats
    then: Callable[[], object] | None = None


_Handler = Callable[["Subscriber", tuple[Any, ...]], _Reply]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """What all clients of one server share.

    Attributes:
        subscriptions_max: tasks and pipelines that one client may watch at once.
        server_stats: the numbers of ``get-server-stats``.
        clients: how many are connected to the namespace.
        spawn: runs a coroutine in a task that the server owns.
        dismiss: ends a client's connection to the namespace, and says why.
    """

    hub: Hub
    pipelines: PipelineHub
    server_stats: Callable[[], ServerFigures]
    clients: Callable[[], int]
    subscriptions_max: int
    spawn: Callable[[Coroutine[None, None, None]], object]
    dismiss: "Callable[[Subscriber, CloseReason], None]"


class Subscriber:
    """Holds what one client watches, and answers each of its events twice: by name, and to its callback."""

    def __init__(
        self, sid: str, socket: EngineSocket, principal: Principal, lease: Lease, context: ServerContext
    ) -> None:
        self.sid = sid
        self.socket = socket
        self._principal = principal
        self._lease = lease
        self._context = context
        self._tasks: dict[str, SocketIoTransport] = {}
        self._pipelines: dict[str, PipelineSession] = {}
        self._updates = UpdateRelay(socket, sight_of(principal), context.spawn)
        self._is_closed = False
        self._expiry: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Subscriber {self.sid} tasks={len(self._tasks)} pipelines={len(self._pipelines)} {self.socket!r}>"

    @property
    def subscriptions(self) -> int:
        """How many tasks and pipelines it watches."""
        return len(self._tasks) + len(self._pipelines)

    def greet(self) -> None:
        """Confirm the connection to the client, and from now on watch over its token."""
        greeting = Connected(self.sid, "Connected to the log stream.", now(), list(FEATURES))
        self.socket.put(event("connected", greeting))
        self._check_expiry()

    def received(self, name: object, arguments: tuple[Any, ...], acknowledge: int | None) -> None:
        """Answer an event."""
        request = REQUESTS.get(name) if isinstance(name, str) else None
        if request is None:
            known = ", ".join(REQUESTS)
            refusal = ApiError("INVALID_ARGUMENT", f"there is no such event; there are {known}")
            self._answer("request_error", _refusal(name, arguments, refusal), acknowledge)
            return
        success, failure, handle = request
        try:
            reply = handle(self, arguments)
        except ApiError as error:
            self._answer(failure, _refusal(name, arguments, error), acknowledge)
        except Exception:  # noqa: BLE001 - the client is answered after any error
            self._apologise(name, failure, arguments, acknowledge)
        else:
            self._answer(success, reply.payload, acknowledge)
            if reply.then is None:
                return
            try:
                reply.then()
            except Exception:  # noqa: BLE001 - it must not end the connection with all that the client watches
                self._apologise(name, failure, arguments, None)

    def updated(self, updates: Sequence[AnyUpdate]) -> int:
        """Records of executions have changed; how many updates were dropped because the client does not read."""
        return 0 if self._is_closed else self._updates.offer(updates)

    def close(self, reason: CloseReason) -> None:
        """End all subscriptions; idempotent. Unless it left by itself, the client receives the reason."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._expiry is not None:
            self._expiry.cancel()
        self._updates.close()
        self._lease.leave()
        for transport in tuple(self._tasks.values()):
            if transport.session is not None:
                transport.session.close(reason)
        for session in tuple(self._pipelines.values()):
            session.close(reason)
        if reason is CloseReason.CLIENT_GONE:
            return
        notice = Closing(reason.code, reason.text, reason.may_reconnect, now())
        if reason is CloseReason.SERVER_SHUTDOWN:
            notice.retry_milliseconds = random.randint(*RETRY_AFTER_SHUTDOWN_MILLISECONDS)  # noqa: S311 - jitter
        self.socket.put(event("closing", notice))

    def _subscribe(self, arguments: tuple[Any, ...]) -> _Reply:
        request = request_of(arguments, SubscribeToLogs)
        task_id, log_filter, start = request.task_id, request.filter or LogFilter(), start_of(request)
        self._principal.require("logs:read", task_id=task_id)
        if task_id in self._tasks:
            raise ApiError(
                "INVALID_ARGUMENT",
                "already subscribed to this task; use update-log-filter, or unsubscribe-from-logs first",
                field="taskId",
            )
        self._check_room()
        transport = SocketIoTransport(self.socket, task_id, self._ended)
        encoding = BATCHES if request.batch else ENTRIES
        subscription = Subscription(
            *(task_id, encoding, log_filter, start),
            expires_at=self._principal.expires_at,
            principal=self._principal.subject,
        )
        session = _admitted(lambda: self._context.hub.open(subscription, transport))
        if transport.reason is not None:
            raise _unavailable(transport.reason)
        transport.session = session
        self._tasks[task_id] = transport
        answer = _success(
            "subscribe-to-logs",
            "Subscribed to the log.",
            task_id=task_id,
            filter=log_filter,
            batch=request.batch,
            epoch=self._context.hub.epoch,
        )
        return _Reply(answer)

    def _unsubscribe(self, arguments: tuple[Any, ...]) -> _Reply:
        task_id = request_of(arguments, NamedTask).task_id
        transport = self._transport_of(task_id)
        if transport.session is not None:
            transport.session.close(CloseReason.UNSUBSCRIBED)
        return _Reply(_success("unsubscribe-from-logs", "Unsubscribed from the log.", task_id=task_id))

    def _update_filter(self, arguments: tuple[Any, ...]) -> _Reply:
        request = request_of(arguments, UpdateLogFilter)
        task_id, log_filter = request.task_id, request.filter or LogFilter()
        session = self._transport_of(task_id).session
        if session is None:
            raise _not_subscribed("taskId")
        # First the answer, then the new filter: it may give lines at once, and the client should know why.
        answer = _success("update-log-filter", "The filter was changed.", task_id=task_id, filter=log_filter)
        return _Reply(answer, lambda: session.change_filter(log_filter))

    def _subscribe_to_pipeline(self, arguments: tuple[Any, ...]) -> _Reply:
        pipeline_id = request_of(arguments, NamedPipeline).pipeline_id
        self._principal.require("logs:read", pipeline_id=pipeline_id)
        if pipeline_id in self._pipelines:
            raise ApiError("INVALID_ARGUMENT", "already subscribed to this pipeline", field="pipelineId")
        self._check_room()
        hub, expires_at = self._context.pipelines, self._principal.expires_at
        session = _admitted(lambda: hub.open(pipeline_id, expires_at=expires_at))
        if session.reason is not None:
            raise _unavailable(session.reason)
        self._pipelines[pipeline_id] = session
        answer = _success("subscribe-to-pipeline", "Subscribed to the pipeline.", pipeline_id=pipeline_id)
        return _Reply(answer, lambda: self._context.spawn(self._relay(session)))

    def _unsubscribe_from_pipeline(self, arguments: tuple[Any, ...]) -> _Reply:
        pipeline_id = request_of(arguments, NamedPipeline).pipeline_id
        session = self._pipelines.pop(pipeline_id, None)
        if session is None:
            raise _not_subscribed("pipelineId")
        session.close(CloseReason.UNSUBSCRIBED)
        return _Reply(_success("unsubscribe-from-pipeline", "Unsubscribed from the pipeline.", pipeline_id=pipeline_id))

    def _server_stats(self, _arguments: tuple[Any, ...]) -> _Reply:
        return _Reply(
            ServerStats(
                event="get-server-stats",
                connected_clients=self._context.clients(),
                **msgspec.structs.asdict(self._context.server_stats()),
                timestamp=now(),
            )
        )

    async def _relay(self, session: PipelineSession) -> None:
        """Pass on a pipeline's transitions, as fast as the client reads."""
        try:
            async for changes in session:
                for change in changes:
                    await self.socket.wait_room()
                    if session.reason is not None:
                        break
                    self.socket.put(raw_event("pipeline-progress", change.document))
        finally:
            session.close(CloseReason.CLIENT_GONE)
            if self._pipelines.get(session.pipeline_id) is session:
                del self._pipelines[session.pipeline_id]
        reason = session.reason
        if reason is not None and reason not in (CloseReason.CLIENT_GONE, CloseReason.UNSUBSCRIBED):
            error = RequestError(
                event="subscribe-to-pipeline",
                pipeline_id=session.pipeline_id,
                code=reason.code,
                message=reason.text,
                timestamp=now(),
            )
            self.socket.put(event("subscription_error", error))

    def _transport_of(self, task_id: str) -> SocketIoTransport:
        transport = self._tasks.get(task_id)
        if transport is None:
            raise _not_subscribed("taskId")
        return transport

    def _ended(self, transport: SocketIoTransport) -> None:
        if self._tasks.get(transport.task_id) is transport:
            del self._tasks[transport.task_id]

    def _check_room(self) -> None:
        most = self._context.subscriptions_max
        if self.subscriptions >= most:
            raise ApiError("RESOURCE_EXHAUSTED", f"one connection may hold at most {most} subscriptions")

    def _check_expiry(self) -> None:
        expires_at = self._principal.expires_at
        if expires_at is None or self._is_closed:
            return
        left = expires_at - time.time()
        if left > 0:
            seconds = min(left, EXPIRY_CHECK_SECONDS_MAX)
            self._expiry = asyncio.get_running_loop().call_later(seconds, self._check_expiry)
        else:
            self._context.dismiss(self, CloseReason.TOKEN_EXPIRED)

    def _apologise(self, name: object, failure: str, arguments: tuple[Any, ...], acknowledge: int | None) -> None:
        """Answer with an internal error; call it while the exception is being handled."""
        _log.exception("socket.io request failed", extra={"event": name})
        internal = ApiError("INTERNAL", "the gateway ran into an error of its own; try again")
        self._answer(failure, _refusal(name, arguments, internal), acknowledge)

    def _answer(self, name: str, payload: msgspec.Struct, acknowledge: int | None) -> None:
        self.socket.put(event(name, payload))
        if acknowledge is not None:
            self.socket.put(acknowledgement(acknowledge, payload))


REQUESTS: Final[Mapping[str, tuple[str, str, _Handler]]] = {
    "subscribe-to-logs": ("subscription_success", "subscription_error", Subscriber._subscribe),
    "unsubscribe-from-logs": ("unsubscription_success", "unsubscription_error", Subscriber._unsubscribe),
    "update-log-filter": ("filter_update_success", "filter_update_error", Subscriber._update_filter),
    "subscribe-to-pipeline": ("subscription_success", "subscription_error", Subscriber._subscribe_to_pipeline),
    "unsubscribe-from-pipeline": (
        "unsubscription_success",
        "unsubscription_error",
        Subscriber._unsubscribe_from_pipeline,
    ),
    "get-server-stats": ("server-stats", "stats_error", Subscriber._server_stats),
}
"""What a client may ask: how success and failure are named, and who answers."""


T = TypeVar("T")


def _admitted(open_session: Callable[[], T]) -> T:
    try:
        return open_session()
    except ServerFullError as error:
        raise ApiError("SERVER_FULL", str(error)) from error


def _refusal(name: object, arguments: tuple[Any, ...], error: ApiError) -> RequestError:
    """An error in the shape of a success: with the event, and the id that was given, as far as it is one."""
    payload = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
    task_id, pipeline_id = (
        _cut(payload[field]) if isinstance(payload.get(field), str) else None for field in ("taskId", "pipelineId")
    )
    return RequestError(
        event=_cut(name if isinstance(name, str) else json.dumps(name)),
        task_id=task_id,
        pipeline_id=pipeline_id,
        code=error.code,
        message=_sendable(error.message),
        field=None if error.field is None else _sendable(error.field),
        position=error.position,
        timestamp=now(),
    )


def _cut(text: str) -> str:
    return _sendable(text[:_ECHO_CHARACTERS_MAX])


def _sendable(text: str) -> str:
    """The text without lone surrogates, which are possible in JSON and impossible in UTF-8."""
    return text.encode(errors="replace").decode()


def _success(
    event: str, message: str, *, task_id: str | None = None, pipeline_id: str | None = None, **more: Any
) -> RequestSuccess:
    return RequestSuccess(
        event=event,
        task_id=task_id,
        pipeline_id=pipeline_id,
        message=message,
        room_name=f"task:{task_id}" if task_id is not None else f"pipeline:{pipeline_id}",
        timestamp=now(),
        **more,
    )


def _not_subscribed(field: str) -> ApiError:
    return ApiError("NOT_FOUND", f"there is no subscription with this {field}", field=field)


def _unavailable(reason: CloseReason) -> ApiError:
    return ApiError("UNAVAILABLE", reason.text)
