"""``otto-gateway migrate``: brings the databases to the present schema, or says what that would change."""

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from gateway.commands.exit_codes import ExitCode
from gateway.commands.progress_line import ProgressLine
from gateway.components import COMPONENTS
from gateway.databases import POSTGRES_MODULES, journal_location, polling_location
from gateway.settings.consistency import is_postgres
from gateway.settings.extras import require_extra
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError
from storage.errors import DatabaseError, DatabaseInUseError, StorageError
from storage.polling import PollingStore, PollingTable
from storage.retention.pins import Pins
from storage.sqlite.connections import Access, open_connection
from storage.sqlite.errors import translate_errors
from storage.sqlite.files import acquire_lock, migrate, sqlite_path
from storage.sqlite.schema_version import VERSION_TABLE
from storage.tables import DatabaseLocation

if TYPE_CHECKING:
    from storage.transfer import Transferred

__all__ = ["migrate_databases", "move_databases", "move_to_postgres", "pending_changes"]


def migrate_databases(journal: DatabaseLocation, polling: DatabaseLocation) -> str:
    """Create what is missing in both databases; harmless if nothing is.

    Returns:
        the version of the journal's schema.

    Raises:
        StorageError: a database cannot be used.
    """
    revision = migrate(_url(journal)) if isinstance(journal, Path) else str(_migrate_shared(journal))
    if isinstance(polling, Path):
        table: PollingStore = PollingTable(polling)
    else:
        require_extra("postgres", POSTGRES_MODULES, needed_for="POLLING_DATABASE_URL on PostgreSQL")
        from storage.polling.postgres_table import PostgresPollingTable

        table = PostgresPollingTable(polling)
    table.prepare()
    for component in COMPONENTS:
        component.migrate(journal, polling)
    asyncio.run(table.close())
    return revision


def _migrate_shared(url: str) -> int:
    require_extra("postgres", POSTGRES_MODULES, needed_for="a journal on PostgreSQL")
    from storage.journal.postgres.schema import migrate_url

    return migrate_url(url)


def move_databases(source: str, target: str, on_progress: Callable[[int, int], None]) -> "Transferred":
    """Move everything of a SQLite database to PostgreSQL; continues a move that was broken off.

    Args:
        source: ``sqlite:///…``; it stays as it is, in the present schema.
        target: ``postgresql://…``.
        on_progress: called with the rows that are copied, and all rows.

    Raises:
        SettingsError: the extra is missing.
        StorageError: a database cannot be used, or a gateway is running on the source.
    """
    require_extra("postgres", POSTGRES_MODULES, needed_for="a move to PostgreSQL")
    from storage.transfer import transfer

    if is_postgres(source) or not is_postgres(target):
        raise DatabaseError("a move goes --from sqlite:///file.db --to postgresql://user@host:5432/database")
    path = sqlite_path(source)
    if not path.exists():
        raise DatabaseError(f"there is no database {path}")
    try:
        lock = acquire_lock(path)
    except DatabaseInUseError:
        raise DatabaseInUseError(f"a gateway is running on {path}: stop it first") from None
    with lock:
        migrate(_url(path))
        migrate_databases(target, target)
        Pins(target).create()
        for component in COMPONENTS:
            component.create_tables(target, target)
        return transfer(path, target, on_progress)


def move_to_postgres(source: str, target: str) -> ExitCode:
    """``move_databases``, with its progress and what was moved on the terminal."""
    progress = ProgressLine("row")
    try:
        moved = move_databases(source, target, progress.show)
    except (SettingsError, StorageError, OSError) as error:
        progress.clear()
        click.echo(f"otto-gateway: {error}", err=True)
        return ExitCode.FAILED
    progress.clear()
    for name, count in sorted(moved.rows.items()):
        if count:
            click.echo(f"{name}: {count:,} rows")
    if moved.left_out:
        click.echo(
            f"otto-gateway: not moved, for the gateway does not know them: {', '.join(moved.left_out)}", err=True
        )
    click.echo(f"moved and compared: epoch {moved.epoch} up to record {moved.last_record:,}; positions stay valid")
    return ExitCode.OK


def pending_changes(settings: Settings) -> list[str]:
    """What ``migrate_databases`` would change, as sentences; nothing is written.

    The schemas are copied without their rows and migrated; what differs then is what is pending. Changes of rows are
    known to the components. Databases on PostgreSQL are not looked at.

    Raises:
        StorageError: a database cannot be used.
    """
    journal, polling = journal_location(settings), polling_location(settings)
    if not isinstance(journal, Path):
        return []
    places = list(dict.fromkeys(path.absolute() for path in (journal, polling) if isinstance(path, Path)))
    with TemporaryDirectory(prefix="otto-migrate-") as folder:
        copies = [Path(folder) / f"{number}.db" for number in range(len(places))]
        for place, copy in zip(places, copies, strict=True):
            _copy_schema(place, copy)
        before = [_schema(copy) for copy in copies]
        migrate_databases(copies[0], copies[-1])
        after = [_schema(copy) for copy in copies]
    changes: dict[str, None] = {}
    for place, old, new in zip(places, before, after, strict=True):
        changes |= dict.fromkeys(f"{place}: {change}" for change in _differences(old, new))
    for component in COMPONENTS:
        changes |= dict.fromkeys(
            f"{journal.absolute()}: {each}" for each in component.pending_changes(journal, polling)
        )
    return list(changes)


def _url(path: Path) -> str:
    return f"sqlite:///{quote(str(path.absolute()))}"


def _copy_schema(source: Path, target: Path) -> None:
    """Tables, indexes and triggers without rows, but with the version of the journal's schema."""
    with closing(open_connection(target, Access.WRITE)) as copy:
        if not source.exists():
            return
        with translate_errors(source), closing(open_connection(source, Access.READ)) as original:
            statements = "SELECT sql, name FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
            for statement, name in original.execute(statements).fetchall():
                if not name.startswith("sqlite_"):
                    with contextlib.suppress(sqlite3.OperationalError):  # a part of a virtual table is made with it
                        copy.execute(statement)
            with contextlib.suppress(sqlite3.OperationalError):  # there is none yet
                rows = original.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall()  # noqa: S608 - ours
                copy.executemany(f"INSERT INTO {VERSION_TABLE} VALUES (?)", rows)  # noqa: S608


def _schema(path: Path) -> dict[str, str | None]:
    """Each table, column, index and trigger by its name, with the table that it is of; and the version."""
    found: dict[str, str | None] = {}
    with closing(open_connection(path, Access.READ)) as connection:
        for kind, name, table in connection.execute("SELECT type, name, tbl_name FROM sqlite_master").fetchall():
            if name.startswith("sqlite_"):
                continue
            found[f"{kind} {name}"] = None if kind == "table" else table
            if kind == "table":
                columns = connection.execute("SELECT name FROM pragma_table_info(?)", (name,))
                found |= {f"column {name}.{column}": name for (column,) in columns}
    return found


def _differences(old: dict[str, str | None], new: dict[str, str | None]) -> list[str]:
    """What is in ``new`` alone; of a new table, the table."""
    changes = []
    for name, table in new.items():
        if name not in old and (table is None or f"table {table}" in old):
            of = f" on {table}" if name.startswith(("index ", "trigger ")) else ""
            changes.append(f"{name}{of} is added")
    return changes + [f"{name} is removed" for name in old if name not in new]
