"""What OpenAPI and AsyncAPI say of the streams over Server-Sent Events."""

from typing import Any, Final

from filters.entry import LEVELS, SOURCES, LogEntry
from filters.parsing import KEYWORD_LENGTH_MAX, KEYWORDS_MAX, VALUES_MAX
from gateway.ingest.native.stage_progress import PipelineProgress
from gateway.routing.channel import Channel, Message
from gateway.routing.operation import Answer, Header, Operation, Parameter, identifier_parameter
from gateway.transports.notices import Completed, Gap, Heartbeat, StreamError
from gateway.transports.stream_request import TAIL_MAX
from sessions.close_reasons import CloseReason

__all__ = ["EXAMPLE_ENTRY", "EXAMPLE_PROGRESS", "FILTER_PARAMETERS", "STREAM_LOG", "STREAM_PROGRESS"]

EXAMPLE_ENTRY: Final = {
    "taskId": "build-7",
    "workerId": "worker-1",
    "sequence": 1042,
    "timestamp": "2026-01-31T13:45:00.123456789Z",
    "level": "WARN",
    "source": "stderr",
    "message": "retrying: connection refused",
}
EXAMPLE_PROGRESS: Final = {
    "pipelineId": "release",
    "stageId": "compile",
    "status": "STAGE_RUNNING",
    "message": "2 of 3 workers",
    "workerPodNames": ["worker-1", "worker-2"],
    "progressPercentage": 66,
    "timestamp": "2026-01-31T13:45:00.123456789Z",
}
_TIME: Final = {"type": "string", "format": "date-time"}
_POSITION: Final = {"type": "string", "pattern": r"^(?:[0-9a-f]{8}-)?[0-9]{1,18}(?:\.end)?$"}
_HEARTBEAT: Final = {"timestamp": "2026-01-31T13:45:30.123456789Z"}


def _error(reason: CloseReason) -> dict[str, Any]:
    return {"code": reason.code, "message": reason.text}


def _list(items: dict[str, Any], most: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "maxItems": most}


FILTER_PARAMETERS: Final = (
    Parameter(
        name="level",
        description="Lines of these levels, in any case; `WARNING` is `WARN`, `CRITICAL` is `FATAL`, "
        "`NOTICE` is `INFO`.",
        schema=_list({"type": "string", "enum": list(LEVELS)}, len(LEVELS)),
        examples={"severe": ["ERROR", "FATAL"]},
    ),
    Parameter(
        name="keywords",
        description="Messages that contain one of these, whatever the case.",
        schema=_list({"type": "string", "maxLength": KEYWORD_LENGTH_MAX}, KEYWORDS_MAX),
        examples={"trouble": ["timeout", "refused"]},
    ),
    Parameter(
        name="workerId",
        description="Lines of these workers.",
        schema=_list({"type": "string", "maxLength": 256}, VALUES_MAX),
        examples={"first": ["worker-1"]},
    ),
    Parameter(
        name="source",
        description="Lines of these sources; `table` are rows that other programs have inserted into `job_logs`.",
        schema=_list({"type": "string", "enum": list(SOURCES)}, len(SOURCES)),
        examples={"errors": ["stderr"]},
    ),
    Parameter(
        name="startTime",
        description="Lines from this time on, RFC 3339.",
        schema=_TIME,
        examples={"january": "2026-01-01T00:00:00Z"},
    ),
    Parameter(
        name="endTime",
        description="Lines up to this time, included.",
        schema=_TIME,
        examples={"end of year": "2099-12-31T23:59:59.999+09:00"},
    ),
)

_AFTER: Final = Parameter(
    name="after",
    description="Start behind this position: a sequence, or the `id` of an event.",
    schema=_POSITION,
    examples={"sequence": "1", "position": "5f0c2a91-1042"},
)
_LAST_EVENT_ID: Final = Parameter(
    name="Last-Event-ID",
    place="header",
    description="As `after`, and stronger than `tail` and `after`: a browser sends it when it reconnects.",
    schema=_POSITION,
    examples={"position": "5f0c2a91-1042"},
)
_LAST_EVENT_ID_PARAMETER: Final = Parameter(
    name="lastEventId",
    description="The same for clients that cannot set the header, as polyfills of `EventSource` send it; also as "
    "`last-event-id`. The header is stronger.",
    schema=_POSITION,
    examples={"position": "5f0c2a91-1042"},
)
_NO_CACHE: Final = {"Cache-Control": Header(description="`no-cache`.")}
_LINE: Final = (
    'id: 5f0c2a91-1042\ndata: {"taskId":"build-7","workerId":"worker-1","sequence":1042,'
    '"timestamp":"2026-01-31T13:45:00.123456789Z","level":"WARN","source":"stderr",'
    '"message":"retrying: connection refused"}\n\n'
)

STREAM_LOG: Final = Operation(
    id="streamLog",
    method="GET",
    tag="Streams",
    summary="The log of one task, live",
    description="Server-Sent Events. Without `tail` and `after` it starts at the first line: everything so far, then "
    "everything new, with no seam. Filters are joined by AND, the values of one by OR.",
    scope="logs:read",
    parameters=(
        identifier_parameter("taskId", place="path", description="The task.", example="build-7"),
        *FILTER_PARAMETERS,
        Parameter(
            name="tail",
            description="Start at the last so many matching lines; 0: live only.",
            schema={"type": "integer", "minimum": 0, "maximum": TAIL_MAX},
            examples={"last 100": 100, "live only": 0},
        ),
        _AFTER,
        _LAST_EVENT_ID,
        _LAST_EVENT_ID_PARAMETER,
        Parameter(
            name="event",
            description="Name of the events that are lines: `log`, or none, for which `message` stands.",
            schema={"type": "string", "enum": ["message", "log"]},
            examples={"named": "log"},
        ),
    ),
    answers={
        200: Answer(
            description="The stream; what it carries is described in `/asyncapi.json`. Compressed with zstd or gzip "
            "where `Accept-Encoding` says so.",
            media=("text/event-stream",),
            examples={"one line": _LINE},
            headers=_NO_CACHE,
        ),
        204: Answer(description="The end of the task was seen already; `EventSource` stops at that."),
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
            Message(name="message", summary="One line.", type=LogEntry, examples=(EXAMPLE_ENTRY,), frames=(_LINE,)),
            Message(name="log", summary="The same with `?event=log`.", type=LogEntry, examples=(EXAMPLE_ENTRY,)),
            Message(name="heartbeat", summary="After 30 s of silence.", type=Heartbeat, examples=(_HEARTBEAT,)),
            Message(
                name="gap",
                summary="Lines that no longer exist.",
                type=Gap,
                examples=({"from": 1, "to": 1041, "reason": "retention"},),
            ),
            Message(
                name="complete",
                summary="The task has ended and every line of it was sent; it has an `id`, and the stream ends.",
                type=Completed,
                examples=(
                    {"status": "COMPLETED", "timestamp": "2026-01-31T13:46:00.000000000Z", "lastSequence": 1042},
                ),
            ),
            Message(
                name="error",
                summary="Why the gateway ends the stream.",
                type=StreamError,
                examples=(_error(CloseReason.SERVER_SHUTDOWN), _error(CloseReason.TOKEN_EXPIRED)),
            ),
        ),
    ),
)

STREAM_PROGRESS: Final = Operation(
    id="streamProgress",
    method="GET",
    tag="Streams",
    summary="The stages of one pipeline, live",
    description="Server-Sent Events: the current state of every stage, then every transition.",
    scope="logs:read",
    parameters=(
        identifier_parameter("pipelineId", place="path", description="The pipeline.", example="release"),
        _AFTER,
        _LAST_EVENT_ID,
        _LAST_EVENT_ID_PARAMETER,
    ),
    answers={
        200: Answer(
            description="The stream; what it carries is described in `/asyncapi.json`.",
            media=("text/event-stream",),
            headers=_NO_CACHE,
        )
    },
    errors=("NOT_FOUND", "SERVER_FULL"),
    stored=True,
    channel=Channel(
        id="progress",
        title="The stages of one pipeline",
        description="Every event has an `id`, which is the position to resume from.",
        address="/api/v1/log-streaming/pipelines/{pipelineId}/progress",
        protocol="http",
        parameters={"pipelineId": "The pipeline, percent-encoded."},
        sends=(
            Message(
                name="progress",
                summary="The state of one stage.",
                type=PipelineProgress,
                examples=(EXAMPLE_PROGRESS,),
            ),
            Message(name="heartbeat", summary="After 30 s of silence.", type=Heartbeat, examples=(_HEARTBEAT,)),
            Message(
                name="error",
                summary="Why the gateway ends the stream.",
                type=StreamError,
                examples=(_error(CloseReason.SERVER_SHUTDOWN),),
            ),
        ),
    ),
)
