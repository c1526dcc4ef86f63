"""``otto-gateway prune`` on PostgreSQL."""

import asyncio
import contextlib
import sys

from gateway.components import swept_rows
from gateway.databases import copied_epoch, sweeps
from gateway.settings.model import Settings
from storage.errors import DatabaseInUseError
from storage.journal.postgres import PostgresJournal
from storage.journal.postgres.inventory import PostgresInventory
from storage.polling.batches import Place
from storage.retention.plan import Plan
from storage.retention.policy import RetentionPolicy
from storage.retention.worker import Retention, RetentionStatistics
from storage.shared_database import has_table, held_database, opened_database, shown_epoch

__all__ = ["look_at_postgres", "remove_from_postgres"]

_PLACE = "SELECT record, line FROM otto_sink_progress WHERE sink = 'job_logs' AND epoch = ?"


async def look_at_postgres(settings: Settings, policy: RetentionPolicy) -> tuple[RetentionStatistics, bool]:
    """What would go, with the rows; and whether lines stay because they have no row yet.

    Raises:
        StorageError: a database cannot be used.
    """
    inventory = PostgresInventory(settings.database_url)
    now = await asyncio.to_thread(_now, settings)
    tasks = lines = size = rows = 0
    whole: list[str] = []
    try:
        copied = await asyncio.to_thread(_copied, settings)
        plan = Plan(inventory, policy, now=now, copied=copied, candidates_max=sys.maxsize)
        async for cut in plan.cuts():
            tasks, lines, size = tasks + 1, lines + cut.lines, size + cut.bytes
            if cut.is_whole and not cut.is_by_age:
                whole.append(cut.task_id)
    finally:
        await inventory.close()
    for sweep in sweeps(settings, policy, swept_rows()):
        rows += await asyncio.to_thread(sweep.rows_to_go, now, whole)
        await asyncio.to_thread(sweep.close)
    return RetentionStatistics(tasks=tasks, lines=lines, bytes=size, rows=rows), plan.is_held_up


async def remove_from_postgres(settings: Settings, policy: RetentionPolicy) -> tuple[RetentionStatistics, bool]:
    """What went; and whether lines stayed because they have no row yet.

    Raises:
        DatabaseInUseError: a gateway runs, and does it by itself.
        StorageError: a database cannot be used.
    """
    async with contextlib.AsyncExitStack() as undo:
        held = held_database(settings.database_url)
        try:
            await asyncio.to_thread(held.__enter__)
        except DatabaseInUseError as error:
            text = f"{error} and removes old lines by itself; see what would go with --dry-run"
            raise DatabaseInUseError(text) from None
        undo.push_async_callback(asyncio.to_thread, held.__exit__, None, None, None)
        journal = await PostgresJournal.open(settings.database_url)
        undo.push_async_callback(journal.close)
        copied = await asyncio.to_thread(_copied, settings)
        now = await asyncio.to_thread(_now, settings)
        retention = Retention(
            *(journal, sweeps(settings, policy, swept_rows()), policy),
            copied=lambda: copied,
            pause_seconds_max=0,
            clock=lambda: now,
        )
        undo.push_async_callback(retention.close)
        await retention.run_once()
        return retention.statistics, retention.is_held_up


def _now(settings: Settings) -> float:
    """Unix seconds by the database's clock, which those of gateways and commands may not agree with."""
    with opened_database(settings.database_url) as session:
        now: float = session.execute("SELECT extract(epoch FROM now())::float8").fetchone()[0]
    return now


def _copied(settings: Settings) -> int:
    """The record up to which everything has its rows."""
    epoch = copied_epoch(settings)
    if epoch is None:
        with opened_database(settings.database_url) as session:
            epoch = shown_epoch(session)
    with opened_database(settings.polling_database) as session:
        if not has_table(session, "otto_sink_progress"):
            return 0
        found = session.execute(_PLACE, (epoch,)).fetchone()
    return Place(*found).after if found else 0
