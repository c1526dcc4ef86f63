"""Maintenance windows over HTTP."""

import time
from typing import TYPE_CHECKING, Final

from starlette.requests import Request
from starlette.responses import Response

from components.alerts.access import ALERTS_WRITE, BASE, NAME_FORM, AlertAccess
from components.alerts.maintenance import WindowError
from components.alerts.messages import ALERTS, MaintenanceList, MaintenanceRequest, MaintenanceView, window_view
from gateway.errors import ApiError
from gateway.http.json_bodies import answer
from gateway.routing.operation import Body, DescribedRoute, Operation
from gateway.routing.parameters import Parameter

if TYPE_CHECKING:
    from components.alerts.alerts import Alerts

__all__ = ["maintenance_routes"]

_NAME: Final = Parameter(
    "name",
    "The window.",
    schema={"type": "string", "pattern": NAME_FORM},
    examples=("move",),
    place="path",
    is_required=True,
)
_ONCE: Final = {"name": "move", "from": "2026-01-01T20:00:00Z", "to": "2026-01-01T22:00:00Z", "tasks": "build-*"}
_WEEKLY: Final = {
    "name": "nightly",
    "weekly": {"days": ["sat", "sun"], "from": "22:00", "to": "06:00", "time_zone": "UTC"},
}

_LIST: Final = Operation(
    "listMaintenance",
    "GET",
    ALERTS,
    "Maintenance windows",
    scope="logs:read",
    answers={200: MaintenanceList},
    stored=True,
)
_STORE: Final = Operation(
    "storeMaintenance",
    "POST",
    ALERTS,
    "Store a maintenance window",
    description="In the place of a stored one of the same name; those of the file are changed there. While it is "
    "open, incidents count on and nobody is notified; what is still open after it is notified then.",
    scope=ALERTS_WRITE,
    body=Body(MaintenanceRequest, {"once": {"window": _ONCE}, "weekly": {"window": _WEEKLY}}),
    answers={200: MaintenanceView},
    stored=True,
)
_REMOVE: Final = Operation(
    "removeMaintenance",
    "DELETE",
    ALERTS,
    "Remove a stored maintenance window",
    scope=ALERTS_WRITE,
    parameters=(_NAME,),
    answers={200: MaintenanceList},
    errors=("NOT_FOUND",),
    stored=True,
)


def maintenance_routes(access: AlertAccess) -> list[DescribedRoute]:
    """The routes."""

    async def windows(request: Request) -> Response:
        alerts, _ = await access.to_all(request, "logs:read")
        return answer(_all(alerts))

    async def store(request: Request) -> Response:
        alerts, principal = await access.to_all(request, ALERTS_WRITE)
        wanted = await access.body(request, MaintenanceRequest)
        try:
            window = await alerts.book.store_window(wanted.window, principal.subject or "anonymous")
        except WindowError as error:
            raise ApiError("INVALID_ARGUMENT", str(error), field="window") from error
        return answer(window_view(window, time.time()))

    async def remove(request: Request) -> Response:
        alerts, _ = await access.to_all(request, ALERTS_WRITE)
        name = request.path_params["name"]
        if not await alerts.book.remove_window(name):
            raise ApiError("NOT_FOUND", f"there is no stored maintenance window {name[:100]!r}")
        return answer(_all(alerts))

    return [
        DescribedRoute(f"{BASE}/maintenance", windows, _LIST),
        DescribedRoute(f"{BASE}/maintenance", store, _STORE),
        DescribedRoute(f"{BASE}/maintenance/{{name:identifier}}", remove, _REMOVE),
    ]


def _all(alerts: "Alerts") -> MaintenanceList:
    now = time.time()
    windows = sorted(alerts.book.windows, key=lambda window: window.name)
    return MaintenanceList([window_view(window, now) for window in windows])
