"""The journal on SQLite: the embedded default."""

from storage.sqlite.journal import SqliteJournal
from storage.sqlite.locks import WriteLock, write_lock

__all__ = ["SqliteJournal", "WriteLock", "write_lock"]
