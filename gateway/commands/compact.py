"""``otto-gateway compact``."""

import time

import click

from gateway.commands.exit_codes import ExitCode
from gateway.commands.progress_line import ProgressLine
from gateway.commands.sqlite_only import require_sqlite
from gateway.settings.model import Settings
from storage.compaction import compact
from storage.errors import DatabaseInUseError, StorageError
from storage.polling import PollingTable
from storage.sqlite.files import acquire_lock, sqlite_path

__all__ = ["compact_database"]


def compact_database(settings: Settings, *, is_polling: bool) -> ExitCode:
    """Make the file of the journal, or of ``job_logs`` where it is another, as small as its content."""
    started = time.monotonic()
    progress = ProgressLine("byte")
    try:
        require_sqlite(settings, "compact", is_polling=is_polling)
        path = PollingTable(settings.polling_database).path if is_polling else sqlite_path(settings.database_url)
        lock = acquire_lock(sqlite_path(settings.database_url))
        done = compact(path, lock, on_progress=progress.show)
    except DatabaseInUseError:
        return _refused(f"a gateway is running on {settings.database_url}: stop it first")
    except (StorageError, OSError) as error:
        return _refused(str(error))
    finally:
        progress.clear()
    seconds = time.monotonic() - started
    click.echo(f"{path} had {done.bytes_before:,} bytes and has {done.bytes_after:,}, in {seconds:.1f} s")
    return ExitCode.OK


def _refused(text: str) -> ExitCode:
    click.echo(f"otto-gateway: {text}", err=True)
    return ExitCode.FAILED
