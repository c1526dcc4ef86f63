"""``…/counts`` and ``…/matches``: how many lines of a task match, of which levels, and where."""

from collections import Counter, defaultdict
from typing import Annotated, Final

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from filters.expressions.canonical import with_text
from filters.matching import Matcher
from filters.model import LogFilter
from filters.parsing import KEYWORD_LENGTH_MAX
from gateway.auth import Authenticator
from gateway.history.bodies import answer
from gateway.history.limits import HistoryLimits
from gateway.history.log import known_task
from gateway.history.openapi import HISTORY, TASK
from gateway.history.reads import Budget, Reads
from gateway.history.scans import Scans
from gateway.http.disconnects import while_connected
from gateway.routing.operation import DescribedRoute, Operation
from gateway.routing.parameters import Number, Text
from gateway.routing.path_parameters import path_identifier
from gateway.transports.stream_request import FILTER_PARAMETERS, filter_of
from storage.journal.history import SequenceRange
from storage.journal.interface import TaskState

__all__ = ["Q", "count_routes", "filter_and_text"]

COUNTS_PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}/counts"
MATCHES_PATH: Final = "/api/v1/log-streaming/logs/{task_id:identifier}/matches"
_STEP_BYTES: Final = 1 << 20


Q: Final = Text(
    "q",
    "And a text that the message contains, whatever the case.",
    length_max=KEYWORD_LENGTH_MAX,
    examples=("timeout",),
)
_BUCKETS: Final = Number(
    "buckets",
    "Into how many runs of equal length the task is cut, 200 by default.",
    minimum=1,
    maximum=2000,
    default=200,
    examples=(2,),
)
_MATCHES: Final = Number(
    "limit",
    "At most so many; 100,000 by default.",
    minimum=1,
    maximum=100_000,
    default=100_000,
    examples=(10,),
)


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
    """Which lines of one task match."""

    task_id: str
    epoch: str
    total: int
    sequences: Annotated[list[int], msgspec.Meta(description="Ascending.")]
    is_complete: bool
    last_sequence: Annotated[int, msgspec.Meta(description="It was looked for up to here.")]
    q: str


COUNT_LINES: Final = Operation(
    "countLines",
    "GET",
    HISTORY,
    "How many lines of one task match, by level and along the task",
    scope="logs:read",
    parameters=(TASK, *FILTER_PARAMETERS, Q, _BUCKETS),
    answers={200: LineCounts},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)
FIND_MATCHES: Final = Operation(
    "findMatches",
    "GET",
    HISTORY,
    "Where lines of one task match",
    scope="logs:read",
    parameters=(TASK, Q, *FILTER_PARAMETERS, _MATCHES),
    answers={200: Matches},
    errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
    stored=True,
)


def filter_and_text(query: QueryParams, *, has_labels: bool = False) -> LogFilter:
    """What a request looks for: its filter, which may choose tasks by labels where ``has_labels``, and its text.

    Raises:
        ApiError: INVALID_ARGUMENT that names the parameter.
    """
    return with_text(filter_of(query.multi_items(), has_labels=has_labels), Q.of(query))


def count_routes(
    reads: Reads, authenticator: Authenticator, limits: HistoryLimits, scans: Scans
) -> list[DescribedRoute]:
    """Both routes."""

    async def task_of(request: Request, path: str) -> tuple[str, TaskState]:
        """Whose share of the reads it is, and the task."""
        task_id = path_identifier(request.scope, path, "task_id")
        principal = await authenticator.principal_of(request)
        principal.require("logs:read", task_id=task_id)
        return principal.subject, await known_task(reads, task_id)

    async def counts(request: Request) -> Response:
        subject, state = await task_of(request, COUNTS_PATH)
        matcher = Matcher(filter_and_text(request.query_params))
        buckets = _BUCKETS.of(request.query_params)
        with scans.of(subject).place():
            work = _counts(reads.of(subject), state, matcher, buckets, Budget(limits.seconds_max))
            found = await while_connected(request, work)
        body = msgspec.json.encode(found)
        return await answer(request, "json", lambda: body, len(body))

    async def matches(request: Request) -> Response:
        subject, state = await task_of(request, MATCHES_PATH)
        matcher = Matcher(filter_and_text(request.query_params))
        query = request.query_params
        limit = _MATCHES.of(query, maximum=limits.matches_max, default=limits.matches_max)
        with scans.of(subject).place():
            work = _matches(reads.of(subject), state, Q.of(query), matcher, limit, Budget(limits.seconds_max))
            found = await while_connected(request, work)
        body = msgspec.json.encode(found)
        return await answer(request, "json", lambda: body, len(body))

    return [
        DescribedRoute(COUNTS_PATH, counts, COUNT_LINES),
        DescribedRoute(MATCHES_PATH, matches, FIND_MATCHES),
    ]


async def _counts(reads: Reads, state: TaskState, matcher: Matcher, buckets_max: int, budget: Budget) -> LineCounts:
    lines = max(state.last + 1 - state.first, 0)
    sequences = SequenceRange(state.first, state.last, max(1, -(-lines // buckets_max)))
    counts: defaultdict[int, Counter[str]] = defaultdict(Counter)
    starts: dict[int, str] = {}
    ends: dict[int, str] = {}
    position = state.first - 1
    while position < state.last and not budget.is_spent:
        step = await reads.count_by_level(state.task_id, position, sequences, matcher)
        for bucket, found in step.counts.items():
            counts[bucket].update(found)
        starts.update(step.starts)
        ends.update(step.ends)
        position = step.end
    levels: Counter[str] = Counter()
    buckets = []
    for bucket in range(-(-lines // sequences.width)):
        first, last = sequences.bounds(bucket)
        if first > position:
            break
        levels.update(counts[bucket])
        found = counts[bucket]
        buckets.append(Bucket(first, last, starts.get(bucket), ends.get(bucket), found.total(), found))
    return LineCounts(
        task_id=state.task_id,
        epoch=reads.epoch,
        first_sequence=state.first,
        last_sequence=state.last,
        total=levels.total(),
        levels=levels,
        buckets=buckets,
        is_complete=position >= state.last,
    )


async def _matches(reads: Reads, state: TaskState, q: str, matcher: Matcher, limit: int, budget: Budget) -> Matches:
    sequences: list[int] = []
    position = state.first - 1
    while position < state.last and len(sequences) < limit and not budget.is_spent:
        found = await reads.read(
            state.task_id, position, state.last, matcher, lines_max=limit - len(sequences), bytes_max=_STEP_BYTES
        )
        sequences += found.sequences
        position = found.end
    return Matches(
        task_id=state.task_id,
        epoch=reads.epoch,
        total=len(sequences),
        sequences=sequences,
        is_complete=position >= state.last,
        last_sequence=position,
        q=q,
    )
