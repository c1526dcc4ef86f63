"""The journal on SQLite: the embedded default."""

from storage.sqlite.journal import SqliteJournal

__all__ = ["SqliteJournal"]
