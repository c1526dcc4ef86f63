"""What is reported of executions, as values."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "Change",
    "NodeFilter",
    "NodeReport",
    "NodeStatus",
    "ReportTaken",
    "RunAllSummary",
    "ScriptRecord",
    "ScriptStatus",
]


class NodeStatus(StrEnum):
    """How a node's run is going."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def is_final(self) -> bool:
        """Whether the run is over."""
        return self is not NodeStatus.RUNNING


class ScriptStatus(StrEnum):
    """How a script's execution ended."""

    SUCCESS = "success"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """A report about one run of a node. None: the sender did not report the value.

    Attributes:
        execution_id, node_id: a report without both of them is a row of its own.
        started_at, finished_at: milliseconds since 1970. ``started_at`` identifies a run of a node.
        execution_time_ms: milliseconds; if it was not reported, the difference of the two.
        parameters, result: JSON texts.
    """

    status: NodeStatus
    execution_id: str | None = None
    node_id: str | None = None
    script_id: str | None = None
    node_type: str | None = None
    node_name: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    execution_time_ms: float | None = None
    parameters: str | None = None
    result: str | None = None
    error_message: str | None = None
    error_traceback: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptRecord:
    """How one execution of a script ended. ``execution_id`` and ``script_name`` are for the event alone."""

    script_id: str
    status: ScriptStatus
    error_message: str | None = None
    execution_time_ms: float | None = None
    execution_id: str | None = None
    script_name: str | None = None


@dataclass(frozen=True, slots=True)
class RunAllSummary:
    """How an execution of all scripts ended."""

    total_executions: int
    failed_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFilter:
    """Which rows are meant: those that equal every value given."""

    execution_id: str | None = None
    script_id: str | None = None
    node_id: str | None = None
    status: NodeStatus | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it means all rows."""
        return not any((self.execution_id, self.script_id, self.node_id, self.status))


@dataclass(frozen=True, slots=True)
class ReportTaken:
    """The row of a report: its ``log_id``, and whether it is unchanged because the report contained nothing new."""

    log_id: int
    is_repeat: bool


Change = NodeReport | ScriptRecord | RunAllSummary
"""What a commit has stored that others may want to hear of; a ``NodeReport`` only if it ended a run."""
