"""An authenticator whose tokens are words, for tests of what stands behind it."""

from dataclasses import dataclass, field

from gateway.errors import ApiError

__all__ = ["WordAuthenticator", "WordPrincipal"]


@dataclass
class WordPrincipal:
    """May write everything, or the tasks and pipelines that it names."""

    subject: str = "tester"
    expires_at: float | None = None
    tasks: frozenset[str] | None = None
    pipelines: frozenset[str] | None = None
    asked: list[str | None] = field(default_factory=list)

    def require(self, scope: str, *, task_id: str | None = None, pipeline_id: str | None = None) -> None:
        self.asked.append(task_id or pipeline_id)
        for wanted, allowed in ((task_id, self.tasks), (pipeline_id, self.pipelines)):
            if wanted is not None and allowed is not None and wanted not in allowed:
                raise ApiError("PERMISSION_DENIED", f"the token does not cover {wanted!r}")


class WordAuthenticator:
    """Knows the principals that it was given by their words; without any, everybody is one principal."""

    def __init__(self, **principals: WordPrincipal) -> None:
        self.anybody = WordPrincipal()
        self.principals = principals

    async def authenticate(self, token: str | None) -> WordPrincipal:
        if not self.principals:
            return self.anybody
        if token not in self.principals:
            raise ApiError("UNAUTHENTICATED", "no good token")
        return self.principals[token]
