"""What OpenAPI says of the health pages, and the documents that they answer with."""

from typing import Annotated, Any, Final

import msgspec

from gateway.routing.operation import Answer, Operation
from gateway.transports.notices import ServerFigures

__all__ = [
    "READ_HEALTH",
    "READ_LIVENESS",
    "READ_READINESS",
    "DependencyHealth",
    "HealthPage",
    "Readiness",
    "SessionFigures",
]


class DependencyHealth(msgspec.Struct, omit_defaults=True):
    """Something that the gateway needs."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["healthy", "unhealthy"]})]
    reason: str = ""


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
    dependencies: dict[str, DependencyHealth]


class Readiness(msgspec.Struct, omit_defaults=True):
    """Whether requests should be sent here."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["ready", "not ready"]})]
    dependencies: dict[str, DependencyHealth]
    reason: str = ""


class Liveness(msgspec.Struct):
    """The process answers."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["alive"]})]


_DEPENDENCIES: Final = {
    "journal": {"status": "healthy"},
    "pollingTables": {"status": "healthy"},
    "tokenKeys": {"status": "healthy"},
}
_BROKEN: Final = {**_DEPENDENCIES, "journal": {"status": "unhealthy", "reason": "the disk is full"}}
_PAGE: Final[dict[str, Any]] = {
    "status": "healthy",
    "timestamp": "2026-01-31T13:45:00.123Z",
    "activeConnections": 3,
    "messagesPerSecond": 120.5,
    "deliveriesPerSecond": 361.5,
    "averageLatency": 4.2,
    "errorRate": 0.0,
    "memoryUsage": 83886080,
    "uptimeSeconds": 3600,
    "laggingSessions": 1,
    "sessions": [{"transport": "sse", "lag": 812, "lagging": True}],
    "dependencies": _DEPENDENCIES,
}

READ_HEALTH: Final = Operation(
    id="readHealth",
    method="GET",
    tag="Operation",
    summary="Health, figures, and the slowest sessions",
    description="At most 100 sessions, those with the largest lag first. A token with the scope `admin` sees which.",
    answers={
        200: Answer(description="Lines are taken and served.", type=HealthPage, examples={"busy": _PAGE}),
        503: Answer(
            description="They are not.",
            type=HealthPage,
            examples={
                "disk full": {**_PAGE, "status": "unhealthy", "reason": "the disk is full", "dependencies": _BROKEN}
            },
        ),
    },
)
READ_READINESS: Final = Operation(
    id="readReadiness",
    method="GET",
    tag="Operation",
    summary="Whether to send requests here",
    answers={
        200: Answer(
            description="Yes.", type=Readiness, examples={"yes": {"status": "ready", "dependencies": _DEPENDENCIES}}
        ),
        503: Answer(
            description="No.",
            type=Readiness,
            examples={
                "stopping": {
                    "status": "not ready",
                    "reason": "the gateway is shutting down",
                    "dependencies": _DEPENDENCIES,
                }
            },
        ),
    },
)
READ_LIVENESS: Final = Operation(
    id="readLiveness",
    method="GET",
    tag="Operation",
    summary="Whether the process answers",
    answers={200: Answer(description="It does.", type=Liveness, examples={"yes": {"status": "alive"}})},
)
