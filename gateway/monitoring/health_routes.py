"""The health routes: one for people and the old UI, and the liveness and readiness probes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from gateway.auth import Authenticator, Principal
from gateway.errors import ApiError
from gateway.monitoring.health import Health, HealthReport
from gateway.monitoring.summary_stats import SummaryStats, timestamp
from gateway.routing.operation import Answer, DescribedRoute, Operation, Tag
from gateway.transports.server_figures import ServerFigures
from sessions.session import Session

__all__ = ["OPERATION_TAG", "health_routes"]

_SESSIONS_MAX: Final = 100
"""Sessions on the page, those with the largest lag first."""


class OpenSessions(Protocol):
    """The part of the hub that the page shows."""

    @property
    def sessions(self) -> Sequence[Session]: ...


class DependencyHealth(msgspec.Struct, omit_defaults=True):
    """Something that the gateway needs."""

    status: Annotated[str, msgspec.Meta(extra_json_schema={"enum": ["healthy", "unhealthy"]})]
    reason: str = ""
    figures: Annotated[
        dict[str, str | int | bool],
        msgspec.Meta(
            description="What else is known of it. Of `otherGateways`: how far they are followed, and the database.",
            examples=[{"lag": 0, "listening": True, "role": "primary", "standbys": 1, "synchronous": True}],
        ),
    ] = msgspec.field(default_factory=dict)


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


OPERATION_TAG: Final = Tag("Operation", "Health and metrics of the gateway itself.")

_READ_HEALTH: Final = Operation(
    "readHealth",
    "GET",
    OPERATION_TAG,
    "Health, figures, and the slowest sessions",
    description="At most 100 sessions, those with the largest lag first. A token with the scope `admin` sees which.",
    answers={
        200: Answer("Lines are taken and served.", HealthPage),
        503: Answer(
            "They are not.",
            HealthPage,
            examples={"full": {"status": "unhealthy", "reason": "the disk is full"}},
        ),
    },
)

_READ_READINESS: Final = Operation(
    "readReadiness",
    "GET",
    OPERATION_TAG,
    "Whether to send requests here",
    answers={
        200: Answer("Yes.", Readiness),
        503: Answer(
            "No.",
            Readiness,
            examples={"stopping": {"status": "not ready", "reason": "the gateway is shutting down"}},
        ),
    },
)

_READ_LIVENESS: Final = Operation(
    "readLiveness", "GET", OPERATION_TAG, "Whether the process answers", answers={200: Liveness}
)


def health_routes(
    health: Health, summary_stats: SummaryStats, hub: OpenSessions, authenticator: Authenticator
) -> list[DescribedRoute]:
    """``/api/v1/log-streaming/health``, ``/healthz/live`` and ``/healthz/ready``; none needs a token.

    The first shows sessions without naming them or their tasks, except those that the caller administers (``admin``).
    """

    async def page(request: Request) -> Response:
        report = await health.report()
        sessions = sorted(hub.sessions, key=lambda session: session.lag, reverse=True)
        principal = await _principal(request, authenticator)
        body = HealthPage(
            status="healthy" if report.is_healthy else "unhealthy",
            reason=report.reason,
            timestamp=timestamp(),
            **msgspec.structs.asdict(summary_stats.server_statistics()),
            lagging_sessions=sum(session.is_lagging for session in sessions),
            sessions=[_session(session, principal) for session in sessions[:_SESSIONS_MAX]],
            dependencies=_dependencies(report),
        )
        return _answer(body, _status(report))

    async def live(_request: Request) -> Response:
        return _answer(Liveness("alive"), HTTPStatus.OK)

    async def ready(_request: Request) -> Response:
        report = await health.report()
        status = "ready" if report.is_healthy else "not ready"
        return _answer(Readiness(status, _dependencies(report), report.reason), _status(report))

    return [
        DescribedRoute("/api/v1/log-streaming/health", page, _READ_HEALTH),
        DescribedRoute("/healthz/live", live, _READ_LIVENESS),
        DescribedRoute("/healthz/ready", ready, _READ_READINESS),
    ]


async def _principal(request: Request, authenticator: Authenticator) -> Principal | None:
    try:
        return await authenticator.principal_of(request)
    except ApiError:
        return None  # the page itself needs no token


def _session(session: Session, principal: Principal | None) -> SessionFigures:
    task_id = session.subscription.task_id
    shown = SessionFigures(session.kind, session.lag, session.is_lagging)
    if _administers(principal, task_id):
        shown.session_id, shown.task_id, shown.position = session.id, task_id, session.position
    return shown


def _administers(principal: Principal | None, task_id: str) -> bool:
    if principal is None:
        return False
    try:
        principal.require("admin", task_id=task_id)
    except ApiError:
        return False
    return True


def _dependencies(report: HealthReport) -> dict[str, DependencyHealth]:
    return {
        each.name: DependencyHealth("unhealthy" if each.error else "healthy", each.error, dict(each.figures))
        for each in report.dependencies
    }


def _status(report: HealthReport) -> HTTPStatus:
    return HTTPStatus.OK if report.is_healthy else HTTPStatus.SERVICE_UNAVAILABLE


def _answer(body: HealthPage | Readiness | Liveness, status: HTTPStatus) -> Response:
    return Response(
        msgspec.json.encode(body), status, media_type="application/json", headers={"Cache-Control": "no-store"}
    )
