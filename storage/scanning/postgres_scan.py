"""Lines with the shape of a secret in a database on PostgreSQL, and the same database without them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from filters.secret_shapes import ShapeRules
from storage.postgres.session import Session, transaction
from storage.scanning.journal_scan import FoundLine, LineScan, scan_rows
from storage.shared_database import has_table, opened_database
from storage.verification.postgres import verify_postgres
from storage.verification.rows import Fix, WriteRow

__all__ = ["scan_postgres"]

_ROW: Final = "UPDATE job_logs SET log_message = ? WHERE id = ?"
_FORGET_SUMMARY: Final = (
    "UPDATE journal_summaries SET summary = '' WHERE task_key = ? AND last_sequence >= ? AND first_sequence <= ?"
)
_FIXES_MAX: Final = 200


class _Database:
    """See ``Rewritable``. A query's answer is in memory as a whole, so it is of few records."""

    records_max = 16

    def __init__(self, session: Session) -> None:
        self.connection = session

    def transaction(self) -> AbstractContextManager[None]:
        return transaction(self.connection)

    def forget_summaries(self, task_key: int, first: int, last: int) -> None:
        if has_table(self.connection, "journal_summaries"):  # it knows nothing of what stands there now
            self.connection.execute(_FORGET_SUMMARY, (task_key, first, last))


def scan_postgres(
    url: str,
    polling_url: str,
    rules: ShapeRules,
    *,
    rewrite: bool,
    copied_as: str | None,
    on_progress: Callable[[int, int], None],
) -> tuple[LineScan, list[FoundLine], int]:
    """What is found, and in how many rows of ``job_logs``; with ``rewrite`` neither has it any longer.

    Args:
        url: of the journal, which the caller holds if it is rewritten.
        polling_url: of ``job_logs``.
        rules: what to look for.
        rewrite: whether it is masked.
        copied_as: as of ``verify_postgres``.
        on_progress: as of ``LineScan.scan``.

    Raises:
        ChunkDamagedError: lines cannot be read.
        StorageError: a database cannot be used.
    """
    scan = LineScan(rules, rewrite=rewrite)
    with opened_database(url) as session:
        found = list(scan.scan(_Database(session), on_progress)) if has_table(session, "journal_records") else []
    with opened_database(polling_url) as session:
        if not has_table(session, "job_logs"):
            return scan, found, 0
        if rewrite and found:  # a key of several lines is in rows that show nothing by themselves
            _follow_lines(session, url, polling_url, copied_as)
        return scan, found, scan_rows(session, rules, partial(transaction, session) if rewrite else None)


def _follow_lines(session: Session, url: str, polling_url: str, copied_as: str | None) -> None:
    """Give rows the texts of their lines."""
    fixes: list[Fix] = []
    verify_postgres(url, polling_url, copied_as=copied_as, on_fix=fixes.append)
    altered = [fix for fix in fixes if isinstance(fix, WriteRow) and not fix.is_new]
    for start in range(0, len(altered), _FIXES_MAX):
        with transaction(session):
            for fix in altered[start : start + _FIXES_MAX]:
                session.execute(_ROW, (fix.values[1], fix.row_id))
