"""The connections of an open journal, for tests that watch or break what it does with them.

The one place that knows where a journal keeps them.
"""

import sqlite3
from collections.abc import Callable
from typing import Any

from storage.journal.scan_process import ScanProcesses
from storage.journal.sqlite import SqliteJournal
from storage.sqlite.connections import Access, open_connection

__all__ = ["reading_connection", "replace_removing", "replace_writing", "scan_processes", "writing_connection"]


def writing_connection(journal: SqliteJournal) -> sqlite3.Connection:
    """The connection that commits lines."""
    return journal._writer._db


def replace_writing(journal: SqliteJournal, wrap: Callable[[sqlite3.Connection], Any]) -> None:
    """Let the journal commit lines by what ``wrap`` makes of its connection."""
    journal._writer._connection = wrap(writing_connection(journal))


def replace_removing(journal: SqliteJournal, wrap: Callable[[sqlite3.Connection], Any]) -> None:
    """Let the journal remove lines by what ``wrap`` makes of its connection."""
    journal._remover._connection = wrap(journal._remover._db)


def reading_connection(journal: SqliteJournal) -> sqlite3.Connection:
    """A new connection as the journal's readers have; the caller closes it."""
    return open_connection(journal.path, Access.READ)


def scan_processes(journal: SqliteJournal) -> ScanProcesses:
    """What scans for the journal outside of this process."""
    return journal._scans
