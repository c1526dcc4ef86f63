"""The databases of the core, and what works on them from the start to the end of the process."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import structlog

from gateway.settings.derived import retention_policy
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from storage.journal.sqlite import SqliteJournal
from storage.journal.stored_journal import StoredJournal
from storage.polling import ClosingRows, PollingSink, PollingTable, RowImporter, TableRows
from storage.retention.polling_rows import PollingRows
from storage.retention.worker import Retention, sweeps_of
from storage.sqlite.disk_reserve import DiskReserve
from storage.sqlite.files import wait_for_lock

__all__ = ["Databases", "lock_database", "open_databases"]

_log = structlog.get_logger(__name__)

SHARED_JOURNAL_LIMITS: Final = {
    "shared": "lines, ends of tasks, workers, producers' numbers, stages of pipelines",
    "of_each_gateway": "polling tables (a copy in SQLite), execution records, automation, batch jobs, tickets, quotas",
    "not_there_yet": "retention, rows of other programs (TABLE_ROWS), verify, prune, several lanes, Redis",
}
"""What several gateways on one PostgreSQL have together, and what not; said at each start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """The journal, the polling tables, and what copies and removes their rows."""

    journal: StoredJournal
    table: PollingTable
    sink: PollingSink
    importer: RowImporter
    retention: Retention


async def lock_database(path: Path, settings: Settings) -> IO[bytes]:
    """The right to write the journal's database, as soon as no other gateway has it.

    Raises:
        DatabaseInUseError: another gateway has it, and keeps it for longer than ``LOCK_WAIT_SECONDS``.
    """
    return await wait_for_lock(
        path,
        settings.lock_wait_seconds,
        on_wait=lambda: _log.warning(
            "waiting for another gateway on this database to end",
            database=str(path),
            seconds_max=settings.lock_wait_seconds,
        ),
    )


async def open_databases(
    settings: Settings, path: Path, lock: IO[bytes], swept: Sequence[PollingRows], undo: AsyncExitStack
) -> Databases:
    """Open them; none begins to copy or remove yet.

    Args:
        settings: of the process.
        path: the journal's database; beside a journal on PostgreSQL, that of this gateway's own tables.
        lock: of ``lock_database``.
        swept: rows that retention removes besides those of ``job_logs``.
        undo: gets what closes each of them, in the order in which they were opened.

    Raises:
        StorageError: a database cannot be used.
    """
    if settings.has_shared_journal:
        undo.callback(lock.close)
        journal: StoredJournal = await _open_shared_journal(settings)
    else:
        journal = await _open_journal(settings, path, lock)
    undo.push_async_callback(journal.close)
    table = await PollingTable.open(settings.polling_database)
    undo.push_async_callback(table.close)
    sink = PollingSink(
        journal,
        table,
        closing_rows=ClosingRows(settings.closing_rows.value),
        table_rows=TableRows(settings.table_rows.value),
        lineage=journal.lineage,
    )
    undo.push_async_callback(sink.close)
    importer = RowImporter(
        journal,
        table,
        interval_seconds=settings.table_rows_interval_seconds,
        message_bytes_max=settings.message_bytes_max,
    )
    undo.push_async_callback(importer.close)
    policy = retention_policy(settings)
    retention = Retention(
        journal,
        sweeps_of(path, table, policy, swept),
        policy,
        copied=lambda: sink.copied,
        reserve=DiskReserve(path, settings.disk_reserve_bytes),
    )
    undo.push_async_callback(retention.close)
    return Databases(journal=journal, table=table, sink=sink, importer=importer, retention=retention)


async def _open_journal(settings: Settings, path: Path, lock: IO[bytes]) -> SqliteJournal:
    return await SqliteJournal.open(
        path,
        lock=lock,
        durability=settings.durability,
        pending_bytes_max=settings.pending_bytes_max,
        retry_seconds_max=settings.storage_wait_seconds,
        gather_seconds=settings.commit_gather_ms / 1000,
    )


async def _open_shared_journal(settings: Settings) -> StoredJournal:
    require_extra("postgres", ["asyncpg"], needed_for="a journal on PostgreSQL")
    from storage.journal.postgres import PostgresJournal

    _log.warning("a journal on PostgreSQL is experimental", **SHARED_JOURNAL_LIMITS)
    journal = await PostgresJournal.open(
        settings.database_url,
        pending_bytes_max=settings.pending_bytes_max,
        retry_seconds_max=settings.storage_wait_seconds,
        gather_seconds=settings.commit_gather_ms / 1000,
        on_wait=lambda reason: _log.warning("waiting for the database", reason=reason),
    )
    _log.info("the journal is on PostgreSQL", database=journal.address, epoch=journal.epoch)
    return journal
