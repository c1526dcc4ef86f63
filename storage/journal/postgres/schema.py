"""The tables of the journal on PostgreSQL, as numbered steps; each was released as it is and is not changed again."""

from typing import Final

from storage.errors import DatabaseError
from storage.journal.postgres.commit_schema import COMMIT, RETURNING_COMMIT
from storage.journal.postgres.lanes_schema import SEVERAL_LANES
from storage.postgres.address import plain_url, shown_address
from storage.postgres.connections import Link
from storage.postgres.errors import translate_errors

__all__ = ["LANES_MAX", "SERVER_VERSION_MIN", "STEPS", "add_partitions", "check_url", "migrate", "migrate_url"]

SERVER_VERSION_MIN: Final = 14

LANES_MAX: Final = 64

_TABLES: Final = """
CREATE TABLE journal_lanes (
    lane integer PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0,   -- of its newest record
    stages bigint NOT NULL DEFAULT 0,     -- transitions of pipelines, counted like positions
    epoch text NOT NULL DEFAULT ''        -- of the life that may append
) WITH (fillfactor = 10);                 -- updated by each commit, in place
INSERT INTO journal_lanes (lane) VALUES (0);

CREATE SEQUENCE journal_task_keys CACHE 1;
CREATE TABLE journal_tasks (
    task_key bigint PRIMARY KEY,
    task_id text COLLATE "C" NOT NULL UNIQUE,
    lane integer NOT NULL,
    version bigint NOT NULL,              -- raised by whatever changes what writers keep in memory
    first_sequence bigint NOT NULL DEFAULT 1,
    last_sequence bigint NOT NULL DEFAULT 0,
    end_status text,                      -- NULL: open
    end_timestamp text,
    end_reason text,
    end_through_status boolean,
    stored_bytes bigint NOT NULL DEFAULT 0,
    last_record bigint NOT NULL DEFAULT 0,  -- the newest chunk; 0: it has none
    first_day date NOT NULL,              -- its records are in the partitions of these days
    last_day date NOT NULL
) WITH (fillfactor = 70);

CREATE INDEX journal_tasks_by_activity ON journal_tasks (coalesce(end_status, 'RUNNING'), last_record)
    WHERE last_record > 0;

CREATE TABLE journal_records (
    day date NOT NULL,
    lane integer NOT NULL,
    position bigint NOT NULL,
    task_key bigint NOT NULL,
    kind smallint NOT NULL,               -- 0: lines, 1: the end of the task
    first_sequence bigint NOT NULL,
    last_sequence bigint NOT NULL,
    levels bigint NOT NULL,
    earliest text NOT NULL,
    latest text NOT NULL,
    codec smallint NOT NULL,
    raw_size bigint NOT NULL,
    checksum bigint NOT NULL,
    payload bytea NOT NULL,
    PRIMARY KEY (lane, position, day)
) PARTITION BY RANGE (day);
ALTER TABLE journal_records ALTER COLUMN payload SET STORAGE EXTERNAL;  -- it is compressed already
CREATE INDEX journal_records_by_task ON journal_records (task_key, kind, last_sequence);

CREATE TABLE journal_workers (
    task_key bigint NOT NULL,
    worker_id text COLLATE "C" NOT NULL,
    status text NOT NULL DEFAULT '',
    reason text NOT NULL DEFAULT '',
    metadata text,
    PRIMARY KEY (task_key, worker_id)
);
CREATE TABLE journal_producers (
    producer_id text COLLATE "C" PRIMARY KEY,
    number bigint NOT NULL,
    updated_at bigint NOT NULL            -- Unix seconds
);
CREATE TABLE journal_stages (
    pipeline_id text COLLATE "C" NOT NULL,
    stage_id text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    document bytea NOT NULL,
    lane integer NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (pipeline_id, stage_id)
);
CREATE INDEX journal_stages_by_position ON journal_stages (lane, position);
CREATE TABLE journal_marks (
    position bigint PRIMARY KEY,
    at bigint NOT NULL                    -- Unix seconds
);
CREATE TABLE journal_gateways (
    gateway text PRIMARY KEY,
    commit_number bigint NOT NULL,
    position bigint NOT NULL,             -- of the lane after its last commit
    stages bigint NOT NULL,
    seen timestamptz NOT NULL
);
CREATE TABLE journal_lives (
    epoch text PRIMARY KEY,
    number integer NOT NULL UNIQUE,
    system_identifier bigint NOT NULL,
    timeline text NOT NULL,
    parent text,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE journal_forks (
    epoch text NOT NULL,                  -- of the life that began there
    lane integer NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (epoch, lane)
);

CREATE FUNCTION journal_add_partition(wanted date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := 'journal_records_' || to_char(wanted, 'YYYYMMDD');
BEGIN
    IF to_regclass(quote_ident(part)) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('otto journal partitions'), hashtext(current_schema()::text));
    IF to_regclass(quote_ident(part)) IS NOT NULL THEN
        RETURN;
    END IF;
    -- Made and attached in two steps: PARTITION OF in one would lock out those who read.
    EXECUTE format('CREATE TABLE %I (LIKE journal_records INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE journal_records ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        part, wanted, wanted + 1);
END $$;
"""

_SHOWN_EPOCHS: Final = """
-- The epoch that readers see, which several lives may have; NULL: that of the life itself.
ALTER TABLE journal_lives ADD COLUMN shown text;
"""

_REMOVED_TASKS: Final = """
CREATE TABLE journal_removed_tasks (      -- see storage.journal.removed_tasks
    name_hash bigint PRIMARY KEY,
    last_sequence bigint NOT NULL,
    has_failed integer,                   -- NULL: it had not ended
    ended_at bigint                       -- Unix seconds
);
CREATE FUNCTION journal_name_hash(task_id text) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT ('x' || left(md5(convert_to(task_id, 'UTF8')), 16))::bit(64)::bigint
$$;
-- Unix seconds; where it has no lines. 90 days after it was made, unless it loses its lines later.
ALTER TABLE journal_tasks ADD COLUMN removable_at bigint NOT NULL DEFAULT extract(epoch FROM now())::bigint + 7776000;
UPDATE journal_tasks SET removable_at = 0 WHERE last_record = 0 AND last_sequence > 0 AND end_status IS NOT NULL;
CREATE INDEX journal_tasks_removable ON journal_tasks (removable_at) WHERE last_record = 0;
"""

_TOGETHER: Final = """
-- What gateways have together beside the journal: nothing that a crash of the server may not take.
CREATE UNLOGGED TABLE journal_peers (
    gateway text PRIMARY KEY,
    public_key bytea NOT NULL,
    pid integer NOT NULL,                 -- of its session
    seen timestamptz NOT NULL
);
CREATE UNLOGGED TABLE journal_tickets (
    ticket bytea PRIMARY KEY,             -- its hash
    subject text NOT NULL,
    principal bytea NOT NULL,
    good_until timestamptz NOT NULL
);
CREATE UNLOGGED TABLE journal_masks (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sender text NOT NULL,
    recipient text NOT NULL,
    sealed bytea NOT NULL                 -- for the recipient's key, which is in its memory alone
);
"""

_SUMMARIES: Final = """
CREATE TABLE journal_summaries (
    task_key bigint NOT NULL,
    last_sequence bigint NOT NULL,
    first_sequence bigint NOT NULL,
    summary bytea NOT NULL,               -- see filters.text_summary; empty: nothing is known
    PRIMARY KEY (task_key, last_sequence)
);
ALTER TABLE journal_summaries ALTER COLUMN summary SET STORAGE EXTERNAL;
CREATE TABLE journal_summarized (         -- one row, once there is something
    is_one boolean PRIMARY KEY DEFAULT true CHECK (is_one),
    reached bigint NOT NULL               -- the tasks of all records up to this position have their summaries
);
"""

STEPS: Final = (
    *(_TABLES + COMMIT, _SHOWN_EPOCHS, _REMOVED_TASKS + RETURNING_COMMIT),
    *(SEVERAL_LANES, _TOGETHER, _SUMMARIES),
)

_ADD_PARTITIONS: Final = """
SELECT journal_add_partition((now() AT TIME ZONE 'UTC')::date + n) FROM generate_series(0, 1) AS n"""


def migrate(link: Link, address: str, lanes: int | None = None) -> int:
    """Bring the journal's tables to the present schema; several gateways may do so at once. Returns the version.

    Args:
        link: a connection without a transaction.
        address: of the server, to be shown.
        lanes: how many lanes a database has that no gateway has used yet, 1 to ``LANES_MAX``; None: the database's.

    Raises:
        DatabaseError: the server is too old, its encoding is not UTF-8, a newer gateway made the tables, or the
            database has been used with another number of lanes.
    """
    _check(link, address)
    link.execute("BEGIN")
    try:
        link.fetch("SELECT pg_advisory_xact_lock(hashtext('otto journal schema'), hashtext(current_schema()::text))")
        link.execute("CREATE TABLE IF NOT EXISTS journal_schema (version integer NOT NULL)")
        _take_steps(link, address)
        if lanes is not None:
            _make_lanes(link, address, lanes)
        link.execute("COMMIT")
    except BaseException:
        link.drop()
        raise
    return len(STEPS)


def migrate_url(url: str) -> int:
    """``migrate`` for a URL.

    Raises:
        StorageError: the database cannot be used.
    """
    address, link = shown_address(url), Link(plain_url(url))
    try:
        with translate_errors(address):
            return migrate(link, address)
    finally:
        link.close()


def check_url(url: str) -> None:
    """Return if a database can be used, as far as that shows without changing anything.

    Raises:
        StorageError: it cannot.
    """
    address, link = shown_address(url), Link(plain_url(url))
    try:
        with translate_errors(address):
            _check(link, address)
    finally:
        link.close()


def _check(link: Link, address: str) -> None:
    version = int(link.fetch("SHOW server_version_num")[0][0]) // 10_000
    if version < SERVER_VERSION_MIN:
        raise DatabaseError(f"PostgreSQL at {address} is version {version}; {SERVER_VERSION_MIN} or newer is needed")
    encoding = link.fetch("SHOW server_encoding")[0][0]
    if encoding != "UTF8":
        raise DatabaseError(f"PostgreSQL at {address} stores text as {encoding}; the database must be UTF8")
    if link.fetch("SELECT current_schema()")[0][0] is None:
        raise DatabaseError(f"PostgreSQL at {address} has no schema for the tables; create it first")


def _take_steps(link: Link, address: str) -> None:
    rows = link.fetch("SELECT version FROM journal_schema")
    found = int(rows[0][0]) if rows else 0
    if found > len(STEPS):
        raise DatabaseError(
            f"PostgreSQL at {address} was written by a newer gateway (schema {found}, this one knows {len(STEPS)})"
        )
    for step in STEPS[found:]:
        link.execute(step)
    if found < len(STEPS):
        link.execute("DELETE FROM journal_schema")
        link.execute("INSERT INTO journal_schema (version) VALUES ($1)", len(STEPS))
    link.fetch(_ADD_PARTITIONS)


def _make_lanes(link: Link, address: str, lanes: int) -> None:
    (found, is_used) = link.fetch("SELECT count(*), bool_or(epoch <> '') FROM journal_lanes")[0]
    if found == lanes:
        return
    if is_used:
        raise DatabaseError(
            f"the journal on PostgreSQL at {address} was created with {found} lane{'s' * (found > 1)}, which stays so; "
            f"JOURNAL_LANES is {lanes}"
        )
    link.execute("DELETE FROM journal_lanes WHERE lane >= $1", lanes)
    link.execute(
        "INSERT INTO journal_lanes (lane) SELECT generate_series(0, $1::integer - 1) ON CONFLICT DO NOTHING", lanes
    )


def add_partitions(link: Link) -> None:
    """Make the partitions of today and tomorrow."""
    link.fetch(_ADD_PARTITIONS)
