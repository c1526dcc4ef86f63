"""Cursors across tasks: a place in the ranking of one moment, which what comes later does not change."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Self

from gateway.errors import ApiError
from gateway.history.reads import Reads
from gateway.routing.parameters import Parameter

__all__ = ["CURSOR", "RecordCursor"]

CURSOR: Final = Parameter("cursor", "`next` of the answer before.")

_TEXT: Final = re.compile(r"([0-9a-f]{8})-([0-9]{1,18})-([0-9]{1,18})(?:-([0-9]{1,18}))?\Z", re.ASCII)
_BEYOND: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class RecordCursor:
    """Tasks whose newest record, of all up to ``snapshot``, is below ``record``.

    A search continues in the task of that record itself, with the lines up to ``upto``.
    """

    epoch: str
    snapshot: int
    record: int = _BEYOND
    upto: int | None = None

    def __str__(self) -> str:
        place = "" if self.upto is None else f"-{self.upto}"
        return f"{self.epoch}-{self.snapshot}-{self.record}{place}"

    @classmethod
    async def of(cls, query: Mapping[str, str], reads: Reads) -> Self:
        """The one in ``cursor``, or the beginning.

        Raises:
            ApiError: INVALID_ARGUMENT; it is none, or of another life of the journal.
        """
        text = query.get(CURSOR.name)
        if not text:
            return cls(reads.epoch, await reads.settled_record())
        match = _TEXT.match(text)
        if match is None:
            raise ApiError("INVALID_ARGUMENT", f"cursor is {text[:64]!r}: give the `next` of an answer", field="cursor")
        epoch, snapshot, record, upto = match.groups()
        if epoch != reads.epoch:
            raise ApiError(
                "INVALID_ARGUMENT",
                f"cursor is of another life of the journal ({epoch}, this one is {reads.epoch}): begin anew without it",
                field="cursor",
            )
        return cls(epoch, int(snapshot), int(record), None if upto is None else int(upto))

    def at(self, record: int, upto: int | None = None) -> Self:
        """Another place in the same ranking."""
        return replace(self, record=record, upto=upto)
