"""What became of the notifications of an incident, over HTTP."""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from components.alerts.access import ALERTS_WRITE, BASE, AlertAccess
from components.alerts.messages import ALERTS, Time, time_text
from components.alerts.repository import Delivered, Delivery, Gathered
from gateway.errors import ApiError
from gateway.http.json_bodies import answer
from gateway.routing.operation import DescribedRoute, Operation
from gateway.routing.parameters import Parameter

__all__ = ["history_routes"]

_OUTCOME: Final = msgspec.Meta(
    description="`delivered`, `waiting`, `given_up`, or `gathered`: it is sent in a digest, at that time.",
    examples=["delivered"],
)
_NOTICE: Final = msgspec.Meta(
    description="`opened`, `continues`, `resolved`, or `digest`, one of several incidents.", examples=["opened"]
)
_ERROR: Final = msgspec.Meta(
    description="Of the last attempt; told with `alerts:write` alone.", examples=["no answer within 10 s"]
)


class Notification(msgspec.Struct):
    """A notification of an incident, and what became of it."""

    outcome: Annotated[str, _OUTCOME]
    at: Time
    target: Annotated[str, msgspec.Meta(examples=["team"])]
    notice: Annotated[str, _NOTICE]
    attempts: Annotated[int | None, msgspec.Meta(description="So far, where it was not taken.")] = None
    error: Annotated[str, _ERROR] = ""


class Notifications(msgspec.Struct):
    """Those that are gathered, wait or were given up, and were delivered, each the newest first, at most 100."""

    notifications: list[Notification]


_HISTORY: Final = Operation(
    "listIncidentNotifications",
    "GET",
    ALERTS,
    "Notifications of an incident, and what became of them",
    scope="logs:read",
    parameters=(
        Parameter(
            "incidentId",
            "The incident.",
            schema={"type": "string", "pattern": "^[0-9]{1,16}$"},
            examples=("7",),
            place="path",
            is_required=True,
        ),
    ),
    answers={200: Notifications},
    errors=("NOT_FOUND",),
    stored=True,
)


def history_routes(access: AlertAccess) -> list[DescribedRoute]:
    """The route."""

    async def notifications(request: Request) -> Response:
        alerts, principal = await access.to_all(request, "logs:read")
        text: str = request.path_params["incident_id"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) <= 16 else 0
        if await alerts.find(number) is None:
            raise ApiError("NOT_FOUND", f"there is no incident {text[:40]!r}")
        gathered, pending, delivered = await alerts.notifications(number)
        has_errors = principal.allows(ALERTS_WRITE)
        found = [*_done("gathered", gathered), *_pending(pending, has_errors=has_errors)]
        return answer(Notifications([*found, *_done("delivered", delivered)]))

    path = f"{BASE}/incidents/{{incident_id:identifier}}/notifications"
    return [DescribedRoute(path, notifications, _HISTORY)]


def _pending(deliveries: Sequence[Delivery], *, has_errors: bool) -> list[Notification]:
    return [
        Notification(
            outcome="given_up" if each.is_dead else "waiting",
            at=time_text(each.created_at),
            target=each.target,
            notice=each.event["kind"],
            attempts=each.attempts,
            error=each.error if has_errors else "",
        )
        for each in deliveries
    ]


def _done(outcome: str, found: Sequence[Gathered | Delivered]) -> list[Notification]:
    return [
        Notification(outcome=outcome, at=time_text(each.at), target=each.target, notice=each.notice) for each in found
    ]
