"""Everything that somebody may show at a door, from nothing to the right token."""

from collections.abc import Sequence
from typing import Any, Final

from tests.support.signed_tokens import make_token

__all__ = ["BAD", "KINDS", "OURS", "SCOPES", "credential"]

OURS: Final = "ours"
"""The task and the pipeline that the right token covers."""
SCOPES: Final = ("logs:read", "logs:write")
BAD: Final = ("none", "garbage", "expired", "wrong key", "alg none")
"""What does not tell who asks."""
KINDS: Final = (*BAD, "wrong scope", "other task", "right")


def credential(kind: str, *, scope: str = "logs:read", tasks: Sequence[str] | None = (OURS,)) -> str | None:
    """A token of a kind; the right one has ``scope`` and covers ``tasks`` (None: all); the wrong ones differ in one."""
    wrong_scope = next(each for each in SCOPES if each != scope)
    covered: dict[str, Any] = {"tasks": tasks, "pipelines": tasks, "subject": "someone"}
    match kind:
        case "none":
            return None
        case "garbage":
            return "garbage.of.nobody"
        case "expired":
            return make_token(scopes=[scope], expires_in=-60, **covered)
        case "wrong key":
            return make_token(scopes=[scope], key="another secret that has at least 32 bytes", **covered)
        case "alg none":
            return make_token(scopes=[scope], algorithm="none", **covered)
        case "wrong scope":
            return make_token(scopes=[wrong_scope], **covered)
        case "other task":
            return make_token(scopes=[scope], tasks=["theirs"], pipelines=["theirs"], subject="someone")
        case _:
            return make_token(scopes=[scope], **covered)
