"""What storage raises; below the journal and the plumbing of SQLite, which raise the same."""

__all__ = [
    "JournalClosedError",
    "JournalError",
    "JournalObstructedError",
    "JournalUnavailableError",
    "StorageError",
]


class StorageError(Exception):
    """The base of everything that storage raises."""


class JournalError(StorageError):
    """The base of what a journal raises."""


class JournalUnavailableError(JournalError):
    """The store cannot take or give lines now (locked, full, gone); the text says why in one sentence."""


class JournalObstructedError(JournalUnavailableError):
    """The same, and it may change by itself: the database is locked by another program, or its disk is full."""


class JournalClosedError(JournalError):
    """The journal has been closed; what was appended and not acknowledged is not stored."""
