"""``POST /v1/logs``: OTLP over HTTP, in protobuf and in JSON."""

from typing import Annotated, Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Authenticator
from gateway.auth.principal import LOGS_WRITE
from gateway.errors import ApiError, ErrorDocument
from gateway.http.encoded_bodies import read_encoded
from gateway.ingest.counters import Dialect, Refusal
from gateway.ingest.decoding import DecodeError
from gateway.ingest.otlp.export import OTLP_MISSING, Exporter, Outcome
from gateway.ingest.otlp.json_requests import groups_of_json
from gateway.ingest.otlp.records import Groups
from gateway.ingest.otlp.statuses import retriable, status_bytes, status_document
from gateway.ingest.placed import Place
from gateway.ingest.plain.routes import INGEST
from gateway.routing.operation import JSON, Answer, Body, DescribedRoute, Operation

__all__ = ["OTLP_PATH", "otlp_routes"]

OTLP_PATH: Final = "/v1/logs"
PROTOBUF: Final = "application/x-protobuf"

_EXAMPLE: Final = {
    "resourceLogs": [
        {
            "resource": {"attributes": [{"key": "otto.task_id", "value": {"stringValue": "build-7"}}]},
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            "timeUnixNano": "1767225600000000000",
                            "severityNumber": 17,
                            "body": {"stringValue": "connection refused"},
                            "traceId": "5b8efff798038103d269b633813fc60c",
                        }
                    ]
                }
            ],
        }
    ]
}


class ExportLogsRequest(msgspec.Struct, rename="camel", omit_defaults=True):
    """An ``ExportLogsServiceRequest``, as OTLP describes it."""

    resource_logs: list[dict[str, Any]] = msgspec.field(default_factory=list)


class PartialSuccess(msgspec.Struct, rename="camel"):
    """Records that can never be stored; the others are, and none of them is to be sent again."""

    rejected_log_records: Annotated[str, msgspec.Meta(description="How many: a 64-bit number, so it is text.")]
    error_message: Annotated[str, msgspec.Meta(description="Why the first of them cannot.")]


class ExportLogsResponse(msgspec.Struct, rename="camel", omit_defaults=True):
    """Everything is stored, but for what ``partialSuccess`` names."""

    partial_success: PartialSuccess | None = None


class RpcStatus(msgspec.Struct):
    """A refusal as OTLP has it: ``google.rpc.Status``."""

    code: Annotated[int, msgspec.Meta(description="Of gRPC.")]
    message: str
    details: list[dict[str, Any]] = []


_EXPORT_LOGS: Final = Operation(
    "exportLogs",
    "POST",
    INGEST,
    "Store lines sent by OpenTelemetry",
    description="OTLP over HTTP: `application/x-protobuf` or `application/json`, with `Content-Encoding` gzip, zstd or "
    "none. The answer is in the form of the request, and so is a refusal: `google.rpc.Status`. What is acknowledged is "
    "stored. `429` and `503` have `Retry-After`: the request is to be sent again then. Attributes name task and "
    "worker, as `OTLP_TASK_ATTRIBUTES` and `OTLP_WORKER_ATTRIBUTES` say.",
    scope=LOGS_WRITE,
    body=Body(ExportLogsRequest, {"error": _EXAMPLE}),
    answers={200: Answer("Stored.", ExportLogsResponse, media=(PROTOBUF,))},
    errors=("RESOURCE_EXHAUSTED", "NOT_FOUND"),
    error_types=(RpcStatus, ErrorDocument),
    stored=True,
)


class _Handlers:
    def __init__(self, exporter: Exporter | None, authenticator: Authenticator, bytes_max: int) -> None:
        self._exporter = exporter
        self._authenticator = authenticator
        self._bytes_max = bytes_max

    async def export(self, request: Request) -> Response:
        is_json = _media_of(request) == JSON
        try:
            outcome = await self._export(request, is_json=is_json)
        except ApiError as error:
            return _refused(retriable(error), is_json=is_json)
        return _answered(outcome, is_json=is_json)

    async def _export(self, request: Request, *, is_json: bool) -> Outcome:
        exporter = self._exporter
        if exporter is None:
            raise ApiError("NOT_FOUND", OTLP_MISSING)
        if not is_json and _media_of(request) != PROTOBUF:
            message = f"Content-Type must be {PROTOBUF} or {JSON}"
            raise ApiError("INVALID_ARGUMENT", message, field="Content-Type")
        try:
            principal = await self._authenticator.principal_of(request)
            principal.require(LOGS_WRITE)
        except ApiError:
            exporter.registry.counters.refused(Dialect.OTLP, Refusal.AUTHENTICATION)
            raise
        address = request.client.host if request.client else ""
        with Place(exporter.registry, Dialect.OTLP, principal, address):
            exporter.check_room()
            body = await read_encoded(request, exporter.budget, self._bytes_max)
            size = len(body)
            try:
                groups = await groups_of_json(body) if is_json else _groups_of_protobuf(bytes(body))
                return await exporter.export(groups, size, principal)
            except DecodeError as error:
                raise exporter.no_request(error) from error
            finally:
                exporter.budget.give_back(size)


def otlp_routes(exporter: Exporter | None, authenticator: Authenticator, *, bytes_max: int) -> list[DescribedRoute]:
    """``POST /v1/logs``; without an exporter it says what to install."""
    handlers = _Handlers(exporter, authenticator, bytes_max)
    return [DescribedRoute(OTLP_PATH, handlers.export, _EXPORT_LOGS, limits_its_body=True)]


def _groups_of_protobuf(body: bytes) -> Groups:
    """Imported here, because only here the package is known to be installed."""
    from gateway.ingest.otlp.protobuf_requests import groups_of_protobuf

    return groups_of_protobuf(body)


def _media_of(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _answered(outcome: Outcome, *, is_json: bool) -> Response:
    if not is_json:
        from gateway.ingest.otlp.service import response_bytes

        return Response(response_bytes(*outcome), media_type=PROTOBUF)
    partial = PartialSuccess(str(outcome.rejected), outcome.problem) if outcome.rejected else None
    return Response(msgspec.json.encode(ExportLogsResponse(partial)), media_type=JSON)


def _refused(error: ApiError, *, is_json: bool) -> Response:
    headers = {"Cache-Control": "no-store"}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(error.retry_after_seconds)
    if error.code == "UNAUTHENTICATED":
        headers["WWW-Authenticate"] = "Bearer"
    content = msgspec.json.encode(status_document(error)) if is_json else status_bytes(error)
    return Response(content, error.http_status, headers, media_type=JSON if is_json else PROTOBUF)
