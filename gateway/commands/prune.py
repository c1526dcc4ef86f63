"""``otto-gateway prune``: retention without a gateway, or only a look at what would go."""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from gateway.commands.sqlite_only import require_sqlite
from gateway.components import swept_rows
from gateway.databases import POSTGRES_MODULES
from gateway.settings.consistency import is_postgres
from gateway.settings.derived import retention_policy
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from storage.errors import DatabaseError, DatabaseInUseError, DiskFullError
from storage.journal.sqlite import SqliteJournal
from storage.journal.sqlite.stored_chunks import FileInventory
from storage.polling import PollingTable
from storage.polling.sink_progress import copied_record
from storage.retention.pins import Pins
from storage.retention.plan import Plan
from storage.retention.policy import RetentionPolicy
from storage.retention.worker import Retention, RetentionStatistics, sweeps_of
from storage.sqlite.disk_reserve import RESERVE_BYTES, DiskReserve
from storage.sqlite.files import sqlite_path

__all__ = ["prune"]

_NOTHING_SET: Final = "nothing is set that would remove anything: see RETENTION_DAYS and the settings behind it"
_TABLES: Final = " and ".join(["job_logs", *(rows.table for rows in swept_rows())])
_HELD_UP: Final = "lines that have no row in job_logs yet stay; a gateway that runs writes them"


async def prune(settings: Settings, *, is_dry: bool) -> Sequence[str]:
    """Remove what the settings do not keep; what was done, in sentences.

    Raises:
        StorageError: a database cannot be used; the text says why in one sentence.
    """
    policy = retention_policy(settings)
    if not policy.is_set:
        return [_NOTHING_SET]
    if settings.has_shared_journal and is_postgres(settings.polling_database):
        return await _prune_postgres(settings, policy, is_dry=is_dry)
    require_sqlite(settings, "prune")
    if is_dry:
        return await _look(settings, policy)
    reserve = DiskReserve(sqlite_path(settings.database_url), settings.disk_reserve_bytes)
    try:
        return await _remove(settings, policy)
    except DiskFullError as error:
        if not reserve.give_up():
            text = f"{error}: removing needs some {RESERVE_BYTES >> 20} MiB, and there is no reserve file to give up"
            raise DiskFullError(text, error.reason, bytes_free=error.bytes_free) from error
        return await _remove(settings, policy)


async def _prune_postgres(settings: Settings, policy: RetentionPolicy, *, is_dry: bool) -> Sequence[str]:
    require_extra("postgres", POSTGRES_MODULES, needed_for="a journal on PostgreSQL")
    from gateway.commands.postgres_prune import look_at_postgres, remove_from_postgres

    done, is_held_up = await (look_at_postgres if is_dry else remove_from_postgres)(settings, policy)
    text = _planned(done.tasks, done.lines, done.bytes, done.rows) if is_dry else _removed(done)
    return [text, _HELD_UP] if is_held_up else [text]


def _planned(tasks: int, lines: int, size: int, rows: int) -> str:
    return f"would remove {lines} lines of {tasks} tasks, {size} bytes, and {rows} rows of {_TABLES}"


def _removed(done: RetentionStatistics) -> str:
    gone = f"{done.lines} lines, {done.bytes} bytes, {done.tasks} tasks whole, and {done.rows} rows of {_TABLES}"
    return f"removed {gone}"


async def _look(settings: Settings, policy: RetentionPolicy) -> Sequence[str]:
    inventory = FileInventory.open(sqlite_path(settings.database_url))
    table = PollingTable(settings.polling_database)
    now = time.time()
    tasks = lines = size = 0
    whole: list[str] = []
    pinned = Pins(sqlite_path(settings.database_url)).read()
    policy = replace(policy, pinned=pinned)
    try:
        copied = copied_record(table.path, inventory.epoch)
        plan = Plan(inventory, policy, now=now, copied=copied, candidates_max=sys.maxsize)
        async for cut in plan.cuts():
            tasks, lines, size = tasks + 1, lines + cut.lines, size + cut.bytes
            if cut.is_whole and not cut.is_by_age:
                whole.append(cut.task_id)  # a limit takes the rows of such a task, too
        sweeps = sweeps_of(sqlite_path(settings.database_url), table, policy, swept_rows())
        rows = sum(sweep.rows_to_go(now, whole, pinned) for sweep in sweeps if sweep.exists)
    finally:
        inventory.close()
        await table.close()
    found = _planned(tasks, lines, size, rows)
    return [found, _HELD_UP] if plan.is_held_up else [found]


async def _remove(settings: Settings, policy: RetentionPolicy) -> Sequence[str]:
    path = sqlite_path(settings.database_url)
    if not path.exists():
        raise DatabaseError(f"there is no database {path}")
    try:
        journal = await SqliteJournal.open(path, durability=settings.durability)
    except DatabaseInUseError:
        raise DatabaseInUseError(
            f"a gateway is running on {path} and removes old lines by itself; see what would go with --dry-run"
        ) from None
    try:
        table = await PollingTable.open(settings.polling_database)
        copied = copied_record(table.path, journal.epoch)
        retention = Retention(
            *(journal, sweeps_of(path, table, policy, swept_rows()), policy),
            copied=lambda: copied,
            pause_seconds_max=0,
            pins=Pins(path),
        )
        try:
            await retention.run_once()
        finally:
            await retention.close()
            await table.close()
    finally:
        await journal.close()
    text = _removed(retention.statistics)
    return [text, _HELD_UP] if retention.is_held_up else [text]
