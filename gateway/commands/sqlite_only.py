"""Commands that work on files of SQLite, and what does the same on PostgreSQL."""

from typing import Final

from gateway.settings.consistency import is_postgres
from gateway.settings.model import Settings
from storage.errors import DatabaseError

__all__ = ["require_sqlite"]

_INSTEAD: Final = {
    "backup": "use pg_dump or pg_basebackup, and pg_restore",
    "compact": "autovacuum does it; VACUUM FULL gives space back",
    "prune": "have the journal and job_logs both on PostgreSQL, or both in files",
    "restore": "use pg_restore while no gateway runs, and have a new epoch begin, as docs/several-gateways.md shows",
    "scan": "have the journal and job_logs both on PostgreSQL, or both in files",
    "verify": "have the journal and job_logs both on PostgreSQL, or both in files",
    "verify --repair-polling": "verify names each row, and psql can change it",
}


def require_sqlite(settings: Settings, command: str, *, is_polling: bool = True) -> None:
    """Return if a command can work on the databases of these settings.

    Args:
        settings: where they are.
        command: its name.
        is_polling: whether it works on the polling tables as well.

    Raises:
        DatabaseError: one is on PostgreSQL; the sentence says what to use instead.
    """
    urls = {"DATABASE_URL": settings.database_url}
    if is_polling:
        urls["POLLING_DATABASE_URL"] = settings.polling_database
    for name, url in urls.items():
        if is_postgres(url):
            raise DatabaseError(f"`{command}` is for SQLite, and {name} is on PostgreSQL: {_INSTEAD[command]}")
