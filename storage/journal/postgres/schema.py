"""The tables of the journal on PostgreSQL, as numbered steps; each was released as it is and is not changed again."""

from typing import Final

from storage.errors import DatabaseError
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

_COMMIT: Final = """
CREATE FUNCTION journal_commit(
    p_lane integer, p_epoch text, p_gateway text, p_commit bigint,
    t_key bigint[], t_id text[], t_version bigint[], t_last bigint[],
    t_status text[], t_at text[], t_reason text[], t_through boolean[], t_bytes bigint[], t_newest bigint[],
    w_key bigint[], w_id text[], w_new boolean[], w_status text[], w_reason text[], w_metadata text[],
    p_id text[], p_before bigint[], p_number bigint[],
    s_pipeline text[], s_before bigint[],
    s_row_pipeline text[], s_row_stage text[], s_row_number bigint[], s_row_document bytea[],
    r_key bigint[], r_kind smallint[], r_first bigint[], r_last bigint[], r_levels bigint[],
    r_earliest text[], r_latest text[], r_codec smallint[], r_size bigint[], r_checksum bigint[], r_payload bytea[],
    OUT o_position bigint, OUT o_stages bigint
) LANGUAGE plpgsql AS $$
DECLARE
    records integer := cardinality(r_key);
    today date;
    found_epoch text;
    changed integer;
BEGIN
    UPDATE journal_lanes SET position = position + records, stages = stages + cardinality(s_row_stage)
        WHERE lane = p_lane RETURNING position, stages, epoch INTO o_position, o_stages, found_epoch;
    IF found_epoch IS DISTINCT FROM p_epoch THEN
        RAISE EXCEPTION 'another life of the journal has begun' USING ERRCODE = 'OT002';
    END IF;
    today := (clock_timestamp() AT TIME ZONE 'UTC')::date;  -- with the lane locked: days follow positions
    UPDATE journal_gateways SET commit_number = p_commit, position = o_position, stages = o_stages, seen = now()
        WHERE gateway = p_gateway AND commit_number = p_commit - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'commit % of this gateway is out of turn', p_commit USING ERRCODE = 'OT003';
    END IF;
    IF cardinality(t_key) > 0 THEN
        INSERT INTO journal_tasks (task_key, task_id, lane, version, first_day, last_day)
            SELECT k, i, p_lane, 0, today, today FROM unnest(t_key, t_id, t_version) AS n (k, i, v) WHERE v = 0
            ON CONFLICT (task_id) DO NOTHING;
        UPDATE journal_tasks SET version = version + 1, last_sequence = l, end_status = s, end_timestamp = a,
            end_reason = r, end_through_status = h, stored_bytes = stored_bytes + b, last_day = today,
            last_record = coalesce(o_position - records + c, last_record)
            FROM unnest(t_key, t_version, t_last, t_status, t_at, t_reason, t_through, t_bytes, t_newest)
                AS n (k, v, l, s, a, r, h, b, c)
            WHERE task_key = k AND version = v;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed <> cardinality(t_key) THEN
            RAISE EXCEPTION 'another gateway has changed a task' USING ERRCODE = 'OT001';
        END IF;
    END IF;
    IF cardinality(p_id) > 0 THEN
        INSERT INTO journal_producers (producer_id, number, updated_at)
            SELECT i, 0, 0 FROM unnest(p_id, p_before) AS n (i, b) WHERE b = 0 ON CONFLICT DO NOTHING;
        UPDATE journal_producers SET number = n.number, updated_at = extract(epoch FROM now())::bigint
            FROM unnest(p_id, p_before, p_number) AS n (id, before, number)
            WHERE producer_id = n.id AND journal_producers.number = n.before;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed <> cardinality(p_id) THEN
            RAISE EXCEPTION 'another gateway has stored a number' USING ERRCODE = 'OT001';
        END IF;
    END IF;
    IF cardinality(w_key) > 0 THEN
        INSERT INTO journal_workers (task_key, worker_id)
            SELECT k, i FROM unnest(w_key, w_id, w_new) AS n (k, i, is_new) WHERE is_new;
        UPDATE journal_workers w SET status = coalesce(n.status, w.status), reason = coalesce(n.reason, w.reason),
            metadata = coalesce(n.metadata, w.metadata)
            FROM unnest(w_key, w_id, w_status, w_reason, w_metadata) AS n (k, i, status, reason, metadata)
            WHERE w.task_key = k AND w.worker_id = i
            AND (n.status IS NOT NULL OR n.reason IS NOT NULL OR n.metadata IS NOT NULL);
    END IF;
    IF cardinality(s_row_stage) > 0 THEN
        PERFORM 1 FROM unnest(s_pipeline, s_before) AS n (id, before) WHERE before <> coalesce(
            (SELECT max(number) FROM journal_stages s WHERE s.pipeline_id = n.id), 0);
        IF FOUND THEN
            RAISE EXCEPTION 'another gateway has changed a pipeline' USING ERRCODE = 'OT001';
        END IF;
        INSERT INTO journal_stages (pipeline_id, stage_id, number, document, lane, position)
            SELECT i, s, n, d, p_lane, o_stages - cardinality(s_row_stage) + place
            FROM unnest(s_row_pipeline, s_row_stage, s_row_number, s_row_document)
                WITH ORDINALITY AS given (i, s, n, d, place)
            ON CONFLICT (pipeline_id, stage_id) DO UPDATE SET number = excluded.number,
                document = excluded.document, lane = excluded.lane, position = excluded.position;
    END IF;
    IF records > 0 THEN
        INSERT INTO journal_records (day, lane, position, task_key, kind, first_sequence, last_sequence, levels,
                earliest, latest, codec, raw_size, checksum, payload)
            SELECT today, p_lane, o_position - records + place, k, kind, f, l, v, e, u, c, z, x, p
            FROM unnest(r_key, r_kind, r_first, r_last, r_levels, r_earliest, r_latest, r_codec, r_size, r_checksum,
                r_payload) WITH ORDINALITY AS given (k, kind, f, l, v, e, u, c, z, x, p, place);
    END IF;
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

_ADDED_TASKS: Final = """        INSERT INTO journal_tasks (task_key, task_id, lane, version, first_day, last_day)
            SELECT k, i, p_lane, 0, today, today FROM unnest(t_key, t_id, t_version) AS n (k, i, v) WHERE v = 0
            ON CONFLICT (task_id) DO NOTHING;
"""
_RETURNED_TASKS: Final = """        IF 0 = ANY(t_version) THEN
            INSERT INTO journal_tasks (task_key, task_id, lane, version, first_sequence, first_day, last_day)
                SELECT k, i, p_lane, 0, coalesce(last_sequence + 1, 1), today, today
                FROM unnest(t_key, t_id, t_version) AS n (k, i, v)
                LEFT JOIN journal_removed_tasks ON name_hash = journal_name_hash(i) WHERE v = 0
                ON CONFLICT (task_id) DO NOTHING;
            PERFORM 1 FROM unnest(t_key, t_id, t_version, t_last) AS n (k, i, v, l)
                JOIN journal_removed_tasks ON name_hash = journal_name_hash(i)
                WHERE v = 0 AND last_sequence <> coalesce((SELECT min(f) - 1 FROM unnest(r_key, r_kind, r_first)
                    AS r (key, kind, f) WHERE key = k AND kind = 0), l);
            IF FOUND THEN
                RAISE EXCEPTION 'another gateway has removed a task' USING ERRCODE = 'OT001';
            END IF;
            DELETE FROM journal_removed_tasks USING unnest(t_id, t_version) AS n (i, v)
                WHERE name_hash = journal_name_hash(i) AND v = 0;
        END IF;
"""
# The same function but for tasks that are new, which begin behind the numbers of a removed one of their name.
_RETURNING_COMMIT: Final = _COMMIT.replace("CREATE", "CREATE OR REPLACE", 1).replace(_ADDED_TASKS, _RETURNED_TASKS)

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
    *(_TABLES + _COMMIT, _SHOWN_EPOCHS, _REMOVED_TASKS + _RETURNING_COMMIT),
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
