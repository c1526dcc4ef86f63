"""What ran: node executions, script executions, run-all summaries, and their statistics, in the polling database."""

from components.executions.tables.records import (
    Change,
    NodeFilter,
    NodeReport,
    NodeStatus,
    ReportTaken,
    RunAllSummary,
    ScriptRecord,
    ScriptStatus,
)
from components.executions.tables.statistics import DashboardStatistics, LogStatistics
from components.executions.tables.store import ExecutionStore, StoreStatistics

__all__ = [
    "Change",
    "DashboardStatistics",
    "ExecutionStore",
    "LogStatistics",
    "NodeFilter",
    "NodeReport",
    "NodeStatus",
    "ReportTaken",
    "RunAllSummary",
    "ScriptRecord",
    "ScriptStatus",
    "StoreStatistics",
]
