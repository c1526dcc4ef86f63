"""What AsyncAPI says of Socket.IO, and OpenAPI of the path that it lives below."""

from dataclasses import replace
from typing import Final

from filters.entry import LogEntry
from gateway.ingest.native.stage_progress import PipelineProgress
from gateway.routing.channel import Channel, Exchange, Message
from gateway.routing.operation import Answer, Operation, Tag
from gateway.routing.parameters import Parameter
from gateway.transports.socket_io.messages import (
    Closing,
    Connected,
    LogComplete,
    LogGap,
    NamedPipeline,
    NamedTask,
    RequestError,
    RequestSuccess,
    ServerStats,
    SubscribeToLogs,
    UpdateLogFilter,
)
from gateway.transports.socket_io.protocol import NAMESPACE
from sessions.updates import IncidentUpdate, JobProgress, TaskChange

__all__ = ["POLL", "POST", "SOCKET_IO"]


def _success(name: str) -> Message:
    return Message(name, "The request was carried out.", RequestSuccess)


def _error(name: str) -> Message:
    return Message(name, "The request was refused.", RequestError)


_FILTER: Final = {"levels": ["ERROR", "FATAL"], "keywords": ["timeout"]}

SOCKET_IO: Final = Channel(
    id="socketIo",
    title="Socket.IO",
    description="Namespace `/log-streaming` on ports 3001 and 4000, path `/socket.io/`, `auth: {token}` at connect. "
    "Every request is answered twice, by its event and through the acknowledgement callback. An event that there is "
    "not is answered with `request_error`.",
    address=NAMESPACE,
    protocol="socket.io",
    sends=(
        Message("connected", "The client is let in.", Connected),
        Message("log-entry", "One line of a subscribed task.", LogEntry),
        Message("log-entries", "Lines, for subscriptions with `batch`.", list[LogEntry]),
        Message("pipeline-progress", "The state of one stage.", PipelineProgress),
        Message("progress", "A batch job has changed; nothing is asked for it.", JobProgress),
        Message("task-changed", "A task was deleted, pinned or unpinned; nothing is asked for it.", TaskChange),
        Message("incident", "An incident of an alert rule has changed; nothing is asked for it.", IncidentUpdate),
        Message("log-gap", "Lines that no longer exist.", LogGap),
        Message(
            "log-complete", "The task has ended and every line of it was sent; the subscription is over.", LogComplete
        ),
        Message("closing", "The gateway ends the connection.", Closing),
        _error("request_error"),
    ),
    exchanges=(
        Exchange(
            Message(
                "subscribe-to-logs",
                "Send me the lines of a task.",
                SubscribeToLogs,
                (
                    {"taskId": "build-7"},
                    {"taskId": "build-8", "filter": _FILTER, "after": 0, "batch": True},
                    {"taskId": "build-9", "tail": 100},
                ),
            ),
            _success("subscription_success"),
            _error("subscription_error"),
        ),
        Exchange(
            Message(
                "update-log-filter",
                "Another filter from the next line on.",
                UpdateLogFilter,
                ({"taskId": "build-7", "filter": {"levels": ["WARN"]}},),
            ),
            _success("filter_update_success"),
            _error("filter_update_error"),
        ),
        Exchange(
            Message("unsubscribe-from-logs", "No more lines of it.", NamedTask),
            _success("unsubscription_success"),
            _error("unsubscription_error"),
        ),
        Exchange(
            Message("subscribe-to-pipeline", "Send me the stages of a pipeline.", NamedPipeline),
            _success("subscription_success"),
            _error("subscription_error"),
        ),
        Exchange(
            Message("unsubscribe-from-pipeline", "No more of its stages.", NamedPipeline),
            _success("unsubscription_success"),
            _error("unsubscription_error"),
        ),
        Exchange(
            Message("get-server-stats", "How busy is the gateway?"),
            Message("server-stats", "The figures.", ServerStats),
            _error("stats_error"),
        ),
    ),
)

_TAG: Final = Tag("Socket.IO", "The transport below Socket.IO; its events are described in `/asyncapi.json`.")
_PARAMETERS: Final = (
    Parameter(
        "EIO",
        "The version of Engine.IO.",
        schema={"type": "string", "const": "4"},
        examples=("4",),
        is_required=True,
    ),
    Parameter(
        "transport",
        "`polling`; `websocket` with a handshake of that kind.",
        schema={"type": "string", "enum": ["polling"]},
        examples=("polling",),
        is_required=True,
    ),
    Parameter("sid", "The session, as the first answer named it.", schema={"type": "string", "minLength": 1}),
)
_SID: Final = replace(_PARAMETERS[-1], is_required=True, examples=("H8FEJTOmYFzWkpXOAAAB",))
_PACKETS: Final = Answer("Packets of Engine.IO, separated by U+001E.", media=("text/plain",))

POLL: Final = Operation(
    "pollSocketIo",
    "GET",
    _TAG,
    "Packets for a Socket.IO client",
    description="Engine.IO's long polling and WebSocket handshake. Use a Socket.IO client; its events are described in "
    "`/asyncapi.json`. The namespace's `auth: {token}` identifies the caller.",
    parameters=_PARAMETERS,
    answers={200: _PACKETS},
    errors=("SERVER_FULL", "UNAVAILABLE"),
)
POST: Final = Operation(
    "postSocketIo",
    "POST",
    _TAG,
    "Packets of a Socket.IO client",
    parameters=(*_PARAMETERS[:-1], _SID),
    answers={200: _PACKETS},
    errors=("PAYLOAD_TOO_LARGE", "SERVER_FULL", "UNAVAILABLE"),
)
