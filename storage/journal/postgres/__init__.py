"""The journal on PostgreSQL: for several gateways on one log."""

from storage.journal.postgres.journal import PostgresJournal

__all__ = ["PostgresJournal"]
