"""Checking the rows of `job_logs` against the journal's lines, in one walk over both in the order of commits.

The sink's account says which stretch of ids is a copy of which lines. So every line has a row of known id, and what is
missing, changed or there twice can be named, and put right, to the row. Rows in no stretch are other programs', and
nobody's business but theirs; of those it is checked that they became lines.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from filters.identifiers import IdentifierError, check_identifier
from storage.polling.batches import Place
from storage.polling.external_rows import ExternalRowReader
from storage.polling.interface import SqlConnection
from storage.polling.row_map import NO_RECORD, TableWatch, high_water, load_watch
from storage.verification.findings import Finding, Findings, Kind
from storage.verification.journal_records import CheckedLine, CheckedRecord
from storage.verification.snapshot import transaction

__all__ = ["CopyAgain", "DropRow", "Fix", "RowCheck", "RowCheckState", "WriteRow"]

_STRETCHES: Final = """
SELECT record, line, first_id, last_id FROM otto_sink_rows
WHERE epoch = ? AND record <> ? AND first_id <= ? AND (record, line, first_id) > (?, ?, ?)
ORDER BY record, line, first_id LIMIT 1000"""

_LAST_ID: Final = "SELECT last_id FROM otto_sink_rows WHERE epoch = ? AND record = ? AND line = ? AND first_id = ?"

_ROWS: Final = "SELECT id, job_id, log_message, created_at FROM job_logs WHERE id >= ? AND id <= ?"

_LIKE: Final = """
SELECT min(id) FROM job_logs WHERE job_id = ? AND id >= ? AND id <= ? AND log_message = ? AND created_at = ?"""

_Values = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class WriteRow:
    """Give row ``row_id`` these values; ``is_new``: it is not there."""

    row_id: int
    values: _Values
    is_new: bool


@dataclass(frozen=True, slots=True)
class DropRow:
    """Delete a copy too many; what is behind it in its stretch continues with the line at ``record, line``."""

    row_id: int
    record: int
    line: int


@dataclass(frozen=True, slots=True)
class CopyAgain:
    """Nobody knows which rows these lines should have: copy everything from ``record`` on again."""

    record: int


Fix = WriteRow | DropRow | CopyAgain


@dataclass(slots=True)
class _Stretch:
    record: int
    line: int
    first: int
    next: int
    """The row that the next line should have."""
    last: int
    is_loose: bool = False
    """Records have gone, so that it is not known any more how many rows to pass over; the next line's is looked for."""


class RowCheckState(msgspec.Struct, frozen=True):
    """Where a check of the rows is; ``active`` are stretches that have rows left, with the next of each."""

    previous: int
    taken_over: int
    activated: tuple[int, int, int]
    active: list[tuple[int, int, int, int, bool]]
    counts: tuple[int, int, int]


class RowCheck:
    """Takes the journal's records one after the other.

    Args:
        connection: to the polling database.
        reader: of the same, for rows of other programs.
        epoch: the journal's.
        expired_before: rows with an older ``created_at`` may be missing, because retention deletes them; "" none may.
        on_fix: called with the change that would repair each finding.
        stored_text: a text as the database keeps it.
    """

    def __init__(
        self,
        connection: SqlConnection,
        reader: ExternalRowReader,
        epoch: str,
        findings: Findings,
        *,
        expired_before: str = "",
        on_fix: Callable[[Fix], None] = lambda _: None,
        stored_text: Callable[[str], str] = lambda text: text,
    ) -> None:
        self._stored_text = stored_text
        self._connection = connection
        self._reader = reader
        self._epoch = epoch
        self._findings = findings
        self._expired_before = expired_before
        self._on_fix = on_fix
        with transaction(connection):
            self._high = high_water(connection)
            found = connection.execute(
                "SELECT record, line FROM otto_sink_progress WHERE sink = 'job_logs' AND epoch = ?", (epoch,)
            ).fetchone()
            self.place = Place(*found) if found else Place()
            self.watch: TableWatch | None = load_watch(connection, epoch)
        self._activated = (0, 0, 0)
        self._coming = self._stretches()
        self._next = next(self._coming, None)
        self._active: list[_Stretch] = []
        self._previous = 0
        self._taken_over = self.watch.start if self.watch else 0
        self.rows = 0
        """Rows that were compared."""
        self.foreign_lines = 0
        """Lines that were rows of other programs first."""
        self.expired_rows = 0
        """Rows that retention has deleted."""

    def take(self, record: CheckedRecord) -> None:
        """Check the rows of a record's lines."""
        if record.id != self._previous + 1:
            self._loosen()
        self._previous = record.id
        self._activate(record.id)
        if record.lines is None:
            self._loosen()
        if record.lines:
            self._check_foreign(record.first, record.lines)
            lines = [
                (index, (line.task_id, self._stored_text(line.message), line.created_at))
                for index, line in enumerate(record.lines)
                if line.row_id is None
            ]
            if lines:
                self._check_rows(record, lines)
        self._active = [id_range for id_range in self._active if id_range.next <= id_range.last]

    def _loosen(self) -> None:
        for id_range in self._active:
            id_range.is_loose = True

    def finish(self, last_record: int, taken_over: int) -> None:
        """Check what is known only at the end.

        Args:
            last_record: the newest record that was taken.
            taken_over: the id up to which the journal says that rows of other programs became lines.
        """
        if self.place.record > last_record:
            text = f"copied up to record {self.place.record}, the journal ends at {last_record}"
            self._findings.add(Finding(Kind.PROGRESS_WRONG, text, record=self.place.record))
        if taken_over > self._taken_over:
            self._miss_foreign(taken_over + 1)

    def state(self) -> RowCheckState:
        """Where it is, for a check that continues from here."""
        active = [(each.record, each.line, each.first, each.next, each.is_loose) for each in self._active]
        counts = (self.rows, self.foreign_lines, self.expired_rows)
        return RowCheckState(self._previous, self._taken_over, self._activated, active, counts)

    def resume(self, state: RowCheckState) -> None:
        """Continue from where another check was; to be called before the first record."""
        self._previous, self._taken_over, self._activated = state.previous, state.taken_over, state.activated
        self.rows, self.foreign_lines, self.expired_rows = state.counts
        for record, line, first, following, is_loose in state.active:
            # A stretch grows while the sink copies.
            found = self._connection.execute(_LAST_ID, (self._epoch, record, line, first)).fetchone()
            if found:
                last = min(found[0], self._high)
                self._active.append(_Stretch(record, line, first, following, last, is_loose))
        self._coming = self._stretches()
        self._next = next(self._coming, None)

    def _stretches(self) -> Iterator[_Stretch]:
        after = self._activated
        while True:
            found = self._connection.execute(_STRETCHES, (self._epoch, NO_RECORD, self._high, *after)).fetchall()
            if not found:
                return
            for record, line, first, last in found:
                yield _Stretch(record, line, first, first, min(last, self._high))
            after = found[-1][:3]

    def _activate(self, record: int) -> None:
        while self._next is not None and self._next.record <= record:
            self._next.is_loose = self._next.record < record  # the record that it begins with is gone
            if self._next.is_loose:
                self._next.line = 0
            self._activated = (self._next.record, self._next.line, self._next.first)
            self._active.append(self._next)
            self._active.sort(key=lambda id_range: id_range.next)
            self._next = next(self._coming, None)

    def _check_rows(self, record: CheckedRecord, lines: Sequence[tuple[int, _Values]]) -> None:
        covered = [False] * len(lines)
        for id_range in self._active:
            start = 0
            if id_range.record == record.id:
                start = next((at for at, (index, _) in enumerate(lines) if index >= id_range.line), len(lines))
            while start < len(lines) and id_range.next <= id_range.last:
                if id_range.is_loose:
                    self._find(id_range, lines[start][1])
                    if id_range.is_loose:
                        start += (
                            1  # this line's row is not there, or not as it should be: reported below, as not covered
                        )
                        continue
                end = min(len(lines), start + id_range.last - id_range.next + 1)
                self._compare(record, lines, start, end, id_range, covered)
                id_range.next += end - start
                start = end
        for (index, values), is_covered in zip(lines, covered, strict=True):
            if not is_covered and self._is_copied(record.id, index):
                self._miss(record, index, values, 0)

    def _compare(
        self,
        record: CheckedRecord,
        lines: Sequence[tuple[int, _Values]],
        start: int,
        end: int,
        id_range: _Stretch,
        covered: list[bool],
    ) -> None:
        """Look at the rows that one stretch has for ``lines[start:end]``."""
        first = id_range.next
        found = {row[0]: row[1:] for row in self._connection.execute(_ROWS, (first, first + end - start - 1))}
        self.rows += len(found)
        for at in range(start, end):
            index, values = lines[at]
            row_id = first + at - start
            row = found.get(row_id)
            if covered[at]:
                # A journal that was put back has given the numbers of lines that it lost to others: their rows are
                # no copies of these. Only what says the same is there twice.
                if row == values:
                    self._double(record, index, values, row_id)
                continue
            covered[at] = True
            if row is None:
                self._miss(record, index, values, row_id)
            elif row != values and not self._is_shadowed(id_range, record, index, values):
                self._found(Kind.ROW_ALTERED, record, index, values, row_id, f"row {row_id} says something else")
                self._on_fix(WriteRow(row_id, values, is_new=False))
            elif row != values:
                covered[at] = False

    def _is_shadowed(self, id_range: _Stretch, record: CheckedRecord, index: int, values: _Values) -> bool:
        """Whether a later stretch has a copy of this line, as it has after the journal was put back."""
        return any(
            other is not id_range and other.next > id_range.next and self._has_row(other, values)
            for other in self._active
            if (other.record, other.line) <= (record.id, index)
        )

    def _has_row(self, id_range: _Stretch, values: _Values) -> bool:
        job_id, message, created_at = values
        found = self._connection.execute(_LIKE, (job_id, id_range.next, id_range.last, message, created_at)).fetchone()
        return found[0] is not None

    def _find(self, id_range: _Stretch, values: _Values) -> None:
        """Continue with the row of this line, where the stretch has one."""
        job_id, message, created_at = values
        found = self._connection.execute(_LIKE, (job_id, id_range.next, id_range.last, message, created_at)).fetchone()
        if found[0] is not None:
            id_range.next, id_range.is_loose = found[0], False

    def _is_copied(self, record: int, line: int) -> bool:
        """Whether the copy says that it has done this line."""
        place = self.place
        return record < place.record or (record == place.record and (not place.line or line < place.line))

    def _miss(self, record: CheckedRecord, index: int, values: _Values, row_id: int) -> None:
        if values[2] < self._expired_before:
            self.expired_rows += 1
            return
        text = f"row {row_id} is not there" if row_id else "no row was ever written"
        self._found(Kind.ROW_MISSING, record, index, values, row_id, text)
        if row_id:
            self._on_fix(WriteRow(row_id, values, is_new=True))
        elif all(id_range.record >= record.id for id_range in self._active):
            self._on_fix(CopyAgain(record.id))

    def _double(self, record: CheckedRecord, index: int, values: _Values, row_id: int) -> None:
        self._found(Kind.ROW_DOUBLED, record, index, values, row_id, f"row {row_id} is a second copy")
        self._on_fix(DropRow(row_id, record.id, index + 1))

    def _found(self, kind: Kind, record: CheckedRecord, index: int, values: _Values, row_id: int, text: str) -> None:
        sequence = record.first + index
        place = f"line {sequence} of task {values[0]!r}"
        self._findings.add(Finding(kind, f"{place}: {text}", values[0], sequence, record.id, row_id))

    def _check_foreign(self, first: int, lines: Sequence[CheckedLine]) -> None:
        for sequence, line in enumerate(lines, first):
            if line.row_id is None:
                continue
            self.foreign_lines += 1
            watch_id, _, text = line.row_id.partition("-")
            if self.watch is None or not self.watch.watch_id.startswith(watch_id) or not text.isdigit():
                continue  # of an earlier table
            row_id = int(text)
            if row_id <= self._taken_over:
                text = f"line {sequence} of task {line.task_id!r}: row {row_id} became a line before"
                self._findings.add(Finding(Kind.FOREIGN_ROW_DOUBLED, text, line.task_id, sequence, row_id=row_id))
                continue
            if row_id > self._taken_over + 1:
                self._miss_foreign(row_id)
            self._taken_over = row_id

    def _miss_foreign(self, before: int) -> None:
        """Report rows of other programs in front of ``before`` that became no lines."""
        while self._taken_over < before - 1:
            id_range = self._reader.read(self._taken_over, before - 1)
            if id_range is None or id_range.upto <= self._taken_over:
                break
            for row in id_range.rows:
                try:
                    check_identifier("job_id", row.job_id)
                except IdentifierError:
                    continue  # can be no line
                text = f"row {row.id} of job {row.job_id!r} became no line"
                self._findings.add(Finding(Kind.FOREIGN_ROW_MISSING, text, row.job_id, row_id=row.id))
            self._taken_over = id_range.upto
        self._taken_over = max(self._taken_over, before - 1)
