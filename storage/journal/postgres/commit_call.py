"""The one call that a commit is: its parameters, in the order of ``journal_commit`` and ``journal_commit_lanes``."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

__all__ = ["COMMIT", "COMMIT_LANES", "StoredRange", "columns", "flag", "storable"]

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
_LANE_TYPES: Final = ("integer[]", *_TYPES[1:], "integer[]", "integer[]", "integer[]")


def _call(result: str, function: str, types: Sequence[str]) -> str:
    parameters = ", ".join(f"${n}::{kind}" for n, kind in enumerate(types, 1))
    return f"SELECT {result} FROM {function}({parameters})"  # noqa: S608 - constants


COMMIT: Final = _call("o_position, o_stages", "journal_commit", _TYPES)
"""With one lane."""

COMMIT_LANES: Final = _call("o_places", "journal_commit_lanes", _LANE_TYPES)
"""With several: the first parameter is all lanes of the commit, the last are those of tasks, stages and records."""


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
    lane: int = 0


def columns(rows: Sequence[Sequence[object]], width: int) -> list[list[object]]:
    """Rows as one array for each column."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def flag(value: object) -> bool | None:
    """Whether an end followed from reports; None: there is no end."""
    return None if value is None else bool(value)


def storable(text: object) -> object:
    """A reason as PostgreSQL takes it: without NUL."""
    return text.replace("\0", "\ufffd") if isinstance(text, str) else text
