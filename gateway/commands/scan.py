"""``otto-gateway scan``: secrets of a known shape in stored lines."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from functools import partial
from typing import Final

import click

from filters import timestamps
from filters.entry import LogEntry
from filters.secret_shapes import PRIVATE_KEY, RULES, ShapeRules
from gateway.commands.exit_codes import ExitCode
from gateway.commands.progress_line import ProgressLine
from gateway.commands.sqlite_only import require_sqlite
from gateway.databases import POSTGRES_MODULES, copied_epoch
from gateway.settings.consistency import is_postgres
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from storage.errors import DatabaseError, DatabaseInUseError, StorageError
from storage.journal.interface import LineBatch
from storage.journal.sqlite import SqliteJournal
from storage.journal.stored_journal import StoredJournal
from storage.polling import ClosingRows, PollingTable
from storage.scanning.journal_scan import FoundLine, JournalScan, LineScan, ScannedTask, scan_rows
from storage.sqlite.connections import Access, open_connection, transaction
from storage.sqlite.files import acquire_lock, sqlite_path
from storage.verification import repair_rows

__all__ = ["scan_databases"]

_SHOWN_MAX: Final = 200
_WORKER: Final = "otto-gateway"
_OLD_VERSIONS: Final = (
    "PostgreSQL keeps what was there in its files until VACUUM FULL of journal_records and job_logs, "
    "and in archived WAL"
)
_NOTHING_HIDDEN: Final = "backups, exports and readers' own copies still have them: change what was found"


def scan_databases(settings: Settings, *, names: Sequence[str], rewrite: bool, as_json: bool) -> ExitCode:
    """Scan the journal and ``job_logs`` of these settings, and print the places of secrets, never their text.

    Args:
        settings: where they are.
        names: the rules to look for; none: all.
        rewrite: whether it is masked.
        as_json: whether the report is one JSON object.
    """
    unknown = [name for name in names if name not in RULES and name != PRIVATE_KEY]
    if unknown:
        return _refuse(f"there is no rule {unknown[0]!r}; they are {', '.join(sorted([*RULES, PRIVATE_KEY]))}")
    progress = ProgressLine("record")
    rules = ShapeRules(names or None)
    is_shared = settings.has_shared_journal and is_postgres(settings.polling_database)
    try:
        scan, found, rows = (_scan_postgres if is_shared else _scan_files)(
            settings, rules, rewrite=rewrite, on_progress=progress.show
        )
        if rewrite and scan.tasks:
            asyncio.run(_announce(settings, scan.tasks))
    except DatabaseInUseError:
        return _refuse("a gateway is running on the database: stop it first; without --rewrite it may run")
    except StorageError as error:
        return _refuse(str(error))
    finally:
        progress.clear()
    click.echo(_document(scan, found, rows) if as_json else _text(scan, found, rows, rewrite=rewrite))
    if rewrite and is_shared and (found or rows) and not as_json:
        click.echo(_OLD_VERSIONS)
    return ExitCode.FAILED if (found or rows) and not rewrite else ExitCode.OK


def _scan_files(
    settings: Settings, rules: ShapeRules, *, rewrite: bool, on_progress: Callable[[int, int], None]
) -> tuple[LineScan, list[FoundLine], int]:
    require_sqlite(settings, "scan")
    path = sqlite_path(settings.database_url)
    if not path.exists():
        raise DatabaseError(f"there is no database {path}")
    scan = JournalScan(path, rules, rewrite=rewrite)
    if not rewrite:
        return scan, list(scan.run(on_progress)), _scan_rows(settings, rules, rewrite=False)
    with closing(acquire_lock(path)):
        found = list(scan.run(on_progress))
        if found:
            table = PollingTable(settings.polling_database)
            repair_rows(path, table, closing_rows=ClosingRows(settings.closing_rows.value))
        return scan, found, _scan_rows(settings, rules, rewrite=True)


def _scan_postgres(
    settings: Settings, rules: ShapeRules, *, rewrite: bool, on_progress: Callable[[int, int], None]
) -> tuple[LineScan, list[FoundLine], int]:
    require_extra("postgres", POSTGRES_MODULES, needed_for="a journal on PostgreSQL")
    from storage.scanning.postgres_scan import scan_postgres
    from storage.shared_database import held_database

    with held_database(settings.database_url) if rewrite else nullcontext():
        return scan_postgres(
            *(settings.database_url, settings.polling_database, rules),
            rewrite=rewrite,
            copied_as=copied_epoch(settings),
            on_progress=on_progress,
        )


def _scan_rows(settings: Settings, rules: ShapeRules, *, rewrite: bool) -> int:
    table = PollingTable(settings.polling_database)
    if not table.path.exists():
        return 0
    access = Access.CHANGE if rewrite else Access.READ
    with table.translated(), closing(open_connection(table.path, access)) as connection:
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'job_logs'").fetchone() is None:
            return 0
        if rewrite:
            connection.execute("PRAGMA secure_delete = ON")
        count = scan_rows(connection, rules, partial(transaction, connection, table.write_lock) if rewrite else None)
        if rewrite:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return count


async def _open_journal(settings: Settings) -> StoredJournal:
    if not settings.has_shared_journal:
        return await SqliteJournal.open(sqlite_path(settings.database_url), durability=settings.durability)
    from storage.journal.postgres import PostgresJournal

    return await PostgresJournal.open(settings.database_url)


async def _announce(settings: Settings, tasks: dict[str, ScannedTask]) -> None:
    """A line in each task says what was changed; it does not open one that has ended."""
    journal = await _open_journal(settings)
    try:
        now = timestamps.from_nanos(time.time_ns())
        for task_id, task in tasks.items():
            rules = ", ".join(f"{count} {rule}" for rule, count in sorted(task.rules.items()))
            text = f"secrets were masked in lines {task.first} to {task.last} that were stored before: {rules}"
            metadata = {"masked": str(task.rules.total()), "firstLine": str(task.first), "lastLine": str(task.last)}
            entry = LogEntry(task_id, _WORKER, 0, now, "WARN", "stderr", text, metadata)
            await journal.append(LineBatch(task_id, _WORKER, [entry], len(text), time.monotonic(), from_table=True))
    finally:
        await journal.close()


def _refuse(text: str) -> ExitCode:
    click.echo(f"otto-gateway: {text}", err=True)
    return ExitCode.USAGE


def _text(scan: LineScan, found: Sequence[FoundLine], rows: int, *, rewrite: bool) -> str:
    lines = [
        f"line {each.sequence} of task {each.task_id!r}, worker {each.worker_id!r}: {', '.join(sorted(each.rules))}"
        for each in found[:_SHOWN_MAX]
    ]
    if len(found) > _SHOWN_MAX:
        lines.append(f"… and {len(found) - _SHOWN_MAX:,} lines more; --json has all of them")
    totals: Counter[str] = sum((task.rules for task in scan.tasks.values()), Counter())
    lines += [f"{rule}: {count:,}" for rule, count in sorted(totals.items())]
    done = "masked" if rewrite else "found"
    lines.append(
        f"{totals.total():,} secrets {done} in {len(found):,} of {scan.lines:,} lines, {len(scan.tasks):,} tasks"
        + (f", and in {rows:,} rows of job_logs" if rows else "")
    )
    return "\n".join([*lines, _NOTHING_HIDDEN] if totals or rows else lines)


def _document(scan: LineScan, found: Sequence[FoundLine], rows: int) -> str:
    document = {
        "lines": scan.lines,
        "rows": rows,
        "found": [
            {"taskId": each.task_id, "sequence": each.sequence, "workerId": each.worker_id, "rules": each.rules}
            for each in found
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)
