"""Commands for files, asked to work on PostgreSQL."""

import pytest

from gateway.commands.sqlite_only import require_sqlite
from gateway.settings.model import Settings
from storage.errors import DatabaseError

SHARED = Settings(database_url="postgresql://otto@db/otto")
POLLED = Settings(polling_database_url="postgresql://otto@db/otto")


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("backup", "pg_dump"),
        ("restore", "pg_restore"),
        ("verify --repair-polling", "psql"),
        ("verify", "both on PostgreSQL"),
        ("prune", "both on PostgreSQL"),
        ("scan", "both on PostgreSQL"),
        ("compact", "VACUUM"),
    ],
)
def test_a_command_for_files_says_what_to_use_instead(command: str, instead: str) -> None:
    """In one sentence, with the setting that is about PostgreSQL."""
    with pytest.raises(DatabaseError, match=f"`{command}` is for SQLite, and DATABASE_URL .*{instead}"):
        require_sqlite(SHARED, command)
    with pytest.raises(DatabaseError, match="POLLING_DATABASE_URL is on PostgreSQL"):
        require_sqlite(POLLED, command)


def test_a_journal_in_a_file_is_backed_up_whatever_the_polling_tables_are_in() -> None:
    """A command that does not look at them works."""
    require_sqlite(POLLED, "backup", is_polling=False)
