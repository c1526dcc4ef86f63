"""Who may write: the producer's token, and what of it is asked for every batch."""

from collections.abc import Iterable
from typing import Final

from gateway.auth import Principal
from gateway.errors import ApiError

__all__ = ["WRITE_SCOPE", "AuthorizationCache", "bearer_token"]

WRITE_SCOPE: Final = "logs:write"
_REMEMBERED_MAX: Final = 10_000


def bearer_token(metadata: Iterable[tuple[str, str | bytes]]) -> str | None:
    """The token of ``authorization: Bearer <token>``; None if there is none.

    Raises:
        ApiError: the metadata has an authorization of another scheme.
    """
    for key, value in metadata:
        if key == "authorization":
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            scheme, _, token = text.partition(" ")
            if scheme.lower() != "bearer" or not token.strip():
                raise ApiError(
                    "UNAUTHENTICATED", "metadata `authorization` must be `Bearer <token>`", field="authorization"
                )
            return token.strip()
    return None


class AuthorizationCache:
    """What one stream's principal may write, each task and pipeline asked for once."""

    __slots__ = ("_pipelines", "_principal", "_tasks")

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self._tasks: set[str] = set()
        self._pipelines: set[str] = set()

    def __repr__(self) -> str:
        return f"<AuthorizationCache {self._principal.subject!r} {len(self._tasks)} tasks>"

    def check_task(self, task_id: str) -> None:
        """Return, or raise ``ApiError`` PERMISSION_DENIED."""
        if task_id not in self._tasks:
            self._principal.require(WRITE_SCOPE, task_id=task_id)
            _remember(self._tasks, task_id)

    def check_pipeline(self, pipeline_id: str) -> None:
        """Return, or raise ``ApiError`` PERMISSION_DENIED."""
        if pipeline_id not in self._pipelines:
            self._principal.require(WRITE_SCOPE, pipeline_id=pipeline_id)
            _remember(self._pipelines, pipeline_id)


def _remember(known: set[str], name: str) -> None:
    if len(known) >= _REMEMBERED_MAX:
        known.clear()  # asking again is all that it costs
    known.add(name)
