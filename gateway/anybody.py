"""Everybody may do everything: what there is until tokens are asked for."""

from dataclasses import dataclass

from starlette.requests import HTTPConnection


@dataclass(frozen=True, slots=True)
class Anybody:
    """Whoever it is."""

    subject: str = "anybody"
    expires_at: float | None = None

    def require(self, scope: str, *, task_id: str | None = None, pipeline_id: str | None = None) -> None:
        """Allow it."""


class LetEverybodyIn:
    """Asks for no token."""

    async def authenticate(self, _token: str | None) -> Anybody:
        """The one principal."""
        return Anybody()

    async def principal_of(self, _connection: HTTPConnection) -> Anybody:
        """The one principal."""
        return Anybody()
