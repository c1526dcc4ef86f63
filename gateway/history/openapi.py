"""What OpenAPI says of the history."""

from typing import Annotated, Any, Final

import msgspec

from filters.entry import LogEntry
from gateway.routing.operation import Answer, Header, Operation, Parameter, identifier_parameter
from gateway.transports.sse.openapi import EXAMPLE_ENTRY, FILTER_PARAMETERS

__all__ = ["COUNT_LINES", "FIND_MATCHES", "LIST_TASKS", "READ_LOG", "SEARCH_LOGS"]

_POSITION: Final = {"type": "string", "pattern": r"^(?:[0-9a-f]{8}-)?[0-9]{1,18}(?:\.end)?$"}
_STATUS: Final = msgspec.Meta(extra_json_schema={"enum": ["RUNNING", "COMPLETED", "FAILED"]})
TASK: Final = identifier_parameter("taskId", place="path", description="The task.", example="build-7")
FORMAT: Final = Parameter(
    name="format",
    description="Instead of `Accept`: `json`, `ndjson` (an entry on each line) or `text`.",
    schema={"type": "string", "enum": ["json", "ndjson", "text"]},
    examples={"lines of JSON": "ndjson", "text": "text"},
)


class StoredGap(msgspec.Struct):
    """Lines that no longer exist."""

    from_: int = msgspec.field(name="from")
    to: int
    reason: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["retention", "damaged"]})]


class LogPage(msgspec.Struct, rename="camel"):
    """Stored entries of one task, in ascending order."""

    task_id: str
    epoch: str
    status: Annotated[str, _STATUS]
    first_sequence: Annotated[int, msgspec.Meta(description="Of what is stored; above 1: retention took the rest.")]
    last_sequence: int
    entries: list[LogEntry]
    previous: Annotated[str | None, msgspec.Meta(description="`before` of the page in front; null: there is none.")]
    next: Annotated[str, msgspec.Meta(description="`after` of the page behind, also of one that is still to come.")]
    has_previous: Annotated[bool, msgspec.Meta(description="Whether matching lines are, or may be, in front.")]
    has_next: Annotated[bool, msgspec.Meta(description="Whether matching lines are, or may be, behind.")]
    gaps: list[StoredGap]
    is_restart: Annotated[bool, msgspec.Meta(description="The position was of another life: this begins anew.")]


_EXAMPLE_PAGE: Final[dict[str, Any]] = {
    "taskId": "build-7",
    "epoch": "5f0c2a91",
    "status": "RUNNING",
    "firstSequence": 1,
    "lastSequence": 1042,
    "entries": [EXAMPLE_ENTRY],
    "previous": "5f0c2a91-1042",
    "next": "5f0c2a91-1042",
    "hasPrevious": True,
    "hasNext": False,
    "gaps": [],
    "isRestart": False,
}

READ_LOG: Final = Operation(
    id="readLog",
    method="GET",
    tag="History",
    summary="What is stored of one task",
    description="A page of entries, or all of them as a file. At most one of `after`, `before` and `tail`; without, it "
    "starts at the first line. Cursors stay valid while lines arrive. Compressed with zstd or gzip where "
    "`Accept-Encoding` says so.",
    scope="logs:read",
    parameters=(
        TASK,
        *FILTER_PARAMETERS,
        Parameter(
            name="after",
            description="The first entries behind this position.",
            schema=_POSITION,
            examples={"sequence": "1", "position": "5f0c2a91-1042"},
        ),
        Parameter(
            name="before",
            description="The last entries in front of this position.",
            schema=_POSITION,
            examples={"sequence": "3"},
        ),
        Parameter(
            name="tail",
            description="The last so many entries.",
            schema={"type": "integer", "minimum": 0, "maximum": 10_000},
            examples={"last 100": 100},
        ),
        Parameter(
            name="limit",
            description="Entries of a page, 500 by default and at most `HISTORY_LINES_MAX`; of a download, all.",
            schema={"type": "integer", "minimum": 1, "maximum": 10_000},
            examples={"ten": 10},
        ),
        FORMAT,
        Parameter(
            name="plain",
            description="As text: only the messages.",
            schema={"type": "string", "enum": ["message"]},
            examples={"messages": "message"},
        ),
        Parameter(
            name="download",
            description="All matching entries, as a file.",
            schema={"type": "string", "enum": ["0", "1"]},
            examples={"file": "1"},
        ),
    ),
    answers={
        200: Answer(
            description="The page. As lines of JSON or text, `Link` has the addresses of the neighbouring pages.",
            type=LogPage,
            media=("application/x-ndjson", "text/plain"),
            examples={"one line": _EXAMPLE_PAGE},
            headers={"Vary": Header(description="`Accept`, `Accept-Encoding` and those of credentials.")},
        )
    },
    errors=("NOT_FOUND", "NOT_ACCEPTABLE", "RESOURCE_EXHAUSTED"),
    stored=True,
)


class Bucket(msgspec.Struct, rename="camel"):
    """A run of consecutive lines."""

    from_: int = msgspec.field(name="from")
    to: int
    start_time: Annotated[str | None, msgspec.Meta(description="Of its first line; null: it cannot be read.")]
    end_time: Annotated[str | None, msgspec.Meta(description="Of its last line.")]
    total: int
    levels: dict[str, int]


class LineCounts(msgspec.Struct, rename="camel"):
    """How many lines of one task match."""

    task_id: str
    epoch: str
    first_sequence: int
    last_sequence: int
    total: int
    levels: dict[str, int]
    buckets: list[Bucket]
    is_complete: Annotated[bool, msgspec.Meta(description="False: there was no time for more buckets.")]


class Matches(msgspec.Struct, rename="camel"):
    """Where a text occurs in one task."""

    task_id: str
    epoch: str
    q: str
    total: int
    sequences: Annotated[list[int], msgspec.Meta(description="Ascending.")]
    is_complete: bool
    last_sequence: Annotated[int, msgspec.Meta(description="It was looked for up to here.")]


class StoredTaskSummary(msgspec.Struct, rename="camel"):
    """A task that has lines."""

    task_id: str
    status: Annotated[str, _STATUS]
    first_sequence: int
    last_sequence: int
    lines: int
    first_timestamp: str | None
    last_timestamp: str | None
    levels: Annotated[dict[str, int], msgspec.Meta(description="Lines by level; fewer than all while it is counted.")]
    workers: Annotated[list[str], msgspec.Meta(description="The first 20 by name.")]
    worker_count: int
    bytes: Annotated[int, msgspec.Meta(description="On the disk, compressed.")]


class StoredTaskList(msgspec.Struct):
    """Tasks, the newest activity first."""

    tasks: list[StoredTaskSummary]
    next: Annotated[str | None, msgspec.Meta(description="`cursor` of the next page; null: there is none.")]
    total: Annotated[int | None, msgspec.Meta(description="Of all pages.")]


_Q: Final = Parameter(
    name="q",
    description="And a text that the message contains, whatever the case.",
    schema={"type": "string", "maxLength": 256},
    examples={"text": "timeout"},
)
_NEEDED_Q: Final = Parameter(
    name="q",
    description="The text, whatever the case.",
    schema={"type": "string", "minLength": 1, "maxLength": 256},
    examples={"text": "timeout"},
    is_required=True,
)
_TIME_OF_ONE: Final = "2026-01-31T13:45:00.123456789Z"

COUNT_LINES: Final = Operation(
    id="countLines",
    method="GET",
    tag="History",
    summary="How many lines of one task match, by level and along the task",
    scope="logs:read",
    parameters=(
        TASK,
        *FILTER_PARAMETERS,
        _Q,
        Parameter(
            name="buckets",
            description="Into how many runs of equal length the task is cut, 200 by default.",
            schema={"type": "integer", "minimum": 1, "maximum": 2000},
            examples={"two": 2},
        ),
    ),
    answers={
        200: Answer(
            description="The counts.",
            type=LineCounts,
            examples={
                "one bucket": {
                    "taskId": "build-7",
                    "epoch": "5f0c2a91",
                    "firstSequence": 1,
                    "lastSequence": 1,
                    "total": 1,
                    "levels": {"WARN": 1},
                    "buckets": [
                        {
                            "from": 1,
                            "to": 1,
                            "startTime": _TIME_OF_ONE,
                            "endTime": _TIME_OF_ONE,
                            "total": 1,
                            "levels": {"WARN": 1},
                        }
                    ],
                    "isComplete": True,
                }
            },
        )
    },
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)

FIND_MATCHES: Final = Operation(
    id="findMatches",
    method="GET",
    tag="History",
    summary="Where a text occurs in one task",
    scope="logs:read",
    parameters=(
        TASK,
        _NEEDED_Q,
        *FILTER_PARAMETERS,
        Parameter(
            name="limit",
            description="At most so many; 100,000 by default.",
            schema={"type": "integer", "minimum": 1, "maximum": 100_000},
            examples={"ten": 10},
        ),
    ),
    answers={
        200: Answer(
            description="The sequences of the lines.",
            type=Matches,
            examples={
                "two": {
                    "taskId": "build-7",
                    "epoch": "5f0c2a91",
                    "q": "timeout",
                    "total": 2,
                    "sequences": [17, 1042],
                    "isComplete": True,
                    "lastSequence": 1042,
                }
            },
        )
    },
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)

LIST_TASKS: Final = Operation(
    id="listTasks",
    method="GET",
    tag="History",
    summary="What is stored",
    description="Tasks that have lines and that the token covers, the newest activity first.",
    scope="logs:read",
    parameters=(
        Parameter(
            name="search",
            description="Part of the task's id, whatever the case.",
            schema={"type": "string"},
            examples={"builds": "build"},
        ),
        Parameter(
            name="status",
            description="Only tasks with this status.",
            schema={"type": "string", "enum": ["RUNNING", "COMPLETED", "FAILED"]},
            examples={"failed": "FAILED"},
        ),
        Parameter(
            name="limit",
            description="Tasks of a page, 50 by default.",
            schema={"type": "integer", "minimum": 1, "maximum": 200},
            examples={"two": 2},
        ),
        Parameter(name="cursor", description="`next` of the page before.", schema={"type": "string"}),
    ),
    answers={
        200: Answer(
            description="The tasks.",
            type=StoredTaskList,
            examples={
                "one": {
                    "tasks": [
                        {
                            "taskId": "build-7",
                            "status": "RUNNING",
                            "firstSequence": 1,
                            "lastSequence": 1042,
                            "lines": 1042,
                            "firstTimestamp": "2026-01-31T13:40:00.000000000Z",
                            "lastTimestamp": _TIME_OF_ONE,
                            "levels": {"INFO": 1040, "WARN": 2},
                            "workers": ["worker-1"],
                            "workerCount": 1,
                            "bytes": 9310,
                        }
                    ],
                    "next": None,
                    "total": 1,
                }
            },
        )
    },
    stored=True,
)


class SearchHit(msgspec.Struct):
    """A line, and those around it."""

    entry: LogEntry
    before: list[LogEntry]
    after: list[LogEntry]


class TaskHits(msgspec.Struct, rename="camel"):
    """How many hits a task has."""

    task_id: str
    count: int


class Scanned(msgspec.Struct):
    """What was looked at."""

    tasks: int
    lines: int


class SearchResult(msgspec.Struct, rename="camel"):
    """Hits, the newest first."""

    q: str
    hits: list[SearchHit]
    tasks: list[TaskHits]
    scanned: Scanned
    is_complete: bool
    next: Annotated[str | None, msgspec.Meta(description="`cursor` to go on with; null: there are no more.")]


SEARCH_LOGS: Final = Operation(
    id="searchLogs",
    method="GET",
    tag="History",
    summary="Where a text occurs in all tasks",
    description="In the tasks that the token covers, the newest activity first, in each the newest line first. With "
    "`Accept: text/event-stream` hits come as they are found, as events `hit`; `progress` says how far it has got, and "
    "`complete` has the rest of the document. Closing the connection stops it.",
    scope="logs:read",
    parameters=(
        _NEEDED_Q,
        *FILTER_PARAMETERS,
        Parameter(
            name="limit",
            description="Hits, 100 by default and at most `HISTORY_HITS_MAX`.",
            schema={"type": "integer", "minimum": 1, "maximum": 1000},
            examples={"ten": 10},
        ),
        Parameter(
            name="context",
            description="Lines in front of each hit, and behind it.",
            schema={"type": "integer", "minimum": 0, "maximum": 20},
            examples={"two": 2},
        ),
        Parameter(name="cursor", description="`next` of the answer before.", schema={"type": "string"}),
    ),
    answers={
        200: Answer(
            description="What was found.",
            type=SearchResult,
            media=("text/event-stream",),
            examples={
                "one": {
                    "q": "refused",
                    "hits": [{"entry": EXAMPLE_ENTRY, "before": [], "after": []}],
                    "tasks": [{"taskId": "build-7", "count": 1}],
                    "scanned": {"tasks": 2, "lines": 1840},
                    "isComplete": True,
                    "next": None,
                }
            },
        )
    },
    errors=("RESOURCE_EXHAUSTED",),
    stored=True,
)
