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
from gateway.routing.operation import Body, Operation, Tag
from gateway.routing.parameters import Choice, Number, identifier_parameter

__all__ = [
    "DELETE_NODE_EXECUTIONS",
    "LIMIT",
    "LIST_NODE_EXECUTIONS",
    "LOG_NODE_EXECUTION",
    "OFFSET",
    "READ_DASHBOARD_STATISTICS",
    "READ_LOG_STATISTICS",
    "RECORD_SCRIPT_EXECUTION",
    "RECORD_SUMMARY",
    "STATUS",
]

_TAG: Final = Tag("Executions", "What is recorded of executions of scripts and of their nodes.")
STATUS: Final = Choice("status", "In this state.", choices=tuple(NodeStatus))
LIMIT: Final = Number(
    "limit", "At most so many rows; 100 without it.", minimum=1, maximum=1000, default=100, examples=(50,)
)
OFFSET: Final = Number("offset", "Leave out so many first.", maximum=1_000_000_000, examples=(50,))
_FILTERS: Final = (
    identifier_parameter("execution_id", "Of this execution.", "execution-7", place="query"),
    identifier_parameter("script_id", "Of this script.", "nightly", place="query"),
    identifier_parameter("node_id", "Of this node.", "fetch", place="query"),
    STATUS,
)

LOG_NODE_EXECUTION: Final = Operation(
    "logNodeExecution",
    "POST",
    _TAG,
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
LIST_NODE_EXECUTIONS: Final = Operation(
    "listNodeExecutions",
    "GET",
    _TAG,
    "Node runs, the newest first",
    scope="logs:read",
    parameters=(*_FILTERS, LIMIT, OFFSET),
    answers={200: NodeRows},
    stored=True,
)
DELETE_NODE_EXECUTIONS: Final = Operation(
    "deleteNodeExecutions",
    "DELETE",
    _TAG,
    "Remove node runs",
    description="At least one filter is needed, and none may be empty.",
    scope="logs:write",
    parameters=_FILTERS,
    answers={200: Deleted},
    stored=True,
)
READ_LOG_STATISTICS: Final = Operation(
    "readLogStatistics",
    "GET",
    _TAG,
    "Totals of node runs",
    description="`total` counts executions, `completed` and `failed` node runs; the average is in milliseconds.",
    scope="logs:read",
    answers={200: LogStatistics},
    stored=True,
)
RECORD_SCRIPT_EXECUTION: Final = Operation(
    "recordScriptExecution",
    "POST",
    _TAG,
    "Record an execution of a script",
    scope="logs:write",
    parameters=(identifier_parameter("scriptId", "The script.", "nightly"),),
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
RECORD_SUMMARY: Final = Operation(
    "recordSummary",
    "POST",
    _TAG,
    "Record that all scripts were executed",
    scope="logs:write",
    body=Body(ExecutionSummary, {"one failed": {"total_executions": 12, "failed_count": 1}}),
    answers={200: Recorded},
    stored=True,
)
READ_DASHBOARD_STATISTICS: Final = Operation(
    "readDashboardStatistics",
    "GET",
    _TAG,
    "Totals of scripts' executions",
    description="Records and summaries together.",
    scope="logs:read",
    answers={200: DashboardStatistics},
    stored=True,
)
