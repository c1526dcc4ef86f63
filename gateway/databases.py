"""The databases of the core, and what works on them from the start to the end of the process."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import structlog

from gateway.monitoring.health import Dependency
from gateway.settings.consistency import is_postgres
from gateway.settings.derived import retention_policy
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from storage.journal.sqlite import SqliteJournal
from storage.journal.stored_journal import StoredJournal
from storage.polling import ClosingRows, PollingSink, PollingStore, PollingTable, RowImporter, TableRows
from storage.retention.pins import Pins
from storage.retention.policy import RetentionPolicy
from storage.retention.polling_rows import PollingRows
from storage.retention.table_sweep import JOB_LOGS, RetentionSweep
from storage.retention.worker import Retention, Sweep
from storage.sqlite.disk_reserve import DiskReserve
from storage.sqlite.files import sqlite_path, wait_for_lock
from storage.summaries import SummarySweep
from storage.tables import DatabaseLocation

if TYPE_CHECKING:
    from storage.postgres.channel import GatewayChannel
    from storage.postgres.leadership import Leadership

__all__ = [
    "POSTGRES_MODULES",
    "Databases",
    "copied_epoch",
    "journal_location",
    "lock_database",
    "open_databases",
    "polling_location",
    "sweeps",
]

_log = structlog.get_logger(__name__)

POSTGRES_MODULES: Final = ("asyncpg", "greenlet")

_ONE_DATABASE: Final = "journal"
"""Whose progress the sink's is, in the place of an epoch, if the polling tables are in the journal's database."""

SHARED_JOURNAL_LIMITS: Final = {
    "shared": "the journal, polling tables, execution records, automation, batch jobs, live updates, tickets",
    "of_each_gateway": "limits of connections, counters",
}
"""What several gateways on one PostgreSQL have together, and what not; said at each start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """The journal, the polling tables, what copies and removes their rows, and what summarises lines for searches."""

    journal: StoredJournal
    table: PollingStore
    sink: PollingSink
    importer: RowImporter
    retention: Retention
    pins: Pins
    summaries: SummarySweep
    leadership: "Leadership | None" = None
    channel: "GatewayChannel | None" = None

    def start_background(self, *, imports_rows: bool) -> None:
        """Begin to take over rows of other programs, to remove what is old, and to summarise."""
        if imports_rows:
            self.importer.start()
        self.retention.start()
        self.summaries.start()

    async def stop_background(self) -> None:
        """End removing and summarising; rows are taken over until the servers have ended."""
        await self.retention.close()
        await self.summaries.close()

    async def stop_leading(self) -> None:
        """Let another gateway do what is done once, and leave the others."""
        if self.leadership is not None:
            await self.leadership.close()
        if self.channel is not None:
            await self.channel.close()

    async def close(self) -> None:
        """Close the databases; idempotent. Nothing works on them any more."""
        await self.journal.close()
        await self.table.close()
        await self.pins.close()

    def dependencies(self) -> Sequence[Callable[[], Dependency]]:
        """What a gateway needs that shares its database."""
        return () if self.channel is None else (self.other_gateways, self.who_leads, self.clock)

    def other_gateways(self) -> Dependency:
        """Whether other gateways are followed."""
        return Dependency("otherGateways", self.journal.follower_error, is_needed=False, figures=self.journal.figures)

    def who_leads(self) -> Dependency:
        """Whether this gateway does what is done once, and how many gateways there are."""
        if self.leadership is None or self.channel is None:
            return Dependency("leadership", is_needed=False)
        figures = {"leads": self.leadership.is_leader(), "gateways": self.channel.gateways}
        error = self.leadership.error or self.channel.error
        return Dependency("leadership", error, is_needed=False, figures=figures)

    def clock(self) -> Dependency:
        """Whether this gateway's clock is that of the database."""
        if self.channel is None:
            return Dependency("clock", is_needed=False)
        figures = {"aheadSeconds": round(self.channel.clock_ahead_seconds)}
        return Dependency("clock", self.channel.clock_error, is_needed=False, figures=figures)

    def metrics(self) -> Iterable[tuple[str, str, float]]:
        """What several gateways on one database have to show, as gauges: name, meaning, value."""
        yield from self.journal.metrics()
        if self.leadership is not None and self.channel is not None:
            leads = self.leadership.is_leader()
            yield "otto_gateway_leads", "1: this gateway does what is done once among all on its database.", leads
            gateways = self.channel.gateways
            yield "otto_gateways", "Gateways on this database, as this one sees them.", gateways
            ahead = self.channel.clock_ahead_seconds
            yield (
                "otto_gateway_clock_ahead_seconds",
                "By how much this gateway's clock is ahead of the database's.",
                ahead,
            )


async def lock_database(settings: Settings) -> IO[bytes] | None:
    """The right to write the file of this gateway, as soon as no other one has it; None if there is no file.

    That is the journal's, or that of the polling tables beside a journal on PostgreSQL.

    Raises:
        DatabaseInUseError: another gateway has it, and keeps it for longer than ``LOCK_WAIT_SECONDS``.
    """
    files = [each for each in (journal_location(settings), polling_location(settings)) if isinstance(each, Path)]
    if not files:
        return None
    return await wait_for_lock(
        files[0],
        settings.lock_wait_seconds,
        on_wait=lambda: _log.warning(
            "waiting for another gateway on this database to end",
            database=str(files[0]),
            seconds_max=settings.lock_wait_seconds,
        ),
    )


def journal_location(settings: Settings) -> DatabaseLocation:
    """Where the journal is, and the tables beside it.

    Raises:
        StorageError: the URL names no database.
    """
    return settings.database_url if settings.has_shared_journal else sqlite_path(settings.database_url)


def polling_location(settings: Settings) -> DatabaseLocation:
    """Where the polling tables are.

    Raises:
        StorageError: the URL names no database.
    """
    url = settings.polling_database
    return url if is_postgres(url) else PollingTable(url).path


async def open_databases(
    settings: Settings, lock: IO[bytes] | None, swept: Sequence[PollingRows], undo: AsyncExitStack
) -> Databases:
    """Open them; none begins to copy or remove yet.

    Args:
        settings: of the process.
        lock: of ``lock_database``, if there is a file to lock.
        swept: rows that retention removes besides those of ``job_logs``.
        undo: gets what closes each of them, in the order in which they were opened.

    Raises:
        StorageError: a database cannot be used.
    """
    leadership: Leadership | None = None
    channel: GatewayChannel | None = None
    if settings.has_shared_journal:
        if lock is not None:
            undo.callback(lock.close)
        journal: StoredJournal = await _open_shared_journal(settings)
        undo.push_async_callback(journal.close)
        leadership, channel = _leadership(settings), _channel(settings)
        undo.push_async_callback(leadership.close)
        undo.push_async_callback(channel.close)
    else:
        journal = await _open_journal(settings, sqlite_path(settings.database_url), lock)
        undo.push_async_callback(journal.close)
    table = await _open_table(settings)
    undo.push_async_callback(table.close)
    is_leader = leadership.is_leader if leadership is not None and is_postgres(settings.polling_database) else _always
    sink, importer = _copies(settings, journal, table, is_leader)
    undo.push_async_callback(sink.close)
    undo.push_async_callback(importer.close)
    policy = retention_policy(settings)
    pins = Pins(journal_location(settings))
    undo.push_async_callback(pins.close)
    retention = Retention(
        journal,
        sweeps(settings, policy, swept),
        policy,
        copied=lambda: sink.copied,
        reserve=_reserve(settings),
        is_leader=leadership.is_leader if leadership is not None else _always,
        pins=pins,
        clock=channel.database_time if channel is not None else time.time,
    )
    undo.push_async_callback(retention.close)
    summaries = SummarySweep(journal, is_leader=leadership.is_leader if leadership is not None else _always)
    undo.push_async_callback(summaries.close)
    if leadership is not None:
        leadership.on_change = sink.wake
    return Databases(
        journal=journal,
        table=table,
        sink=sink,
        importer=importer,
        retention=retention,
        pins=pins,
        summaries=summaries,
        leadership=leadership,
        channel=channel,
    )


def _always() -> bool:
    """A gateway that shares nothing leads."""
    return True


def _leadership(settings: Settings) -> "Leadership":
    from storage.postgres.leadership import Leadership

    return Leadership(settings.database_url)


def _channel(settings: Settings) -> "GatewayChannel":
    from storage.postgres.channel import GatewayChannel

    return GatewayChannel(settings.database_url, gateway=secrets.token_hex(8))


async def _open_table(settings: Settings) -> PollingStore:
    if not is_postgres(settings.polling_database):
        return await PollingTable.open(settings.polling_database)
    require_extra("postgres", POSTGRES_MODULES, needed_for="POLLING_DATABASE_URL on PostgreSQL")
    from storage.polling.postgres_table import PostgresPollingTable

    return await PostgresPollingTable.open(settings.polling_database)


def copied_epoch(settings: Settings) -> str | None:
    """Under what the sink's progress counts; None: the journal's epoch."""
    is_one = settings.has_shared_journal and settings.polling_database == settings.database_url
    return _ONE_DATABASE if is_one else None


def _copies(
    settings: Settings, journal: StoredJournal, table: PollingStore, is_leader: Callable[[], bool]
) -> tuple[PollingSink, RowImporter]:
    """Builds the copying of lines to the polling tables, and of rows of other programs back.

    Tables in the journal's own database are restored only together with it, so copied ranges stay valid under any
    epoch.
    """
    epoch = copied_epoch(settings)
    sink = PollingSink(
        journal,
        table,
        closing_rows=ClosingRows(settings.closing_rows.value),
        table_rows=TableRows(settings.table_rows.value),
        lineage=journal.lineage if epoch is None else (),
        epoch=epoch,
        is_leader=is_leader,
    )
    importer = RowImporter(
        journal,
        table,
        interval_seconds=settings.table_rows_interval_seconds,
        message_bytes_max=settings.message_bytes_max,
        epoch=epoch,
        is_leader=is_leader,
    )
    return sink, importer


def sweeps(settings: Settings, policy: RetentionPolicy, swept: Sequence[PollingRows]) -> Sequence[Sweep]:
    """Sweeps of ``job_logs``, and of other tables in the journal's database."""
    return (
        _sweep(polling_location(settings), policy, JOB_LOGS),
        *(_sweep(journal_location(settings), policy, rows) for rows in swept),
    )


def _sweep(location: DatabaseLocation, policy: RetentionPolicy, rows: PollingRows) -> Sweep:
    if isinstance(location, Path):
        return RetentionSweep(PollingTable(location), policy, rows)
    from storage.retention.postgres_sweep import PostgresSweep

    return PostgresSweep(location, policy, rows)


def _reserve(settings: Settings) -> DiskReserve | None:
    location = journal_location(settings)
    return DiskReserve(location, settings.disk_reserve_bytes) if isinstance(location, Path) else None


async def _open_journal(settings: Settings, path: Path, lock: IO[bytes] | None) -> SqliteJournal:
    return await SqliteJournal.open(
        path,
        lock=lock,
        durability=settings.durability,
        pending_bytes_max=settings.pending_bytes_max,
        retry_seconds_max=settings.storage_wait_seconds,
        gather_seconds=settings.commit_gather_ms / 1000,
    )


async def _open_shared_journal(settings: Settings) -> StoredJournal:
    require_extra("postgres", POSTGRES_MODULES, needed_for="a journal on PostgreSQL")
    from storage.journal.postgres import PostgresJournal

    _log.warning("a journal on PostgreSQL is experimental", **SHARED_JOURNAL_LIMITS)
    journal = await PostgresJournal.open(
        settings.database_url,
        pending_bytes_max=settings.pending_bytes_max,
        retry_seconds_max=settings.storage_wait_seconds,
        gather_seconds=settings.commit_gather_ms / 1000,
        lanes=settings.journal_lanes,
        redis_url=settings.redis_url,
        on_wait=lambda reason: _log.warning("waiting for the database", reason=reason),
    )
    _log.info("the journal is on PostgreSQL", database=journal.address, epoch=journal.epoch)
    return journal
