"""Node executions over HTTP: taking reports, reading and deleting rows, and their statistics."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from components.executions.access import covered, covered_everything, stored
from components.executions.messages import EXECUTIONS, Deleted, LoggedNode, NodeExecution, NodeRow, NodeRows
from components.executions.tables import ExecutionStore, LogStatistics, NodeFilter, NodeStatus
from gateway.auth import Authenticator
from gateway.errors import ApiError
from gateway.http.json_bodies import BodyBudget, answer, around_list, decoded, read_body
from gateway.routing.operation import Body, DescribedRoute, Operation
from gateway.routing.parameters import Choice, Identifier, Number

__all__ = ["NODE_EXECUTION_PATH", "body_bytes_max", "execution_routes"]

NODE_EXECUTION_PATH: Final = "/api/logs/node-execution"
LOG_STATISTICS_PATH: Final = "/api/logs/stats"

_TEXTS_BYTES: Final = 512 << 10
"""What a body may have besides parameters and result: names, the error and its traceback."""
_BODIES_BYTES_MAX: Final = 64 << 20
_HEAD, _FOOT = around_list(NodeRows([]), "logs")


def body_bytes_max(value_bytes_max: int) -> int:
    """The longest body of a report whose parameters and result have at most so many bytes each."""
    return 2 * value_bytes_max + _TEXTS_BYTES


_STATUS: Final = Choice("status", "In this state.", choices=tuple(NodeStatus))

_LIMIT: Final = Number(
    "limit", "At most so many rows; 100 without it.", minimum=1, maximum=1000, default=100, examples=(50,)
)

_OFFSET: Final = Number("offset", "Leave out so many first.", maximum=1_000_000_000, examples=(50,))

_IDS: Final = (
    Identifier("execution_id", "Of this execution.", examples=("execution-7",), place="query"),
    Identifier("script_id", "Of this script.", examples=("nightly",), place="query"),
    Identifier("node_id", "Of this node.", examples=("fetch",), place="query"),
)
_FILTERS: Final = (*_IDS, _STATUS)

_LOG_NODE_EXECUTION: Final = Operation(
    "logNodeExecution",
    "POST",
    EXECUTIONS,
    "Report a node's run",
    description="`running` begins a run, `completed` and `failed` end the newest one that is running. The reports of a "
    "run may come in any order, and more than once; `started_at` tells the runs of one node apart.",
    scope="logs:write",
    body=Body(
        NodeExecution,
        {
            "running": {
                "execution_id": "execution-7",
                "script_id": "nightly",
                "node_id": "fetch",
                "node_type": "http",
                "status": "running",
                "started_at": 1767225600000,
                "parameters": {"url": "https://example.com/list"},
            },
            "failed": {
                "execution_id": "execution-7",
                "node_id": "publish",
                "status": "failed",
                "error_message": "no such folder",
            },
        },
    ),
    answers={200: LoggedNode},
    stored=True,
)

_LIST_NODE_EXECUTIONS: Final = Operation(
    "listNodeExecutions",
    "GET",
    EXECUTIONS,
    "Node runs, the newest first",
    scope="logs:read",
    parameters=(*_FILTERS, _LIMIT, _OFFSET),
    answers={200: NodeRows},
    stored=True,
)

_DELETE_NODE_EXECUTIONS: Final = Operation(
    "deleteNodeExecutions",
    "DELETE",
    EXECUTIONS,
    "Remove node runs",
    description="At least one filter is needed, and none may be empty.",
    scope="logs:write",
    parameters=_FILTERS,
    answers={200: Deleted},
    stored=True,
)

_READ_LOG_STATISTICS: Final = Operation(
    "readLogStatistics",
    "GET",
    EXECUTIONS,
    "Totals of node runs",
    description="`total` counts executions, `completed` and `failed` node runs; the average is in milliseconds.",
    scope="logs:read",
    answers={200: LogStatistics},
    stored=True,
)


class _Handlers:
    """Answers the requests."""

    def __init__(self, store: ExecutionStore, authenticator: Authenticator, value_bytes_max: int) -> None:
        self._store = store
        self._authenticator = authenticator
        self._value_bytes_max = value_bytes_max
        self._budget = BodyBudget(_BODIES_BYTES_MAX)

    async def log_node(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        principal.require("logs:write")
        body = await read_body(request, self._budget)
        try:
            execution = await decoded(body, NodeExecution)
            report = execution.report(self._value_bytes_max)
            covered(principal, "logs:write", report.script_id)
            taken = await stored(self._store.report(report))
        finally:
            self._budget.give_back(len(body))
        return answer(LoggedNode(log_id=taken.log_id))

    async def list_nodes(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        wanted = _filter(request, is_strict=False)
        covered(principal, "logs:read", wanted.script_id)
        given = {name: text for name, text in request.query_params.items() if text}
        limit, offset = _LIMIT.of(given), _OFFSET.of(given)
        pieces = await stored(self._store.find(wanted, limit=limit, offset=offset))
        first = await stored(_encoded(pieces))  # before the answer begins: what goes wrong here still has a status
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Cookie"}
        return StreamingResponse(_chunks(first, pieces), headers=headers, media_type="application/json")

    async def delete_nodes(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        wanted = _filter(request, is_strict=True)
        covered(principal, "logs:write", wanted.script_id)
        for name in ("limit", "offset"):
            if name in request.query_params:
                message = f"{name} does not go with DELETE, which removes every row that the filters mean"
                raise ApiError("INVALID_ARGUMENT", message, field=name)
        if wanted.is_empty:
            message = "name at least one of execution_id, script_id, node_id and status"
            raise ApiError("INVALID_ARGUMENT", message, field="execution_id")
        return answer(Deleted(deleted=await stored(self._store.delete(wanted))))

    async def statistics(self, request: Request) -> Response:
        principal = await self._authenticator.principal_of(request)
        covered_everything(principal, "logs:read")
        return answer(await stored(self._store.log_statistics()))


def execution_routes(
    store: ExecutionStore, authenticator: Authenticator, *, value_bytes_max: int
) -> list[DescribedRoute]:
    """``/api/logs/node-execution`` (POST, GET, DELETE) and ``GET /api/logs/stats``.

    If a token names tasks, it may write and read only the scripts with these names, and no data that has no script.
    """
    handlers = _Handlers(store, authenticator, value_bytes_max)
    return [
        DescribedRoute(
            NODE_EXECUTION_PATH, handlers.log_node, _LOG_NODE_EXECUTION, body_bytes_max=body_bytes_max(value_bytes_max)
        ),
        DescribedRoute(NODE_EXECUTION_PATH, handlers.list_nodes, _LIST_NODE_EXECUTIONS),
        DescribedRoute(NODE_EXECUTION_PATH, handlers.delete_nodes, _DELETE_NODE_EXECUTIONS),
        DescribedRoute(LOG_STATISTICS_PATH, handlers.statistics, _READ_LOG_STATISTICS),
    ]


def _filter(request: Request, *, is_strict: bool) -> NodeFilter:
    """The filters in the query.

    An empty value filters nothing when rows are read. It is an error when rows are deleted: an id that was left empty
    by mistake must not select every row.
    """
    given = {name: text for name, text in request.query_params.items() if text or is_strict}
    status = _STATUS.of(given)
    ids = {each.name: each.of(given) for each in _IDS}
    return NodeFilter(**ids, status=None if status is None else NodeStatus(status))


async def _chunks(first: bytes, pieces: AsyncIterator[Sequence[Any]]) -> AsyncIterator[bytes]:
    """The answer in pieces. An error in the middle breaks the connection off: a list cut short must not look whole."""
    yield _HEAD + first
    while piece := await _encoded(pieces):
        yield b"," + piece
    yield _FOOT


async def _encoded(pieces: AsyncIterator[Sequence[Any]]) -> bytes:
    rows = await anext(pieces, None)
    return b"" if rows is None else await asyncio.to_thread(_encode, rows)


def _encode(rows: Sequence[Any]) -> bytes:
    return b",".join(msgspec.json.encode(_row(row._mapping)) for row in rows)


def _row(columns: Mapping[str, Any]) -> NodeRow:
    values: dict[str, Any] = {
        name: value.decode(errors="replace") if isinstance(value, bytes) else value for name, value in columns.items()
    }
    for name in ("execution_id", "node_id"):
        values[name] = values[name] or None  # a table that takes no NULL has an empty text
    for name in ("parameters", "result"):
        values[name] = _json(values[name])
    return NodeRow(**values)


def _json(value: object) -> msgspec.Raw:
    """JSON as it is stored; a text that is no JSON, which other programs may have written, as a string."""
    if isinstance(value, str):
        try:
            return msgspec.Raw(msgspec.json.decode(value, type=msgspec.Raw))
        except (msgspec.DecodeError, RecursionError):
            pass
    return msgspec.Raw(msgspec.json.encode(value))
