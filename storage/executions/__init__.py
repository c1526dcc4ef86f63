"""What ran: node executions, script executions, run-all summaries, and their statistics, in the polling database."""

from storage.executions.records import (
    Change,
    NodeFilter,
    NodeReport,
    NodeStatus,
    ReportTaken,
    RunAllSummary,
    ScriptRecord,
    ScriptStatus,
)
from storage.executions.refusal import RecordRefusedError
from storage.executions.statistics import DashboardStatistics, LogStatistics
from storage.executions.store import ExecutionStore, StoreStatistics

__all__ = [
    "Change",
    "DashboardStatistics",
    "ExecutionStore",
    "LogStatistics",
    "NodeFilter",
    "NodeReport",
    "NodeStatus",
    "RecordRefusedError",
    "ReportTaken",
    "RunAllSummary",
    "ScriptRecord",
    "ScriptStatus",
    "StoreStatistics",
]
