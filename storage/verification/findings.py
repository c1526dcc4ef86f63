"""What a check can find, and the collection of it: every finding is counted, the first of each kind are kept."""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

__all__ = ["Finding", "Findings", "Kind"]

_KEPT_MAX: Final = 100
"""Findings of one kind that are kept with their place."""


class Kind(Enum):
    """The kinds of findings, with what each means."""

    FILE_DAMAGED = "file_damaged", "SQLite finds the file itself damaged"
    CHUNK_DAMAGED = "chunk_damaged", "lines cannot be read: checksum, compression, size or number is wrong"
    LINE_WRONG = "line_wrong", "a line is no entry, or says another task or sequence than where it is stored"
    CHUNK_INDEX_WRONG = "chunk_index_wrong", "levels or times stored with a chunk are not those of its lines"
    RECORD_WRONG = "record_wrong", "a record has no task, is of no known kind, or its number may be given again"
    SEQUENCE_MISSING = "sequence_missing", "lines between the first and the last of a task are not stored"
    SEQUENCE_DOUBLED = "sequence_doubled", "lines are stored twice"
    TASK_WRONG = "task_wrong", "what is stored of a task does not fit its records"
    PRODUCER_WRONG = "producer_wrong", "a producer's number cannot be"
    ROW_MISSING = "row_missing", "a line has no row in job_logs"
    ROW_ALTERED = "row_altered", "the row of a line says something else"
    ROW_DOUBLED = "row_doubled", "a line was copied more than once"
    FOREIGN_ROW_MISSING = "foreign_row_missing", "another program's row became no line"
    FOREIGN_ROW_DOUBLED = "foreign_row_doubled", "another program's row became more than one line"
    PROGRESS_WRONG = "progress_wrong", "the copy's progress does not fit the journal or the rows"

    text: str

    def __new__(cls, value: str, text: str) -> "Kind":
        """A kind that knows its meaning."""
        member = object.__new__(cls)
        member._value_ = value
        member.text = text
        return member


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and where. ``sequence``, ``record`` and ``row_id`` are 0 if they do not apply."""

    kind: Kind
    text: str
    task_id: str = ""
    sequence: int = 0
    record: int = 0
    row_id: int = 0


@dataclass(slots=True)
class Findings:
    """Counts of all, and the first of each kind."""

    counts: Counter[Kind] = field(default_factory=Counter)
    kept: dict[Kind, list[Finding]] = field(default_factory=dict)

    def add(self, finding: Finding, count: int = 1) -> None:
        """Take a finding; ``count`` is how many lines, rows or records it is about."""
        self.counts[finding.kind] += count
        kept = self.kept.setdefault(finding.kind, [])
        if len(kept) < _KEPT_MAX:
            kept.append(finding)

    def add_all(self, others: "Findings") -> None:
        """Take what another check has found after this one."""
        self.counts += others.counts
        for kind, found in others.kept.items():
            kept = self.kept.setdefault(kind, [])
            kept += found[: _KEPT_MAX - len(kept)]

    @property
    def is_empty(self) -> bool:
        """Whether all is well."""
        return not self.counts
