"""What requests for the past take and are answered with: types, parameters, operations."""

from typing import Annotated, Final

import msgspec

from filters.entry import LogEntry
from filters.parsing import KEYWORD_LENGTH_MAX
from gateway.routing.operation import Answer, Header, Operation, Tag
from gateway.routing.parameters import Choice, Number, Parameter, identifier_parameter
from gateway.transports.stream_request import AFTER, FILTER_PARAMETERS, POSITION

__all__ = [
    "BUCKETS",
    "CONTEXT",
    "COUNT_LINES",
    "DOWNLOAD",
    "FIND_MATCHES",
    "FORMAT",
    "HITS",
    "LIST_TASKS",
    "MATCHES",
    "PAGE_LIMIT",
    "PLAIN",
    "READ_LOG",
    "SEARCH_LOGS",
    "TAIL",
    "TASKS",
    "TASK_STATUS",
    "Bucket",
    "LineCounts",
    "LogPage",
    "Matches",
    "Scanned",
    "SearchHit",
    "SearchResult",
    "StoredGap",
    "StoredTaskList",
    "StoredTaskSummary",
    "TaskHits",
]

_HISTORY: Final = Tag("History", "What is stored: entries of a task, their counts, and searches.")
_STATUSES: Final = ("RUNNING", "COMPLETED", "FAILED")
Status = Annotated[str, msgspec.Meta(extra_json_schema={"enum": list(_STATUSES)})]


class StoredGap(msgspec.Struct):
    """Lines that no longer exist."""

    from_: int = msgspec.field(name="from")
    to: int
    reason: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["retention", "damaged"]})]


class LogPage(msgspec.Struct, rename="camel", kw_only=True):
    """Stored entries of one task, in ascending order."""

    task_id: str
    epoch: str
    status: Status
    first_sequence: Annotated[int, msgspec.Meta(description="Of what is stored; above 1: retention took the rest.")]
    last_sequence: int
    entries: list[LogEntry]
    previous: Annotated[str | None, msgspec.Meta(description="`before` of the page in front; null: there is none.")]
    next: Annotated[
        str,
        msgspec.Meta(
            description="`after` of the page behind, also of one that is still to come.", examples=["5f0c2a91-1042"]
        ),
    ]
    has_previous: Annotated[bool, msgspec.Meta(description="Whether matching lines are, or may be, in front.")]
    has_next: Annotated[bool, msgspec.Meta(description="Whether matching lines are, or may be, behind.")]
    gaps: list[StoredGap]
    is_restart: Annotated[bool, msgspec.Meta(description="The position was of another life: this begins anew.")]


class Bucket(msgspec.Struct, rename="camel"):
    """A run of consecutive lines."""

    from_: int = msgspec.field(name="from")
    to: int
    start_time: Annotated[str | None, msgspec.Meta(description="Of its first line; null: it cannot be read.")]
    end_time: Annotated[str | None, msgspec.Meta(description="Of its last line.")]
    total: int
    levels: dict[str, int]


class LineCounts(msgspec.Struct, rename="camel", kw_only=True):
    """How many lines of one task match."""

    task_id: str
    epoch: str
    first_sequence: int
    last_sequence: int
    total: int
    levels: dict[str, int]
    buckets: list[Bucket]
    is_complete: Annotated[bool, msgspec.Meta(description="False: there was no time for more buckets.")]


class Matches(msgspec.Struct, rename="camel", kw_only=True):
    """Where a text occurs in one task."""

    task_id: str
    epoch: str
    total: int
    sequences: Annotated[list[int], msgspec.Meta(description="Ascending.")]
    is_complete: bool
    last_sequence: Annotated[int, msgspec.Meta(description="It was looked for up to here.")]
    q: str


class StoredTaskSummary(msgspec.Struct, rename="camel", kw_only=True):
    """A task that has lines."""

    task_id: str
    status: Status
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


_TASK: Final = identifier_parameter("taskId", "The task.", "build-7")
_BEFORE: Final = Parameter("before", "The last entries in front of this position.", schema=POSITION, examples=("3",))
TAIL: Final = Number("tail", "The last so many entries.", maximum=10_000, examples=(100,))
PAGE_LIMIT: Final = Number(
    "limit",
    "Entries of a page, 500 by default and at most `HISTORY_LINES_MAX`; of a download, all.",
    minimum=1,
    maximum=10_000,
    default=500,
    examples=(10,),
)
FORMAT: Final = Choice(
    "format",
    "Instead of `Accept`: `json`, `ndjson` (an entry on each line) or `text`.",
    choices=("json", "ndjson", "text"),
    examples=("ndjson", "text"),
)
PLAIN: Final = Choice("plain", "As text: only the messages.", choices=("message",))
DOWNLOAD: Final = Choice("download", "All matching entries, as a file.", choices=("0", "1"))
BUCKETS: Final = Number(
    "buckets",
    "Into how many runs of equal length the task is cut, 200 by default.",
    minimum=1,
    maximum=2000,
    default=200,
    examples=(2,),
)
MATCHES: Final = Number(
    "limit",
    "At most so many; 100,000 by default.",
    minimum=1,
    maximum=100_000,
    default=100_000,
    examples=(10,),
)
TASKS: Final = Number("limit", "Tasks of a page, 50 by default.", minimum=1, maximum=200, default=50, examples=(2,))
TASK_STATUS: Final = Choice("status", "Only tasks with this status.", choices=_STATUSES)
HITS: Final = Number(
    "limit",
    "Hits, 100 by default and at most `HISTORY_HITS_MAX`.",
    minimum=1,
    maximum=1000,
    default=100,
    examples=(10,),
)
CONTEXT: Final = Number("context", "Lines in front of each hit, and behind it.", maximum=20, examples=(2,))
_TEXT: Final = {"type": "string", "maxLength": KEYWORD_LENGTH_MAX}
_Q: Final = Parameter(
    "q", "And a text that the message contains, whatever the case.", schema=_TEXT, examples=("timeout",)
)
_NEEDED_Q: Final = Parameter(
    "q",
    "The text, whatever the case.",
    schema={"type": "string", "minLength": 1, "maxLength": KEYWORD_LENGTH_MAX},
    examples=("timeout",),
    is_required=True,
)
_CURSOR: Final = Parameter("cursor", "`next` of the answer before.")

READ_LOG: Final = Operation(
    "readLog",
    "GET",
    _HISTORY,
    "What is stored of one task",
    description="A page of entries, or all of them as a file. At most one of `after`, `before` and `tail`; without, it "
    "starts at the first line. Cursors stay valid while lines arrive. Compressed with zstd or gzip where "
    "`Accept-Encoding` says so.",
    scope="logs:read",
    parameters=(_TASK, *FILTER_PARAMETERS, AFTER, _BEFORE, TAIL, PAGE_LIMIT, FORMAT, PLAIN, DOWNLOAD),
    answers={
        200: Answer(
            "The page. As lines of JSON or text, `Link` has the addresses of the neighbouring pages.",
            LogPage,
            media=("application/x-ndjson", "text/plain"),
            headers={"Vary": Header("`Accept`, `Accept-Encoding` and those of credentials.")},
        )
    },
    errors=("NOT_FOUND", "NOT_ACCEPTABLE", "RESOURCE_EXHAUSTED"),
    stored=True,
)
COUNT_LINES: Final = Operation(
    "countLines",
    "GET",
    _HISTORY,
    "How many lines of one task match, by level and along the task",
    scope="logs:read",
    parameters=(_TASK, *FILTER_PARAMETERS, _Q, BUCKETS),
    answers={200: LineCounts},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)
FIND_MATCHES: Final = Operation(
    "findMatches",
    "GET",
    _HISTORY,
    "Where a text occurs in one task",
    scope="logs:read",
    parameters=(_TASK, _NEEDED_Q, *FILTER_PARAMETERS, MATCHES),
    answers={200: Matches},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)
LIST_TASKS: Final = Operation(
    "listTasks",
    "GET",
    _HISTORY,
    "What is stored",
    description="Tasks that have lines and that the token covers, the newest activity first.",
    scope="logs:read",
    parameters=(
        Parameter("search", "Part of the task's id, whatever the case.", examples=("build",)),
        TASK_STATUS,
        TASKS,
        _CURSOR,
    ),
    answers={200: StoredTaskList},
    stored=True,
)
SEARCH_LOGS: Final = Operation(
    "searchLogs",
    "GET",
    _HISTORY,
    "Where a text occurs in all tasks",
    description="In the tasks that the token covers, the newest activity first, in each the newest line first. With "
    "`Accept: text/event-stream` hits come as they are found, as events `hit`; `progress` says how far it has got, and "
    "`complete` has the rest of the document. Closing the connection stops it.",
    scope="logs:read",
    parameters=(_NEEDED_Q, *FILTER_PARAMETERS, HITS, CONTEXT, _CURSOR),
    answers={200: Answer("What was found.", SearchResult, media=("text/event-stream",))},
    errors=("RESOURCE_EXHAUSTED",),
    stored=True,
)
