"""What OpenAPI says of the record of executions."""

from typing import Final

from components.executions.messages import (
    Deleted,
    ExecutionRecord,
    ExecutionSummary,
    LoggedNode,
    NodeExecution,
    NodeRows,
    Recorded,
)
from components.executions.tables import DashboardStatistics, LogStatistics, NodeStatus
from gateway.routing.operation import Answer, Body, Operation, Parameter, identifier_parameter

__all__ = [
    "DELETE_NODE_EXECUTIONS",
    "LIST_NODE_EXECUTIONS",
    "LOG_NODE_EXECUTION",
    "READ_DASHBOARD_STATISTICS",
    "READ_LOG_STATISTICS",
    "RECORD_SCRIPT_EXECUTION",
    "RECORD_SUMMARY",
]

_TAG: Final = "Executions"
_FILTERS: Final = (
    identifier_parameter(
        "execution_id", place="query", description="Of this execution.", example="execution-7", is_required=False
    ),
    identifier_parameter(
        "script_id", place="query", description="Of this script.", example="nightly", is_required=False
    ),
    identifier_parameter("node_id", place="query", description="Of this node.", example="fetch", is_required=False),
    Parameter(
        name="status",
        description="In this state.",
        schema={"type": "string", "enum": list(NodeStatus)},
        examples={"failed": "failed"},
    ),
)
_ROW: Final = {
    "id": 42,
    "execution_id": "execution-7",
    "script_id": "nightly",
    "node_id": "fetch",
    "node_type": "http",
    "node_name": "Fetch the list",
    "status": "completed",
    "started_at": 1767225600000,
    "finished_at": 1767225600250,
    "execution_time_ms": 250,
    "parameters": {"url": "https://example.com/list"},
    "result": {"items": 3},
    "error_message": None,
    "error_traceback": None,
}

LOG_NODE_EXECUTION: Final = Operation(
    id="logNodeExecution",
    method="POST",
    tag=_TAG,
    summary="Report a node's run",
    description="`running` begins a run, `completed` and `failed` end the newest one that is running. The reports of a "
    "run may come in any order, and more than once; `started_at` tells the runs of one node apart.",
    scope="logs:write",
    body=Body(
        type=NodeExecution,
        examples={
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
    answers={
        200: Answer(description="It is stored.", type=LoggedNode, examples={"stored": {"success": True, "log_id": 42}})
    },
    stored=True,
)

LIST_NODE_EXECUTIONS: Final = Operation(
    id="listNodeExecutions",
    method="GET",
    tag=_TAG,
    summary="Node runs, the newest first",
    scope="logs:read",
    parameters=(
        *_FILTERS,
        Parameter(
            name="limit",
            description="At most so many rows; 100 without it.",
            schema={"type": "integer", "minimum": 1, "maximum": 1000},
            examples={"page": 50},
        ),
        Parameter(
            name="offset",
            description="Leave out so many first.",
            schema={"type": "integer", "minimum": 0, "maximum": 1_000_000_000},
            examples={"second page": 50},
        ),
    ),
    answers={200: Answer(description="The rows.", type=NodeRows, examples={"one": {"logs": [_ROW]}})},
    stored=True,
)

DELETE_NODE_EXECUTIONS: Final = Operation(
    id="deleteNodeExecutions",
    method="DELETE",
    tag=_TAG,
    summary="Remove node runs",
    description="At least one filter is needed, and none may be empty.",
    scope="logs:write",
    parameters=_FILTERS,
    answers={
        200: Answer(description="They are gone.", type=Deleted, examples={"two": {"success": True, "deleted": 2}})
    },
    stored=True,
)

READ_LOG_STATISTICS: Final = Operation(
    id="readLogStatistics",
    method="GET",
    tag=_TAG,
    summary="Totals of node runs",
    description="`total` counts executions, `completed` and `failed` node runs; the average is in milliseconds.",
    scope="logs:read",
    answers={
        200: Answer(
            description="The totals.",
            type=LogStatistics,
            examples={"some": {"total": 12, "completed": 80, "failed": 3, "average_execution_time": 250.5}},
        )
    },
    stored=True,
)

RECORD_SCRIPT_EXECUTION: Final = Operation(
    id="recordScriptExecution",
    method="POST",
    tag=_TAG,
    summary="Record an execution of a script",
    scope="logs:write",
    parameters=(identifier_parameter("scriptId", place="path", description="The script.", example="nightly"),),
    body=Body(
        type=ExecutionRecord,
        examples={
            "success": {"status": "success", "execution_time_ms": 5200},
            "error": {"status": "error", "error_message": "node publish failed", "execution_id": "execution-7"},
        },
    ),
    answers={
        200: Answer(
            description="It is stored.",
            type=Recorded,
            examples={"stored": {"success": True, "message": "the execution was recorded"}},
        )
    },
    errors=("NOT_FOUND",),
    stored=True,
)

RECORD_SUMMARY: Final = Operation(
    id="recordSummary",
    method="POST",
    tag=_TAG,
    summary="Record that all scripts were executed",
    scope="logs:write",
    body=Body(type=ExecutionSummary, examples={"one failed": {"total_executions": 12, "failed_count": 1}}),
    answers={
        200: Answer(
            description="It is stored.",
            type=Recorded,
            examples={"stored": {"success": True, "message": "the summary was recorded"}},
        )
    },
    stored=True,
)

READ_DASHBOARD_STATISTICS: Final = Operation(
    id="readDashboardStatistics",
    method="GET",
    tag=_TAG,
    summary="Totals of scripts' executions",
    description="Records and summaries together.",
    scope="logs:read",
    answers={
        200: Answer(
            description="The totals.",
            type=DashboardStatistics,
            examples={"some": {"all_executions": 40, "all_failed_scripts": 2}},
        )
    },
    stored=True,
)
