"""``POST`` and ``PUT /api/v1/ingest/{taskId}``: lines from programs that have no client, ``curl`` above all."""

from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from filters.entry import LEVELS
from filters.identifiers import IdentifierError, check_identifier
from gateway.auth import Authenticator
from gateway.auth.principal import LOGS_WRITE
from gateway.errors import ApiError
from gateway.http.connection import Connection, connection_of
from gateway.http.encoded_bodies import decoded_pieces
from gateway.http.json_bodies import BodyBudget, answer
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.placed import Place
from gateway.ingest.plain.lines import LineFields, LineReader
from gateway.ingest.plain.numbered import PRODUCER_ID, PRODUCER_NUMBER, producer_of, store_numbered
from gateway.ingest.plain.upload import Upload
from gateway.ingest.registry import ProducerRegistry
from gateway.routing.operation import Body, DescribedRoute, Operation, Tag
from gateway.routing.parameters import Choice, Identifier, Parameter
from gateway.routing.path_parameters import path_identifier

__all__ = ["INGEST", "INGEST_PATH", "plain_routes"]

INGEST_PATH: Final = "/api/v1/ingest/{task_id:identifier}"
INGEST: Final = Tag("Ingest", "Lines from programs that speak neither of the gateway's own wires.")
_JSON_TYPES: Final = frozenset(
    {"application/x-ndjson", "application/jsonl", "application/json-lines", "application/json"}
)
_BODIES_BYTES_MAX: Final = 64 << 20
"""Of numbered requests that are read at a time; uploads hold a piece each."""
_DEFAULT_WORKER: Final = "http"

_WORKER: Final = Identifier(
    "worker", "The worker of the lines; `http` without it.", examples=("runner-1",), place="query"
)
_SOURCE: Final = Choice("source", "Of lines that do not say it; `stdout` without it.", choices=("stdout", "stderr"))
_LEVEL: Final = Choice("level", "Of lines that do not say it; what a line looks like without it.", choices=LEVELS)
_NUMBERS: Final = (
    Parameter(PRODUCER_ID, "Who numbers the requests: 1 to 128 bytes.", place="header"),
    Parameter(
        PRODUCER_NUMBER,
        "Of the request: 1, 2, 3, … A request is then stored whole or not at all, and once however often it is sent.",
        schema={"type": "integer", "minimum": 1},
        place="header",
    ),
)


class IngestLine(msgspec.Struct, omit_defaults=True):
    """A line as JSON; fields that are not named here become metadata."""

    message: str
    timestamp: Annotated[str | int | float | None, msgspec.Meta(description="RFC 3339, or a number since 1970.")] = None
    level: str | None = None
    source: str | None = None
    metadata: dict[str, str] | None = None


class Ingested(msgspec.Struct, rename="camel"):
    """Everything is stored."""

    task_id: str
    lines: int
    first_sequence: Annotated[int, msgspec.Meta(description="0: there were no lines.")]
    last_sequence: int
    truncated: Annotated[int, msgspec.Meta(description="Lines that were cut at `MESSAGE_BYTES_MAX`.")]
    duplicate: Annotated[
        bool, msgspec.Meta(description="The number had been stored before, and nothing was stored now.")
    ]


class _Handlers:
    def __init__(self, registry: ProducerRegistry, authenticator: Authenticator) -> None:
        self._registry = registry
        self._authenticator = authenticator
        self._budget = BodyBudget(_BODIES_BYTES_MAX)

    async def ingest(self, request: Request) -> Response:
        registry = self._registry
        task_id = path_identifier(request.scope, INGEST_PATH, "task_id")
        try:
            principal = await self._authenticator.principal_of(request)
            principal.require(LOGS_WRITE, task_id=task_id)
        except ApiError:
            registry.counters.refused(Dialect.HTTP, Refusal.AUTHENTICATION)
            raise
        reader = LineReader(_fields(request, task_id), registry.limits, is_json=_media_of(request) in _JSON_TYPES)
        producer = producer_of(request, principal)
        address = request.client.host if request.client else ""
        with Place(registry, Dialect.HTTP, principal, address):
            if producer is not None:
                receipt = await store_numbered(request, registry, producer, reader, self._budget)
                return _answer(reader, receipt.first, receipt.last, is_duplicate=receipt.duplicate)
            upload = Upload(registry, principal, reader)
            await self._run(request, upload)
        return _answer(reader, upload.first, upload.last)

    async def _run(self, request: Request, upload: Upload) -> None:
        connection: Connection = connection_of(request.scope)
        self._registry.uploads.add(upload)
        connection.let_body_last()
        try:
            await upload.run(decoded_pieces(request))
        finally:
            connection.limit_body()
            self._registry.uploads.discard(upload)


def plain_routes(registry: ProducerRegistry, authenticator: Authenticator) -> list[DescribedRoute]:
    """The routes; ``curl -T -`` sends ``PUT``, everything else ``POST``."""
    handlers = _Handlers(registry, authenticator)
    return [
        DescribedRoute(INGEST_PATH, handlers.ingest, _operation(method), limits_its_body=True) for method in _METHODS
    ]


_METHODS: Final = {"POST": "ingestLines", "PUT": "uploadLines"}


def _operation(method: str) -> Operation:
    return Operation(
        _METHODS[method],
        method,  # type: ignore[arg-type]
        INGEST,
        "Store lines of one task" if method == "POST" else "The same for `curl -T -`",
        description="The body is text, or with `Content-Type: application/x-ndjson` a JSON object a line; with "
        "`Content-Encoding` gzip, zstd or none. Lines are stored and seen as they arrive, so a request may last as "
        "long as a build; the answer comes after its last line is stored. A line that is no JSON object is taken as "
        "text. With a number it is stored whole, up to `REQUEST_BYTES_MAX` and 10,000 lines, and once.",
        scope=LOGS_WRITE,
        parameters=(Identifier("taskId", "The task.", examples=("build-7",)), _WORKER, _SOURCE, _LEVEL, *_NUMBERS),
        body=Body(
            IngestLine,
            {"line": {"message": "connection refused", "level": "ERROR", "source": "stderr"}},
            media={"text/plain": "one\ntwo\n"},
            is_required=False,
        ),
        answers={200: Ingested},
        errors=("NOT_FOUND", "RESOURCE_EXHAUSTED"),
        stored=True,
    )


def _fields(request: Request, task_id: str) -> LineFields:
    query = request.query_params
    try:
        worker_id = check_identifier("worker", query.get("worker", _DEFAULT_WORKER))
    except IdentifierError as error:
        raise ApiError("INVALID_ARGUMENT", str(error), field="worker") from error
    source, level = _SOURCE.of(query) or "stdout", _LEVEL.of(query) or ""
    return LineFields(task_id=task_id, worker_id=worker_id, source=source, level=level)


def _media_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _answer(reader: LineReader, first: int, last: int, *, is_duplicate: bool = False) -> Response:
    counts, lines = reader.counts, 0 if is_duplicate else reader.counts.lines
    return answer(Ingested(reader.fields.task_id, lines, first, last, counts.truncated, is_duplicate))
