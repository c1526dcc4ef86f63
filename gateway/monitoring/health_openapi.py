"""What the health pages and the metrics answer with: types and operations."""

from typing import Annotated, Final

import msgspec

from gateway.routing.operation import Answer, Operation, Tag
from gateway.transports.server_figures import ServerFigures

__all__ = [
    "READ_HEALTH",
    "READ_LIVENESS",
    "READ_METRICS",
    "READ_READINESS",
    "DependencyHealth",
    "HealthPage",
    "Liveness",
    "Readiness",
    "SessionFigures",
]


class DependencyHealth(msgspec.Struct, omit_defaults=True):
    """Something that the gateway needs."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["healthy", "unhealthy"]})]
    reason: str = ""


_DEPENDENCIES = msgspec.Meta(examples=[{"journal": {"status": "healthy"}, "pollingTables": {"status": "healthy"}}])


class SessionFigures(msgspec.Struct, rename="camel", omit_defaults=True):
    """One subscriber; who it is and what it reads is for those alone who administer the task."""

    transport: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["sse", "socketio"]})]
    lag: int
    lagging: bool
    session_id: str = ""
    task_id: str = ""
    position: int | None = None


class HealthPage(ServerFigures, rename="camel", omit_defaults=True, kw_only=True):
    """Whether lines are taken and served, and how busy the gateway is."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["healthy", "unhealthy"]})]
    reason: Annotated[str, msgspec.Meta(description="What it cannot do, and why.")] = ""
    timestamp: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
    lagging_sessions: int
    sessions: list[SessionFigures]
    dependencies: Annotated[dict[str, DependencyHealth], _DEPENDENCIES]


class Readiness(msgspec.Struct, omit_defaults=True):
    """Whether requests should be sent here."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["ready", "not ready"]})]
    dependencies: Annotated[dict[str, DependencyHealth], _DEPENDENCIES]
    reason: str = ""


class Liveness(msgspec.Struct):
    """The process answers."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["alive"]})]


_OPERATION: Final = Tag("Operation", "Health and metrics of the gateway itself.")

READ_HEALTH: Final = Operation(
    "readHealth",
    "GET",
    _OPERATION,
    "Health, figures, and the slowest sessions",
    description="At most 100 sessions, those with the largest lag first. A token with the scope `admin` sees which.",
    answers={200: Answer("Lines are taken and served.", HealthPage), 503: Answer("They are not.", HealthPage)},
)
READ_READINESS: Final = Operation(
    "readReadiness",
    "GET",
    _OPERATION,
    "Whether to send requests here",
    answers={200: Answer("Yes.", Readiness), 503: Answer("No.", Readiness)},
)
READ_LIVENESS: Final = Operation(
    "readLiveness", "GET", _OPERATION, "Whether the process answers", answers={200: Liveness}
)
READ_METRICS: Final = Operation(
    "readMetrics",
    "GET",
    _OPERATION,
    "Metrics for Prometheus",
    description="In the text format, or in OpenMetrics where `Accept` names it. No label names a task, worker or user.",
    answers={
        200: Answer(
            "The metrics.",
            media=("text/plain", "application/openmetrics-text"),
            examples={
                "one": '# TYPE otto_active_connections gauge\notto_active_connections{transport="sse"} 3.0\n',
            },
        )
    },
)
