"""``otto-gateway backup`` and ``otto-gateway restore``."""

import shutil
import sys
import time
from pathlib import Path
from typing import Final

import click

from gateway.commands.exit_codes import ExitCode
from gateway.commands.progress_line import ProgressLine
from gateway.commands.sqlite_only import require_sqlite
from gateway.settings.consistency import is_postgres
from gateway.settings.model import Settings
from storage.backup import Backup, Restored, back_up, restore, scratch_file
from storage.errors import DatabaseError, DatabaseInUseError, StorageError
from storage.polling import PollingTable
from storage.sqlite.files import acquire_lock, sqlite_path
from storage.verification import verify

__all__ = ["STANDARD_OUTPUT", "back_up_database", "restore_database"]

STANDARD_OUTPUT: Final = "-"

_MEGABYTE: Final = 1_000_000


def back_up_database(
    settings: Settings, file: str, *, megabytes_per_second: int, is_polling: bool, is_verified: bool
) -> ExitCode:
    """Copy the journal's database, or that of ``job_logs`` where it is another, and print what the copy holds."""
    started = time.monotonic()
    progress = ProgressLine("byte")
    is_printed = file == STANDARD_OUTPUT
    try:
        require_sqlite(settings, "backup", is_polling=is_polling)
        source = _database(settings, is_polling=is_polling)
        with scratch_file() as scratch:
            target = scratch if is_printed else Path(file)
            pace = megabytes_per_second * _MEGABYTE
            backup = back_up(source, target, bytes_per_second=pace, on_progress=progress.show)
            progress.clear()
            is_good = not is_verified or _is_verified(target)
            if is_printed and is_good:
                with target.open("rb") as copy:
                    shutil.copyfileobj(copy, sys.stdout.buffer)
                sys.stdout.flush()
    except (StorageError, OSError) as error:
        progress.clear()
        return _refused(error)
    said = f"{backup.bytes:,} bytes of {source} in {time.monotonic() - started:.1f} s, checked; {_content(backup)}"
    click.echo(said, err=is_printed)
    if not is_good:
        return _refused(DatabaseError(f"{'the copy' if is_printed else file} is not well; see above"))
    if not is_polling and _is_elsewhere(settings):
        other = PollingTable(settings.polling_database).path
        click.echo(f"job_logs is in {other}: back it up with --polling", err=True)
    return ExitCode.OK


def restore_database(settings: Settings, file: Path, *, is_polling: bool) -> ExitCode:
    """Put a backup in place of a database that no gateway has open, and print what readers see then."""
    progress = ProgressLine("byte")
    try:
        require_sqlite(settings, "restore", is_polling=is_polling)
        lock = acquire_lock(sqlite_path(settings.database_url))
        target = _database(settings, is_polling=is_polling)
        restored = restore(file, target, lock, on_progress=progress.show)
    except DatabaseInUseError:
        return _refused(DatabaseError(f"a gateway is running on {settings.database_url}: stop it first"))
    except StorageError as error:
        return _refused(error)
    finally:
        progress.clear()
    click.echo(f"{target} is what {file} was: {restored.backup.bytes:,} bytes; {_content(restored.backup)}")
    click.echo(_seen_by_readers(restored))
    return ExitCode.OK


def _database(settings: Settings, *, is_polling: bool) -> Path:
    return PollingTable(settings.polling_database).path if is_polling else sqlite_path(settings.database_url)


def _is_elsewhere(settings: Settings) -> bool:
    url = settings.polling_database
    return not is_postgres(url) and PollingTable(url).path.resolve() != sqlite_path(settings.database_url).resolve()


def _is_verified(copy: Path) -> bool:
    report = verify(copy, PollingTable(copy))
    for kind, count in report.findings.counts.items():
        click.echo(f"{kind.value} ({count:,}): {kind.text}", err=True)
    return report.findings.is_empty


def _content(backup: Backup) -> str:
    return f"epoch {backup.epoch} up to record {backup.last_record:,}" if backup.epoch else "no journal in it"


def _seen_by_readers(restored: Restored) -> str:
    if not restored.backup.epoch:
        return "the polling sink copies again what is missing"
    if restored.is_latest:
        return "nothing came after it: readers resume where they were"
    return (
        "what came after it is gone: the next start begins a new epoch, readers begin again at the first line, "
        "and producers send again what was not acknowledged"
    )


def _refused(error: Exception) -> ExitCode:
    click.echo(f"otto-gateway: {error}", err=True)
    return ExitCode.FAILED
