"""Who may use alerts over HTTP, and bodies of their requests."""

from typing import TYPE_CHECKING, Final, TypeVar

from starlette.requests import Request

from gateway.auth import Authenticator, Principal
from gateway.errors import ApiError
from gateway.http.json_bodies import BodyBudget, decoded, read_body

if TYPE_CHECKING:
    from components.alerts.alerts import Alerts

__all__ = ["ALERTS_WRITE", "BASE", "NAME_FORM", "AlertAccess"]

T = TypeVar("T")

ALERTS_WRITE: Final = "alerts:write"
BASE: Final = "/api/v1/alerts"
NAME_FORM: Final = r"^[a-z0-9][a-z0-9._-]{0,99}$"
_OFF: Final = "alerts are off: set ALERT_RULES to a file of rules to use them"
_BODY_BYTES: Final = 256 << 10


class AlertAccess:
    """What the routes of alerts have in common.

    Args:
        alerts: None: they are off.
        authenticator: finds out who asks.
    """

    def __init__(self, alerts: "Alerts | None", authenticator: Authenticator) -> None:
        self._alerts = alerts
        self._authenticator = authenticator
        self._budget = BodyBudget(8 * _BODY_BYTES)

    def __repr__(self) -> str:
        return f"<AlertAccess {self._alerts!r}>"

    async def to_all(self, request: Request, scope: str) -> "tuple[Alerts, Principal]":
        """Who asks, and the alerts. They are about all tasks, so a token for some is not enough.

        Raises:
            ApiError: the token does not allow it, or alerts are off.
        """
        principal = await self._authenticator.principal_of(request)
        principal.require(scope)
        if principal.is_limited:
            raise ApiError("PERMISSION_DENIED", "the token covers some tasks only; alerts are about all")
        return self._used(), principal

    async def to_read(self, request: Request, task_id: str | None = None) -> "tuple[Alerts, Principal]":
        """Who wants to read about a task, or, with None, about those that the token covers.

        Raises:
            ApiError: the token does not allow it, or alerts are off.
        """
        principal = await self._authenticator.principal_of(request)
        principal.require("logs:read", task_id=task_id)
        return self._used(), principal

    async def body(self, request: Request, kind: type[T]) -> T:
        """The body of a request.

        Raises:
            ApiError: it is too large, or not as described.
        """
        body = await read_body(request, self._budget)
        try:
            return await decoded(body, kind)
        finally:
            self._budget.give_back(len(body))

    def _used(self) -> "Alerts":
        if self._alerts is None:
            raise ApiError("UNAVAILABLE", _OFF)
        return self._alerts
