"""What clients ask for over Socket.IO and what they are sent: the payloads of the events."""

from typing import Annotated, Literal

import msgspec

from filters.model import LogFilter
from gateway.transports.stream_request import TAIL_MAX
from sessions.notices import Time

__all__ = [
    "Closing",
    "Connected",
    "LogComplete",
    "LogGap",
    "NamedPipeline",
    "NamedTask",
    "RequestError",
    "RequestSuccess",
    "ServerStats",
    "SubscribeToLogs",
    "UpdateLogFilter",
]

_MESSAGE = msgspec.Meta(examples=["there is no subscription with this taskId"])


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


class Connected(msgspec.Struct, rename="camel"):
    """The first event after the connect."""

    session_id: Annotated[str, msgspec.Meta(examples=["H8FEJTOmYFzWkpXOAAAB"])]
    message: Annotated[str, msgspec.Meta(examples=["Connected to the log stream."])]
    timestamp: Time
    features: Annotated[list[str], msgspec.Meta(examples=[["log-streaming", "filters"]])]


class RequestSuccess(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A request about a task or a pipeline was carried out."""

    event: Annotated[str, msgspec.Meta(examples=["subscribe-to-logs"])]
    task_id: str | None = None
    pipeline_id: str | None = None
    message: str = msgspec.field(default_factory=str)
    room_name: Annotated[str | None, msgspec.Meta(description="`task:` or `pipeline:` and the id.")] = None
    filter: LogFilter | None = None
    batch: bool | None = None
    epoch: Annotated[str | None, msgspec.Meta(description="Names this life of the journal in positions.")] = None
    timestamp: Time


class RequestError(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A request was refused: the codes are those of HTTP; or a subscription ended: those of the close reasons."""

    event: Annotated[str, msgspec.Meta(examples=["unsubscribe-from-logs"])]
    task_id: str | None = None
    pipeline_id: str | None = None
    code: Annotated[str, msgspec.Meta(examples=["NOT_FOUND"])]
    message: Annotated[str, _MESSAGE]
    field: str | None = None
    position: Annotated[int | None, msgspec.Meta(description="The character that is wrong, from 1.")] = None
    timestamp: Time


class ServerStats(msgspec.Struct, rename="camel", kw_only=True):
    """The figures of `get-server-stats`; see ``ServerFigures``."""

    event: Literal["get-server-stats"]
    active_connections: int
    connected_clients: Annotated[int, msgspec.Meta(description="Clients connected to the namespace.")]
    messages_per_second: float
    deliveries_per_second: float
    average_latency: float
    error_rate: float
    memory_usage: int
    uptime_seconds: int
    timestamp: Time


class LogGap(msgspec.Struct, rename={"first": "from", "last": "to", "task_id": "taskId"}):
    """Lines of a task that no longer exist."""

    task_id: str
    first: Annotated[int, msgspec.Meta(description="The first sequence that is missing.")]
    last: Annotated[int, msgspec.Meta(description="The last one.")]
    reason: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["retention", "damaged"]})]


class LogComplete(msgspec.Struct, rename="camel"):
    """A task has ended, and every line of it was sent."""

    task_id: str
    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["COMPLETED", "FAILED"]})]
    timestamp: Time
    last_sequence: int
    message: str
    position: str


class Closing(msgspec.Struct, rename="camel", omit_defaults=True):
    """Why the gateway ends the connection, and whether to come back."""

    code: Annotated[str, msgspec.Meta(examples=["SERVER_SHUTDOWN"])]
    message: Annotated[str, msgspec.Meta(examples=["The gateway is shutting down; reconnect and resume."])]
    may_reconnect: bool
    timestamp: Time
    retry_milliseconds: Annotated[
        int, msgspec.Meta(description="How long to stay away; different for each client. With `SERVER_SHUTDOWN` only.")
    ] = 0
