"""What senders post about executions and what is answered: the JSON, field by field."""

from typing import Annotated, Literal

import msgspec

from components.executions.tables import NodeReport, NodeStatus, RunAllSummary, ScriptRecord, ScriptStatus
from components.executions.tables.columns import milliseconds
from gateway.errors import ApiError
from gateway.routing.operation import Tag
from gateway.routing.parameters import checked_identifier

__all__ = [
    "EXECUTIONS",
    "Deleted",
    "ExecutionRecord",
    "ExecutionSummary",
    "LoggedNode",
    "NodeExecution",
    "NodeRow",
    "NodeRows",
    "Recorded",
]

EXECUTIONS = Tag("Executions", "What is recorded of executions of scripts and of their nodes.")
_DAY_MILLISECONDS = 8_640_000_000_000_000
"""The last time that JavaScript's ``Date`` knows; also keeps numbers within what a database can hold."""

Time = (
    Annotated[int, msgspec.Meta(ge=-_DAY_MILLISECONDS, le=_DAY_MILLISECONDS)]
    | Annotated[float, msgspec.Meta(ge=-_DAY_MILLISECONDS, le=_DAY_MILLISECONDS)]
)
"""Milliseconds since 1970."""

ReportedTime = Time | Annotated[str, msgspec.Meta(max_length=64, examples=["2026-01-01T00:00:00.000Z"])]
"""The same, or ISO 8601; without an offset it is UTC."""

Milliseconds = (
    Annotated[int, msgspec.Meta(ge=0, le=_DAY_MILLISECONDS)]
    | Annotated[float, msgspec.Meta(ge=0, le=_DAY_MILLISECONDS)]
)

Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]

Id = (
    Annotated[
        str,
        msgspec.Meta(extra_json_schema={"maxLength": 256, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"}),
    ]
    | int
)
"""Ids are texts, an empty one counts as left out; a number is taken for its digits."""


def _null() -> msgspec.Raw:
    return msgspec.Raw(b"null")


class NodeExecution(msgspec.Struct, frozen=True):
    """``POST /api/logs/node-execution``. Without ``execution_id`` or ``node_id`` it is a row of its own."""

    status: Literal["running", "completed", "failed"]
    execution_id: Id | None = None
    node_id: Id | None = None
    script_id: Id | None = None
    node_type: str | None = None
    node_name: str | None = None
    started_at: ReportedTime | None = None
    finished_at: ReportedTime | None = None
    execution_time_ms: Milliseconds | None = None
    parameters: msgspec.Raw = msgspec.field(default_factory=_null)
    result: msgspec.Raw = msgspec.field(default_factory=_null)
    error_message: str | None = None
    error_traceback: str | None = None

    def report(self, value_bytes_max: int) -> NodeReport:
        """The report that it makes.

        Raises:
            ApiError: INVALID_ARGUMENT or PAYLOAD_TOO_LARGE, with the field.
        """
        return NodeReport(
            status=NodeStatus(self.status),
            execution_id=_optional("execution_id", self.execution_id),
            node_id=_optional("node_id", self.node_id),
            script_id=_optional("script_id", self.script_id),
            node_type=self.node_type,
            node_name=self.node_name,
            started_at=_time("started_at", self.started_at),
            finished_at=_time("finished_at", self.finished_at),
            execution_time_ms=self.execution_time_ms,
            parameters=_json("parameters", self.parameters, value_bytes_max),
            result=_json("result", self.result, value_bytes_max),
            error_message=self.error_message,
            error_traceback=self.error_traceback,
        )


class LoggedNode(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to it: the id of the row that has the run."""

    success: bool = True
    log_id: int


class NodeRow(msgspec.Struct, frozen=True):
    """A row of ``node_execution_logs``. Values that are not what the column is for come as they are."""

    id: int
    execution_id: Annotated[str, msgspec.Meta(examples=["execution-7"])] | None
    script_id: str | None
    node_id: Annotated[str, msgspec.Meta(examples=["fetch"])] | None
    node_type: str | None
    node_name: str | None
    status: Annotated[str, msgspec.Meta(examples=["completed"])]
    started_at: float | str | None
    finished_at: float | str | None
    execution_time_ms: float | str | None
    parameters: msgspec.Raw
    result: msgspec.Raw
    error_message: str | None
    error_traceback: str | None


class NodeRows(msgspec.Struct, frozen=True):
    """``GET /api/logs/node-execution``: the newest first."""

    logs: list[NodeRow]


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """``DELETE /api/logs/node-execution``: how many rows are gone."""

    success: bool = True
    deleted: int


class ExecutionRecord(msgspec.Struct, frozen=True):
    """``POST /api/scripts/{script_id}/execution-record``. The last two are passed on in the event."""

    status: Literal["success", "error"]
    error_message: str | None = None
    execution_time_ms: Milliseconds | None = None
    execution_id: Id | None = None
    script_name: str | None = None

    def record(self, script_id: str) -> ScriptRecord:
        """The record that it makes.

        Raises:
            ApiError: INVALID_ARGUMENT, with the field.
        """
        return ScriptRecord(
            script_id=script_id,
            status=ScriptStatus(self.status),
            error_message=self.error_message,
            execution_time_ms=self.execution_time_ms,
            execution_id=_optional("execution_id", self.execution_id),
            script_name=self.script_name,
        )


class ExecutionSummary(msgspec.Struct, frozen=True):
    """``POST /api/dashboard/execution-summary``."""

    total_executions: Count
    failed_count: Count

    def summary(self) -> RunAllSummary:
        """The summary that it makes.

        Raises:
            ApiError: INVALID_ARGUMENT; more have failed than there were.
        """
        if self.failed_count > self.total_executions:
            raise ApiError(
                "INVALID_ARGUMENT",
                f"failed_count is {self.failed_count}: it must not be more than total_executions,"
                f" {self.total_executions}",
                field="failed_count",
            )
        return RunAllSummary(self.total_executions, self.failed_count)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a record or a summary."""

    success: bool = True
    message: Annotated[str, msgspec.Meta(examples=["스크립트 실행 기록이 저장되었습니다."])]


def _optional(field: str, value: Id | None) -> str | None:
    return None if value is None or value == "" else checked_identifier(field, str(value))


def _time(field: str, value: float | str | None) -> float | None:
    if value is None or value == "":
        return None
    time = milliseconds(value)
    if time is None or abs(time) > _DAY_MILLISECONDS:
        message = f"{field} must be milliseconds since 1970, or a time like 2026-01-31T13:45:00.000Z"
        raise ApiError("INVALID_ARGUMENT", message, field=field)
    return time


def _json(field: str, value: msgspec.Raw, bytes_max: int) -> str | None:
    raw = bytes(value)
    if raw == b"null":
        return None
    if len(raw) > bytes_max:
        message = f"{field} has {len(raw)} bytes of JSON; at most {bytes_max} are taken"
        raise ApiError("PAYLOAD_TOO_LARGE", message, field=field)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise ApiError("INVALID_ARGUMENT", f"{field} must be UTF-8", field=field) from error
