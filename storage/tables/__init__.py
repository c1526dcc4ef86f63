"""Tables of components in a database that the journal or other programs use as well."""

from storage.tables.database import TableDatabase
from storage.tables.refusal import RecordRefusedError

__all__ = ["RecordRefusedError", "TableDatabase"]
