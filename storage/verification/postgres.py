"""The check of a journal on PostgreSQL and of its rows, beside gateways that use them."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from storage.errors import DatabaseError
from storage.polling.external_rows import ExternalRowReader
from storage.polling.postgres_table import PostgresPollingTable, storable_text
from storage.postgres.address import shown_address
from storage.postgres.session import Session
from storage.shared_database import has_table, opened_database, shown_epoch
from storage.verification.checkpoint import CheckpointFile
from storage.verification.findings import Finding, Findings, Kind
from storage.verification.journal_records import CheckedRecord, last_record, records
from storage.verification.parallel import RecordRanges
from storage.verification.rows import Fix, RowCheck
from storage.verification.tasks import check_producers, check_tasks
from storage.verification.verifier import Progress, RecordWalk, Report, taken_over

__all__ = ["verify_postgres"]

_ROWS_MAX: Final = 16
"""Records of one query, whose answer is in memory as a whole."""


def verify_postgres(
    url: str,
    polling_url: str | None,
    *,
    copied_as: str | None = None,
    retention_days: float | None = None,
    sample: float = 1.0,
    resume: Path | None = None,
    on_progress: Progress = lambda _reached, _last: None,
    on_fix: Callable[[Fix], None] = lambda _: None,
) -> Report:
    """As ``verify``; the server checks its files itself, if it has checksums.

    Args:
        url: of the journal.
        polling_url: of ``job_logs``; None: it is not on PostgreSQL, and not checked.
        copied_as: the epoch under which the copy counts; None: the journal's.
        retention_days: as of ``verify``.
        sample: as of ``verify``.
        resume: as of ``verify``.
        on_progress: as of ``verify``.
        on_fix: as of ``verify``.

    Raises:
        DatabaseError, StorageUnavailableError: the journal cannot be read, or is none; or ``resume`` is of another.
    """
    started = time.perf_counter()
    report = Report(shown_address(url), shown_address(polling_url or url))
    file = CheckpointFile(resume)
    with opened_database(url) as session:
        if not has_table(session, "journal_records"):
            raise DatabaseError(f"PostgreSQL at {report.journal} has no journal: it has no table journal_records")
        report.epoch = shown_epoch(session)
        begun = file.load(report.epoch)
        _note_checksums(session, report)
        if sample < 1.0:
            report.notes.append(f"a sample of {sample:.0%} of the records: rows were not checked")
            polling_url = None
        elif polling_url is None:
            report.notes.append("job_logs is in a file: no rows were checked")
        epoch = copied_as or report.epoch
        with _row_check(polling_url, epoch, report, retention_days, on_fix) as row_check:
            copied_rows = taken_over(session, row_check)
            walk = RecordWalk(report, row_check, file, on_progress)
            walk.resume(begun)
            upto = _check_lane(session, report.findings)
            ranges = RecordRanges(walk.reached, upto, sample, random.randrange(1 << 32))  # noqa: S311 - no secret
            walk.run(_checked(session, ranges, report.findings), upto)
            walk.finish(upto, copied_rows)
        report.tasks = check_tasks(session, report.findings)
        report.producers = check_producers(session, report.findings, wrong="number < 1")
    file.remove()
    report.seconds = time.perf_counter() - started
    return report


def _checked(session: Session, ranges: RecordRanges, findings: Findings) -> Iterator[CheckedRecord]:
    for after, upto in ranges:
        part = Findings()
        try:
            yield from records(session, after, upto, part, rows_max=_ROWS_MAX)
        finally:
            findings.add_all(part)


def _check_lane(session: Session, findings: Findings) -> int:
    """The newest record, of which the lane must know: its number would be given a second time."""
    upto = last_record(session)
    (position,) = session.execute("SELECT max(position) FROM journal_lanes").fetchone()
    if upto > position:
        text = f"record {upto} is beyond the position {position} of its lane"
        findings.add(Finding(Kind.RECORD_WRONG, text, record=upto))
    return upto


def _note_checksums(session: Session, report: Report) -> None:
    if session.execute("SELECT current_setting('data_checksums')").fetchone()[0] != "on":
        report.notes.append("the server has no data checksums: pg_amcheck looks at its tables and indexes")


@contextmanager
def _row_check(
    url: str | None, epoch: str, report: Report, retention_days: float | None, on_fix: Callable[[Fix], None]
) -> Iterator[RowCheck | None]:
    if url is None:
        yield None
        return
    with opened_database(url) as session:
        if not has_table(session, "otto_sink_rows") or not has_table(session, "job_logs"):
            report.notes.append(f"PostgreSQL at {report.polling} has no polling tables yet: no rows were checked")
            yield None
            return
        expired = datetime.now(UTC) - timedelta(days=retention_days) if retention_days else None
        reader = ExternalRowReader(PostgresPollingTable(url), epoch, rows_max=1000, message_bytes_max=0)
        try:
            yield RowCheck(
                *(session, reader, epoch, report.findings),
                expired_before=expired.strftime("%Y-%m-%d %H:%M:%S") if expired else "",
                on_fix=on_fix,
                stored_text=storable_text,
            )
        finally:
            reader.close()
