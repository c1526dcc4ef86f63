"""Who asks, and what they may do."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Self

from gateway.auth.patterns import NamePatterns
from gateway.errors import ApiError

__all__ = ["ADMIN", "ANONYMOUS", "LOGS_READ", "LOGS_WRITE", "TASKS_WRITE", "Principal"]

LOGS_READ: Final = "logs:read"
LOGS_WRITE: Final = "logs:write"
TASKS_WRITE: Final = "tasks:write"
"""To delete and to pin."""
ADMIN: Final = "admin"
"""Implies every other scope. It does not widen the tasks and pipelines of a token that names some."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Anyone who a token speaks for. The token itself is not kept.

    Attributes:
        subject: the token's ``sub``; empty if it has none.
        scopes: what the token allows.
        tasks: the tasks that it covers; None: all.
        pipelines: the pipelines that it covers; None: all.
        expires_at: Unix seconds from which on the token is no longer accepted, leeway included; None: never.
    """

    subject: str
    scopes: frozenset[str]
    tasks: NamePatterns | None = None
    pipelines: NamePatterns | None = None
    expires_at: float | None = None

    @property
    def is_limited(self) -> bool:
        """Whether there are tasks or pipelines that it does not cover, so that what lists all of them is not for it."""
        return self.tasks is not None or self.pipelines is not None

    def allows(self, scope: str, *, task_id: str | None = None) -> bool:
        """Whether it has a scope, and covers the task if one is given."""
        is_covered = task_id is None or self.tasks is None or task_id in self.tasks
        return is_covered and (scope in self.scopes or ADMIN in self.scopes)

    def require(self, scope: str, *, task_id: str | None = None, pipeline_id: str | None = None) -> None:
        """Check that the principal has the scope, and covers the task and the pipeline if they are given.

        Raises:
            ApiError: PERMISSION_DENIED.
        """
        if not self.allows(scope):
            raise ApiError("PERMISSION_DENIED", f"the token needs the scope {scope}")
        if task_id is not None and self.tasks is not None and task_id not in self.tasks:
            raise ApiError("PERMISSION_DENIED", f"the token does not cover task {task_id!r}", field="taskId")
        if pipeline_id is not None and self.pipelines is not None and pipeline_id not in self.pipelines:
            raise ApiError(
                "PERMISSION_DENIED", f"the token does not cover pipeline {pipeline_id!r}", field="pipelineId"
            )

    def narrowed(self, scopes: Iterable[str], *, task_id: str | None = None, pipeline_id: str | None = None) -> Self:
        """The same principal with no more than these scopes, and with only this task or pipeline if one is given.

        A task alone means no pipelines, and the other way round. What the principal does not have is not added.
        """
        narrowed = replace(self, scopes=frozenset(scope for scope in scopes if self.allows(scope)))
        if task_id is None and pipeline_id is None:
            return narrowed
        return replace(narrowed, tasks=_only(task_id, self.tasks), pipelines=_only(pipeline_id, self.pipelines))


def _only(name: str | None, covered: NamePatterns | None) -> NamePatterns:
    if name is None or (covered is not None and name not in covered):
        return NamePatterns(())
    return NamePatterns.only(name)


ANONYMOUS: Final = Principal(subject="anonymous", scopes=frozenset({LOGS_READ, LOGS_WRITE, TASKS_WRITE, ADMIN}))
"""Everybody, where no credentials are configured."""
