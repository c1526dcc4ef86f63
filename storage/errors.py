"""What storage raises, whatever the table or the engine.

::

    StorageError
    ├── StorageUnavailableError     cannot be used now; trying again may help
    │   └── StorageObstructedError  it may change by itself: locked by another program, or the disk is full
    │       └── DiskFullError       the disk is full
    ├── StorageClosedError          closed by this process
    ├── DatabaseError               cannot be used as it is
    │   ├── DatabaseInUseError      another gateway has it
    │   └── SchemaError             its tables do not fit
    └── RecordRefusedError          a constraint of a table forbids the record
"""

__all__ = [
    "DatabaseError",
    "DatabaseInUseError",
    "DiskFullError",
    "RecordRefusedError",
    "SchemaError",
    "StorageClosedError",
    "StorageError",
    "StorageObstructedError",
    "StorageUnavailableError",
]


class StorageError(Exception):
    """The base; the text is one sentence.

    Attributes:
        reason: the text without the file's path, for those who must not learn it: "is locked by another program".
    """

    def __init__(self, text: str = "", reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason or text


class StorageUnavailableError(StorageError):
    """The store cannot take or return anything now; trying again may help."""


class StorageObstructedError(StorageUnavailableError):
    """The same, and it may change by itself: the database is locked by another program, or its disk is full."""


class DiskFullError(StorageObstructedError):
    """The disk is full.

    Attributes:
        bytes_free: what is left on it for this user.
    """

    def __init__(self, text: str = "", reason: str = "", *, bytes_free: int = 0) -> None:
        super().__init__(text, reason)
        self.bytes_free = bytes_free


class StorageClosedError(StorageError):
    """The store has been closed; what was not acknowledged is not stored."""


class DatabaseError(StorageError):
    """The database cannot be used as it is; it will not get better by itself."""


class DatabaseInUseError(DatabaseError):
    """Another gateway has the database."""


class SchemaError(DatabaseError):
    """A table is there that does not fit; the text names it and what is missing."""


class RecordRefusedError(StorageError):
    """A constraint of the table forbids the record; trying again does not help.

    Attributes:
        field: the column that the constraint is about, where the database says it.
    """

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(f"the database does not take this record: {reason}", reason)
        self.field = field
