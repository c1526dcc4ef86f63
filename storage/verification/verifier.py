"""One check of a journal and its polling tables, from beginning to end."""

import random
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.errors import DatabaseError
from storage.polling import ClosingRows, PollingTable
from storage.polling.external_rows import ExternalRowReader
from storage.polling.interface import SqlConnection
from storage.polling.row_import import watch_producer
from storage.sqlite.connections import Access, open_connection
from storage.verification.checkpoint import Checkpoint, CheckpointFile
from storage.verification.findings import Finding, Findings, Kind
from storage.verification.journal_records import CheckedRecord, check_numbers, last_record
from storage.verification.parallel import RANGE_RECORDS, RecordRanges, checked_records
from storage.verification.repair import RowRepair
from storage.verification.rows import Fix, RowCheck
from storage.verification.snapshot import has_table, opened
from storage.verification.tasks import check_producers, check_tasks

__all__ = ["PROGRESS_RECORDS", "Progress", "RecordWalk", "Report", "repair_rows", "taken_over", "verify"]

Progress = Callable[[int, int], None]
"""Called with the record that was reached, and the last one; some hundred times in a check."""

PROGRESS_RECORDS = 512


@dataclass(slots=True)
class Report:
    """What was looked at, and what was found. ``notes`` say what could not be checked, and why."""

    journal: Path | str
    polling: Path | str
    epoch: str = ""
    records: int = 0
    lines: int = 0
    bytes: int = 0
    tasks: int = 0
    producers: int = 0
    rows: int = 0
    expired_rows: int = 0
    foreign_lines: int = 0
    waiting_records: int = 0
    """Records that the sink has not copied yet."""
    seconds: float = 0.0
    findings: Findings = field(default_factory=Findings)
    notes: list[str] = field(default_factory=list)
    repaired: Mapping[str, int] = field(default_factory=dict)

    @property
    def lines_per_second(self) -> float:
        """How fast it was."""
        return self.lines / self.seconds if self.seconds else 0.0


def verify(
    journal: Path,
    table: PollingTable,
    *,
    retention_days: float | None = None,
    jobs: int = 1,
    sample: float = 1.0,
    resume: Path | None = None,
    on_progress: Progress = lambda _reached, _last: None,
    on_fix: Callable[[Fix], None] = lambda _: None,
) -> Report:
    """Check a journal and its polling tables; neither is written, and both may be in use.

    Args:
        journal: its file.
        table: the polling tables; where they are not there, that is a note.
        retention_days: rows older than this may be missing.
        jobs: processes that check records beside this one; it is not worth starting them for a small journal.
        sample: the share of the records that is checked, chosen at random. Below 1.0 rows are not compared, and SQLite
            does not check the file.
        resume: where to keep how far it has got; a check that was cut off continues from there. Gone at the end.
        on_progress: called with how far it has got.
        on_fix: called with the change that would repair each wrong row.

    Raises:
        DatabaseError, StorageUnavailableError: the journal cannot be opened, or is none; or ``resume`` is of another.
    """
    started = time.perf_counter()
    report = Report(journal, table.path)
    file = CheckpointFile(resume)
    with opened(journal) as connection:
        if not has_table(connection, "journal_records"):
            raise DatabaseError(f"{journal} is no journal: it has no table journal_records")
        found = connection.execute("SELECT value FROM journal_meta WHERE name = 'epoch'").fetchone()
        report.epoch = found[0] if found else ""
        begun = file.load(report.epoch)
        with _damage_is_a_finding(report):
            if sample < 1.0:
                report.notes.append(f"a sample of {sample:.0%} of the records: neither rows nor the file were checked")
            elif begun is None:
                _check_file(connection, report)
            with _row_check(table, report, retention_days, on_fix, is_wanted=sample >= 1.0) as row_check:
                copied_rows = taken_over(connection, row_check)  # in front of the last record: never further than it
                walk = RecordWalk(report, row_check, file, on_progress)
                walk.resume(begun)
                upto = last_record(connection)
                check_numbers(connection, upto, report.findings)
                ranges = RecordRanges(walk.reached, upto, sample, random.randrange(1 << 32))  # noqa: S311 - no secret
                walk.run(checked_records(journal, connection, ranges, report.findings, jobs=jobs), upto)
                walk.finish(upto, copied_rows)
            report.tasks = check_tasks(connection, report.findings)
            report.producers = check_producers(connection, report.findings)
    file.remove()
    report.seconds = time.perf_counter() - started
    return report


def repair_rows(
    journal: Path,
    table: PollingTable,
    *,
    retention_days: float | None = None,
    closing_rows: ClosingRows = ClosingRows.STATUS,
    on_progress: Progress = lambda _reached, _last: None,
) -> Report:
    """Check, put the rows right, and check again; the caller holds the journal, so that no gateway is running on it.

    Returns:
        what the second check found, and what was changed before it.

    Raises:
        DatabaseError, StorageError: the journal cannot be read.
        StorageUnavailableError: the polling database cannot be written.
    """
    with opened(journal) as connection:
        found = connection.execute("SELECT value FROM journal_meta WHERE name = 'epoch'").fetchone()
    repair = RowRepair(table, found[0] if found else "", closing_rows)
    verify(journal, table, retention_days=retention_days, on_progress=on_progress, on_fix=repair.take)
    repair.finish(lambda: open_connection(journal, Access.READ))
    report = verify(journal, table, retention_days=retention_days, on_progress=on_progress)
    report.repaired = {name: count for name, count in repair.changed.items() if count}
    return report


def _check_file(connection: sqlite3.Connection, report: Report) -> None:
    for (text,) in connection.execute("PRAGMA quick_check(20)"):
        if text != "ok":
            report.findings.add(Finding(Kind.FILE_DAMAGED, f"{report.journal}: {text}"))


class RecordWalk:
    """Goes through the records, counts them, and has their rows checked. ``reached`` is the last one that is done."""

    def __init__(self, report: Report, row_check: RowCheck | None, file: CheckpointFile, on_progress: Progress) -> None:
        self.reached = 0
        self._report = report
        self._row_check = row_check
        self._file = file
        self._on_progress = on_progress
        self._step: Checkpoint | None = None

    def resume(self, begun: Checkpoint | None) -> None:
        """Continue from there; None: from the first record."""
        if begun is None:
            return
        self.reached = begun.record
        self._report.records, self._report.lines, self._report.bytes = begun.records, begun.lines, begun.bytes
        self._report.findings.add_all(Findings(Counter(begun.counts), begun.findings))
        self._report.notes.append(f"continued after record {begun.record:,}; the file was checked before")
        if self._row_check is not None and begun.rows is not None:
            self._row_check.resume(begun.rows)

    def run(self, records: Iterator[CheckedRecord], last: int) -> None:
        """Take the records; cut off, it leaves how far it has got."""
        report = self._report
        try:
            for record in records:
                if (record.id - 1) // RANGE_RECORDS != (self.reached - 1) // RANGE_RECORDS:
                    self._begin_step()
                if self._row_check is not None:
                    self._row_check.take(record)
                report.records += 1
                report.lines += record.count
                report.bytes += record.size
                self.reached = record.id
                if report.records % PROGRESS_RECORDS == 0:
                    self._on_progress(record.id, last)
        except KeyboardInterrupt:
            if self._step is not None:
                self._file.save(self._step)
            raise
        self._on_progress(last, last)

    def finish(self, last: int, taken_over: int) -> None:
        """Note in the report what is known of rows."""
        row_check, report = self._row_check, self._report
        if row_check is not None:
            row_check.finish(last, taken_over)
            report.rows = row_check.rows
            report.expired_rows = row_check.expired_rows
            report.foreign_lines = row_check.foreign_lines
            report.waiting_records = max(0, last - row_check.place.after)

    def _begin_step(self) -> None:
        """Note where it is: here the findings are those of the records up to ``reached``, and no others."""
        if self._file.is_kept:
            self._step = self._checkpoint()
            if self._file.is_due:
                self._file.save(self._step)

    def _checkpoint(self) -> Checkpoint:
        report, rows = self._report, self._row_check
        return Checkpoint(
            *(report.epoch, self.reached, report.records, report.lines, report.bytes),
            rows=None if rows is None else rows.state(),
            counts=dict(report.findings.counts),
            findings={kind: list(found) for kind, found in report.findings.kept.items()},
        )


@contextmanager
def _row_check(
    table: PollingTable,
    report: Report,
    retention_days: float | None,
    on_fix: Callable[[Fix], None],
    *,
    is_wanted: bool,
) -> Iterator[RowCheck | None]:
    """The check of the rows; None if it is not wanted, and with a note if there is nothing that it could go by."""
    if not is_wanted:
        yield None
        return
    if not table.path.exists():
        report.notes.append(f"{table.path} does not exist: no rows were checked")
        yield None
        return
    with opened(table.path) as connection:
        if not has_table(connection, "otto_sink_rows") or not has_table(connection, "job_logs"):
            report.notes.append(f"{table.path} has no tables of the gateway's yet: no rows were checked")
            yield None
            return
        expired = datetime.now(UTC) - timedelta(days=retention_days) if retention_days else None
        reader = ExternalRowReader(table, report.epoch, rows_max=1000, message_bytes_max=0)
        try:
            yield RowCheck(
                *(connection, reader, report.epoch, report.findings),
                expired_before=expired.strftime("%Y-%m-%d %H:%M:%S") if expired else "",
                on_fix=on_fix,
            )
        finally:
            reader.close()


def taken_over(connection: SqlConnection, row_check: RowCheck | None) -> int:
    """The id up to which rows of other programs have become lines, as the journal says."""
    if row_check is None or row_check.watch is None:
        return 0
    found = connection.execute(
        "SELECT number FROM journal_producers WHERE producer_id = ?", (watch_producer(row_check.watch.watch_id),)
    ).fetchone()
    return int(found[0]) if found else 0


@contextmanager
def _damage_is_a_finding(report: Report) -> Iterator[None]:
    """Where SQLite cannot continue, the check ends, and says so."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}:
            raise
        report.findings.add(Finding(Kind.FILE_DAMAGED, f"{error}; the rest was not checked"))
