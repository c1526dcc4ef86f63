"""What OpenAPI and AsyncAPI say of the streams over Server-Sent Events."""

from dataclasses import replace
from typing import Final

from filters.entry import LogEntry
from gateway.ingest.native.stage_progress import PipelineProgress
from gateway.routing.channel import Channel, Message
from gateway.routing.operation import Answer, Header, Operation, Tag
from gateway.routing.parameters import Identifier
from gateway.transports.stream_request import AFTER, EVENT, FILTER_PARAMETERS, LAST_EVENT_ID_PARAMETERS, TAIL
from sessions.notices import Completed, Gap, Heartbeat, StreamError
from sessions.updates import IncidentUpdate, JobProgress, TaskChange, Update

__all__ = ["STREAM_LOG", "STREAM_PROGRESS", "STREAM_UPDATES"]

_STREAMS: Final = Tag("Streams", "What happens now, as Server-Sent Events.")
_LINE: Final = (
    'id: 5f0c2a91-1042\ndata: {"taskId":"build-7","workerId":"worker-1","sequence":1042,'
    '"timestamp":"2026-01-31T13:45:00.123456789Z","level":"WARN","source":"stderr",'
    '"message":"retrying: connection refused"}\n\n'
)
_STREAM: Final = Answer(
    "The stream; what it carries is described in `/asyncapi.json`. That of a log is compressed with zstd or gzip where "
    "`Accept-Encoding` says so.",
    media=("text/event-stream",),
    headers={"Cache-Control": Header("`no-cache`.")},
)
_HEARTBEAT: Final = Message("heartbeat", "After 30 s of silence.", Heartbeat)
_ERROR: Final = Message("error", "Why the gateway ends the stream.", StreamError)

STREAM_LOG: Final = Operation(
    "streamLog",
    "GET",
    _STREAMS,
    "The log of one task, live",
    description="Server-Sent Events. Without `tail` and `after` it starts at the first line: everything so far, then "
    "everything new, with no seam. Filters are joined by AND, the values of one by OR.",
    scope="logs:read",
    parameters=(
        Identifier("taskId", "The task.", examples=("build-7",)),
        *FILTER_PARAMETERS,
        TAIL,
        AFTER,
        *LAST_EVENT_ID_PARAMETERS,
        EVENT,
    ),
    answers={
        200: replace(_STREAM, examples={"one line": _LINE}),
        204: Answer("The end of the task was seen already; `EventSource` stops at that."),
    },
    errors=("NOT_FOUND", "SERVER_FULL"),
    stored=True,
    channel=Channel(
        id="log",
        title="The log of one task",
        description="Every line is an event without a name, or `log` where `?event=log` asks for it; its `id` is the "
        "position to resume from.",
        address="/api/v1/log-streaming/logs/{taskId}/stream",
        protocol="http",
        parameters={"taskId": "The task, percent-encoded."},
        sends=(
            Message("message", "One line.", LogEntry),
            Message("log", "The same with `?event=log`.", LogEntry),
            _HEARTBEAT,
            Message("gap", "Lines that no longer exist.", Gap),
            Message(
                "complete",
                "The task has ended and every line of it was sent; it has an `id`, and the stream ends.",
                Completed,
            ),
            _ERROR,
        ),
    ),
)

STREAM_PROGRESS: Final = Operation(
    "streamProgress",
    "GET",
    _STREAMS,
    "The stages of one pipeline, live",
    description="Server-Sent Events: the current state of every stage, then every transition.",
    scope="logs:read",
    parameters=(Identifier("pipelineId", "The pipeline.", examples=("release",)), AFTER, *LAST_EVENT_ID_PARAMETERS),
    answers={200: _STREAM},
    errors=("NOT_FOUND", "SERVER_FULL"),
    stored=True,
    channel=Channel(
        id="progress",
        title="The stages of one pipeline",
        description="Every event has an `id`, which is the position to resume from.",
        address="/api/v1/log-streaming/pipelines/{pipelineId}/progress",
        protocol="http",
        parameters={"pipelineId": "The pipeline, percent-encoded."},
        sends=(Message("progress", "The state of one stage.", PipelineProgress), _HEARTBEAT, _ERROR),
    ),
)

STREAM_UPDATES: Final = Operation(
    "streamUpdates",
    "GET",
    _STREAMS,
    "That records of executions or incidents have changed, and how far batch jobs are",
    description="Server-Sent Events from now on, after the commit; repeats within 500 ms are one. A token sees those "
    "of the scripts, jobs and tasks that it may read.",
    scope="logs:read",
    answers={200: _STREAM},
    errors=("SERVER_FULL",),
    channel=Channel(
        id="updates",
        title="Updates of execution records, batch jobs and incidents",
        description="Says that there is something new to read, not all of it. Nothing is kept for clients that "
        "were away.",
        address="/api/v1/log-streaming/updates",
        protocol="http",
        sends=(
            Message("logsUpdated", "Records of executions have changed.", Update),
            Message("progress", "A batch job has changed.", JobProgress),
            Message("taskChanged", "A task was deleted, pinned or unpinned.", TaskChange),
            Message("incident", "An incident has been opened, counted on, muted or resolved.", IncidentUpdate),
            _HEARTBEAT,
            _ERROR,
        ),
    ),
)
