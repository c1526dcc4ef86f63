"""What OpenAPI says of the history."""

from typing import Annotated, Any, Final

import msgspec

from filters.entry import LogEntry
from gateway.description.operation import Answer, Header, Operation, Parameter, identifier_parameter
from gateway.transports.sse_description import EXAMPLE_ENTRY, FILTER_PARAMETERS

__all__ = ["READ_LOG"]

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
    errors=("NOT_FOUND", "NOT_ACCEPTABLE"),
    stored=True,
)
