"""The one call that a commit is: its parameters, in the order of ``journal_commit``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["COMMIT", "StoredRange", "columns", "flag", "storable"]

_TYPES: Final = (
    *("integer", "text", "text", "bigint"),
    *("bigint[]", "text[]", "bigint[]", "bigint[]", "text[]", "text[]", "text[]", "boolean[]", "bigint[]", "bigint[]"),
    *("bigint[]", "text[]", "boolean[]", "text[]", "text[]", "text[]"),
    *("text[]", "bigint[]", "bigint[]"),
    *("text[]", "bigint[]"),
    *("text[]", "text[]", "bigint[]", "bytea[]"),
    *("bigint[]", "smallint[]", "bigint[]", "bigint[]", "bigint[]"),
    *("text[]", "text[]", "smallint[]", "bigint[]", "bigint[]", "bytea[]"),
)
_PARAMETERS: Final = ", ".join(f"${n}::{kind}" for n, kind in enumerate(_TYPES, 1))
COMMIT: Final = f"SELECT o_position, o_stages FROM journal_commit({_PARAMETERS})"  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class StoredRange:
    """Where a lane stood before and after a commit: records, and transitions of pipelines.

    ``records`` are those of ``RelayedCommit``, in the life of ``token``.
    """

    before: int
    position: int
    stages_before: int
    stages: int
    token: str = ""
    records: Sequence[tuple[Any, ...]] = ()


def columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows as one array for each column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def flag(value: object) -> bool | None:
    """Whether an end followed from reports; None: there is no end."""
    return None if value is None else bool(value)


def storable(text: object) -> object:
    """A reason as PostgreSQL takes it: without NUL."""
    return text.replace("\0", "\ufffd") if isinstance(text, str) else text
