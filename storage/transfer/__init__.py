"""Moving a database from SQLite to PostgreSQL, with everything that is in it."""

from storage.transfer.transfer import Transferred, transfer

__all__ = ["Transferred", "transfer"]
