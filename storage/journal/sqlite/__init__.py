"""The journal on SQLite: the embedded default."""

from storage.journal.sqlite.journal import SqliteJournal

__all__ = ["SqliteJournal"]
