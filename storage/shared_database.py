"""Databases on PostgreSQL for commands: read beside gateways, or held while none runs."""

import contextlib
from collections.abc import Iterator
from typing import Final

import asyncpg

from storage.errors import DatabaseError, DatabaseInUseError
from storage.polling.postgres_schema import time_sql
from storage.postgres.address import plain_url, shown_address
from storage.postgres.channel import ALIVE
from storage.postgres.connections import Link
from storage.postgres.errors import translate_errors
from storage.postgres.leadership import TRY_TO_LEAD
from storage.postgres.session import Session

__all__ = ["has_table", "held_database", "opened_database", "shown_epoch"]

# A position is one number among all lanes, so statements are the same as for SQLite's records with this.
_RECORDS: Final = """
CREATE TEMP VIEW journal_records AS
SELECT position AS record_id, task_key, kind, first_sequence, last_sequence, levels, earliest, latest, codec, raw_size,
checksum, payload FROM {schema}.journal_records
WHERE lane = ANY (ARRAY(SELECT lane FROM {schema}.journal_lanes))"""

_ROWS: Final = """
CREATE TEMP VIEW job_logs AS
SELECT id, job_id::text AS job_id, log_message::text AS log_message, {created} AS created_at FROM {schema}.job_logs"""

_EPOCH: Final = """
SELECT coalesce(shown, l.epoch) FROM journal_lanes n JOIN journal_lives l ON l.epoch = n.epoch LIMIT 1"""

_PEERS: Final = f"SELECT count(*) FROM journal_peers WHERE {ALIVE}"  # noqa: S608 - a constant


@contextlib.contextmanager
def opened_database(url: str) -> Iterator[Session]:
    """A session in which ``journal_records`` and ``job_logs`` have the columns, and the types, that SQLite's have.

    Its transactions see one moment. Changes of either go to the table itself.

    Raises:
        DatabaseError, StorageUnavailableError: it cannot be opened or read; the text says why in one sentence.
    """
    with translate_errors(shown_address(url)), contextlib.closing(Link(plain_url(url))) as link:
        link.open()
        session = Session(link)
        session.execute("SET default_transaction_isolation = 'repeatable read'")
        session.execute("SET idle_in_transaction_session_timeout = '60s'")  # it holds no lane
        (schema,) = session.execute("SELECT quote_ident(current_schema())").fetchone()
        try:
            if has_table(session, "journal_records"):
                session.execute(_RECORDS.format(schema=schema))
            if has_table(session, "job_logs"):
                session.execute(_ROWS.format(schema=schema, created=time_sql(session)))
        except asyncpg.InsufficientPrivilegeError as error:
            text = "this user may make no temporary tables, which the command needs: GRANT TEMPORARY ON DATABASE"
            raise DatabaseError(f"PostgreSQL at {shown_address(url)}: {text}") from error
        yield session


@contextlib.contextmanager
def held_database(url: str) -> Iterator[None]:
    """A database that no gateway uses; one that starts meanwhile does nothing that is done once.

    Raises:
        DatabaseInUseError: a gateway runs.
        DatabaseError, StorageUnavailableError: it cannot be used.
    """
    address = shown_address(url)
    with translate_errors(address), contextlib.closing(Link(plain_url(url))) as link:
        link.open()
        session = Session(link)
        if not has_table(session, "journal_peers"):
            raise DatabaseError(f"PostgreSQL at {address} has no journal of this version; run `otto-gateway migrate`")
        is_free = session.execute(TRY_TO_LEAD).fetchone()[0]
        if not is_free or session.execute(_PEERS).fetchone()[0]:
            raise DatabaseInUseError(f"a gateway is running on PostgreSQL at {address}")
        yield


def shown_epoch(session: Session) -> str:
    """The epoch that readers see; empty without one."""
    found = session.execute(_EPOCH).fetchone()
    return found[0] if found else ""


def has_table(session: Session, name: str) -> bool:
    """Whether there is a table or a view."""
    return bool(session.execute("SELECT to_regclass(?) IS NOT NULL", (name,)).fetchone()[0])
