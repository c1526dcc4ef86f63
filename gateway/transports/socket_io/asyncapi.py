"""What AsyncAPI says of Socket.IO, and OpenAPI of the path that it lives below."""

from typing import Annotated, Any, Final, Literal

import msgspec

from filters.entry import LogEntry
from filters.model import LogFilter
from gateway.ingest.native.stage_progress import PipelineProgress
from gateway.routing.channel import Channel, Exchange, Message
from gateway.routing.operation import Answer, Operation, Parameter
from gateway.transports.notices import Completed, Gap, ServerFigures, Time
from gateway.transports.socket_io.protocol import NAMESPACE
from gateway.transports.sse.openapi import EXAMPLE_ENTRY, EXAMPLE_PROGRESS
from gateway.transports.stream_request import TAIL_MAX

__all__ = ["POLL", "POST", "SOCKET_IO"]

_NOW: Final = "2026-01-31T13:45:00.123456789Z"


class Connected(msgspec.Struct, rename="camel"):
    """The first event after the connect."""

    session_id: str
    message: str
    timestamp: Time
    features: list[str]


class SubscribeToLogs(msgspec.Struct, rename="camel"):
    """One task from one place on; null counts as left out."""

    task_id: str
    filter: LogFilter | None = None
    after: Annotated[
        int | str | None, msgspec.Meta(description="Start behind this sequence, or position of the stream.")
    ] = None
    tail: Annotated[int | None, msgspec.Meta(description=f"Start at the last so many lines, up to {TAIL_MAX}.")] = None
    batch: Annotated[bool, msgspec.Meta(description="`log-entries` with arrays in the place of `log-entry`.")] = False


class UpdateLogFilter(msgspec.Struct, rename="camel"):
    """A new filter from the next line on; an empty one lets every line pass."""

    task_id: str
    filter: LogFilter | None


class NamedTask(msgspec.Struct, rename="camel"):
    """One task."""

    task_id: str


class NamedPipeline(msgspec.Struct, rename="camel"):
    """One pipeline."""

    pipeline_id: str


class RequestSuccess(msgspec.Struct, rename="camel", omit_defaults=True):
    """A request about a task or a pipeline was carried out."""

    event: str
    timestamp: Time
    task_id: str | None = None
    pipeline_id: str | None = None
    filter: LogFilter | None = None
    batch: bool | None = None
    epoch: Annotated[str | None, msgspec.Meta(description="Names this life of the journal in positions.")] = None


class ServerStats(ServerFigures):
    """The figures of `get-server-stats`."""

    event: Literal["get-server-stats"]
    timestamp: Time


class RequestError(msgspec.Struct, rename="camel", omit_defaults=True):
    """A request was refused: the codes are those of HTTP; or a subscription ended: those of the close reasons."""

    event: str
    code: str
    message: str
    timestamp: Time
    field: str | None = None
    task_id: str | None = None
    pipeline_id: str | None = None


class LogGap(Gap, rename={"first": "from", "last": "to", "task_id": "taskId"}, kw_only=True):
    """Lines of a task that no longer exist."""

    task_id: str


class LogComplete(Completed, rename="camel", kw_only=True):
    """A task has ended, and every line of it was sent."""

    task_id: str
    position: str


class Closing(msgspec.Struct, rename="camel"):
    """Why the gateway ends the connection, and whether to come back."""

    code: str
    message: str
    may_reconnect: bool
    timestamp: Time
    retry_milliseconds: Annotated[
        int, msgspec.Meta(description="How long to stay away; different for each client. With `SERVER_SHUTDOWN` only.")
    ] = 0


def _message(name: str, summary: str, described: Any = None, *examples: Any) -> Message:
    return Message(name=name, summary=summary, type=described, examples=examples)


def _error(name: str, **fields: str) -> Message:
    return _message(name, "The request was refused.", RequestError, {**fields, "timestamp": _NOW})


_FILTER: Final = {"levels": ["ERROR", "FATAL"], "keywords": ["timeout"]}
_SUBSCRIPTION_ERROR: Final = _error(
    "subscription_error",
    event="subscribe-to-logs",
    taskId="build-7",
    code="INVALID_ARGUMENT",
    message="filter.levels[0]: unknown level 'LOUD'; levels are TRACE, DEBUG, INFO, WARN, ERROR, FATAL",
    field="filter.levels[0]",
)
_UNSUBSCRIPTION_ERROR: Final = _error(
    "unsubscription_error",
    event="unsubscribe-from-logs",
    taskId="build-7",
    code="NOT_FOUND",
    message="there is no subscription with this taskId",
    field="taskId",
)


def _task_success(name: str, event: str, **fields: Any) -> Message:
    example = {"event": event, "taskId": "build-7", **fields, "timestamp": _NOW}
    return _message(name, "The request was carried out.", RequestSuccess, example)


def _pipeline_success(name: str, event: str) -> Message:
    example = {"event": event, "pipelineId": "release", "timestamp": _NOW}
    return _message(name, "The request was carried out.", RequestSuccess, example)


SOCKET_IO: Final = Channel(
    id="socketIo",
    title="Socket.IO",
    description="Namespace `/log-streaming` on ports 3001 and 4000, path `/socket.io/`, `auth: {token}` at connect. "
    "Every request is answered twice, by its event and through the acknowledgement callback. An event that there is "
    "not is answered with `request_error`.",
    address=NAMESPACE,
    protocol="socket.io",
    sends=(
        _message(
            "connected",
            "The client is let in.",
            Connected,
            {
                "sessionId": "H8FEJTOmYFzWkpXOAAAB",
                "message": "Connected to the log stream.",
                "timestamp": _NOW,
                "features": ["log-streaming", "filters"],
            },
        ),
        _message("log-entry", "One line of a subscribed task.", LogEntry, EXAMPLE_ENTRY),
        _message("log-entries", "Lines, for subscriptions with `batch`.", list[LogEntry], [EXAMPLE_ENTRY]),
        _message("pipeline-progress", "The state of one stage.", PipelineProgress, EXAMPLE_PROGRESS),
        _message(
            "log-gap",
            "Lines that no longer exist.",
            LogGap,
            {"taskId": "build-7", "from": 1, "to": 1041, "reason": "retention"},
        ),
        _message(
            "log-complete",
            "The task has ended and every line of it was sent; the subscription is over.",
            LogComplete,
            {
                "taskId": "build-7",
                "status": "COMPLETED",
                "timestamp": _NOW,
                "lastSequence": 1042,
                "position": "5f0c2a91-1042.end",
            },
        ),
        _message(
            "closing",
            "The gateway ends the connection.",
            Closing,
            {
                "code": "SERVER_SHUTDOWN",
                "message": "The gateway is shutting down; reconnect and resume.",
                "mayReconnect": True,
                "timestamp": _NOW,
                "retryMilliseconds": 4210,
            },
        ),
        _error("request_error", event="shout", code="INVALID_ARGUMENT", message="there is no such event; there are …"),
    ),
    exchanges=(
        Exchange(
            request=_message(
                "subscribe-to-logs",
                "Send me the lines of a task.",
                SubscribeToLogs,
                {"taskId": "build-7"},
                {"taskId": "build-8", "filter": _FILTER, "after": 0, "batch": True},
                {"taskId": "build-9", "tail": 100},
            ),
            success=_task_success(
                "subscription_success", "subscribe-to-logs", filter=_FILTER, batch=False, epoch="5f0c2a91"
            ),
            failure=_SUBSCRIPTION_ERROR,
        ),
        Exchange(
            request=_message(
                "update-log-filter",
                "Another filter from the next line on.",
                UpdateLogFilter,
                {"taskId": "build-7", "filter": {"levels": ["WARN"]}},
            ),
            success=_task_success("filter_update_success", "update-log-filter", filter={"levels": ["WARN"]}),
            failure=_error(
                "filter_update_error",
                event="update-log-filter",
                taskId="build-7",
                code="INVALID_ARGUMENT",
                message="filter is needed; {} lets every line pass",
                field="filter",
            ),
        ),
        Exchange(
            request=_message("unsubscribe-from-logs", "No more lines of it.", NamedTask, {"taskId": "build-7"}),
            success=_task_success("unsubscription_success", "unsubscribe-from-logs"),
            failure=_UNSUBSCRIPTION_ERROR,
        ),
        Exchange(
            request=_message(
                "subscribe-to-pipeline", "Send me the stages of a pipeline.", NamedPipeline, {"pipelineId": "release"}
            ),
            success=_pipeline_success("subscription_success", "subscribe-to-pipeline"),
            failure=_SUBSCRIPTION_ERROR,
        ),
        Exchange(
            request=_message(
                "unsubscribe-from-pipeline", "No more of its stages.", NamedPipeline, {"pipelineId": "release"}
            ),
            success=_pipeline_success("unsubscription_success", "unsubscribe-from-pipeline"),
            failure=_UNSUBSCRIPTION_ERROR,
        ),
        Exchange(
            request=_message("get-server-stats", "How busy is the gateway?"),
            success=_message(
                "server-stats",
                "The figures.",
                ServerStats,
                {
                    "event": "get-server-stats",
                    "activeConnections": 3,
                    "messagesPerSecond": 120.5,
                    "deliveriesPerSecond": 361.5,
                    "averageLatency": 4.2,
                    "errorRate": 0.0,
                    "memoryUsage": 83886080,
                    "uptimeSeconds": 3600,
                    "timestamp": _NOW,
                },
            ),
            failure=_error("stats_error", event="get-server-stats", code="INTERNAL", message="try again"),
        ),
    ),
)

_PARAMETERS: Final = (
    Parameter(
        name="EIO",
        description="The version of Engine.IO.",
        schema={"type": "string", "const": "4"},
        examples={"version": "4"},
        is_required=True,
    ),
    Parameter(
        name="transport",
        description="`polling`; `websocket` with a handshake of that kind.",
        schema={"type": "string", "enum": ["polling"]},
        examples={"polling": "polling"},
        is_required=True,
    ),
)
_SESSION: Final = Parameter(
    name="sid", description="The session, as the first answer named it.", schema={"type": "string", "minLength": 1}
)
_PACKETS: Final = Answer(description="Packets of Engine.IO, separated by U+001E.", media=("text/plain",))

POLL: Final = Operation(
    id="pollSocketIo",
    method="GET",
    tag="Socket.IO",
    summary="Packets for a Socket.IO client",
    description="Engine.IO's long polling and WebSocket handshake. Use a Socket.IO client; its events are described in "
    "`/asyncapi.json`. Who asks is told by the namespace's `auth: {token}`.",
    parameters=(*_PARAMETERS, _SESSION),
    answers={200: _PACKETS},
    errors=("SERVER_FULL", "UNAVAILABLE"),
)
POST: Final = Operation(
    id="postSocketIo",
    method="POST",
    tag="Socket.IO",
    summary="Packets of a Socket.IO client",
    parameters=(*_PARAMETERS, _SESSION),
    answers={200: _PACKETS},
    errors=("PAYLOAD_TOO_LARGE", "SERVER_FULL", "UNAVAILABLE"),
)
