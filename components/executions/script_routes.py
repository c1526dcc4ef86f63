"""Executions of scripts and run-all summaries over HTTP, and the dashboard's statistics."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from components.executions.access import covered, covered_everything, stored
from components.executions.messages import EXECUTIONS, ExecutionRecord, ExecutionSummary, Recorded
from components.executions.tables import DashboardStatistics, ExecutionStore
from gateway.auth import Authenticator
from gateway.http.json_bodies import answer, decoded
from gateway.routing.operation import Body, DescribedRoute, Operation
from gateway.routing.parameters import Identifier
from gateway.routing.path_parameters import path_identifier

__all__ = ["script_routes"]

RECORD_PATH: Final = "/api/scripts/{script_id:identifier}/execution-record"
SUMMARY_PATH: Final = "/api/dashboard/execution-summary"
DASHBOARD_PATH: Final = "/api/dashboard/stats"


_RECORD_SCRIPT_EXECUTION: Final = Operation(
    "recordScriptExecution",
    "POST",
    EXECUTIONS,
    "Record an execution of a script",
    scope="logs:write",
    parameters=(Identifier("scriptId", "The script.", examples=("nightly",)),),
    body=Body(
        ExecutionRecord,
        {
            "success": {"status": "success", "execution_time_ms": 5200},
            "error": {"status": "error", "error_message": "node publish failed", "execution_id": "execution-7"},
        },
    ),
    answers={200: Recorded},
    errors=("NOT_FOUND",),
    stored=True,
)
_RECORD_SUMMARY: Final = Operation(
    "recordSummary",
    "POST",
    EXECUTIONS,
    "Record that all scripts were executed",
    scope="logs:write",
    body=Body(ExecutionSummary, {"one failed": {"total_executions": 12, "failed_count": 1}}),
    answers={200: Recorded},
    stored=True,
)
_READ_DASHBOARD_STATISTICS: Final = Operation(
    "readDashboardStatistics",
    "GET",
    EXECUTIONS,
    "Totals of scripts' executions",
    description="Records and summaries together; what a run-all's scripts have recorded is counted once.",
    scope="logs:read",
    answers={200: DashboardStatistics},
    stored=True,
)


def script_routes(store: ExecutionStore, authenticator: Authenticator) -> list[DescribedRoute]:
    """The two ways to say that scripts were executed, and ``GET /api/dashboard/stats``.

    ``all_executions`` is the number of records, plus what the ``total_executions`` of summaries have beyond the records
    of their run-alls; ``all_failed_scripts`` the same of those that failed.
    """

    async def record(request: Request) -> Response:
        script_id = path_identifier(request.scope, RECORD_PATH, "script_id")
        principal = await authenticator.principal_of(request)
        covered(principal, "logs:write", script_id)
        body = await decoded(await request.body(), ExecutionRecord)
        await stored(store.record(body.record(script_id)))
        return answer(Recorded(message="스크립트 실행 기록이 저장되었습니다."))

    async def summarise(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        covered_everything(principal, "logs:write")
        body = await decoded(await request.body(), ExecutionSummary)
        await stored(store.summarise(body.summary()))
        return answer(Recorded(message="실행 요약 정보가 저장되었습니다."))

    async def statistics(request: Request) -> Response:
        principal = await authenticator.principal_of(request)
        covered_everything(principal, "logs:read")
        return answer(await stored(store.dashboard_statistics()))

    return [
        DescribedRoute(RECORD_PATH, record, _RECORD_SCRIPT_EXECUTION),
        DescribedRoute(SUMMARY_PATH, summarise, _RECORD_SUMMARY),
        DescribedRoute(DASHBOARD_PATH, statistics, _READ_DASHBOARD_STATISTICS),
    ]
