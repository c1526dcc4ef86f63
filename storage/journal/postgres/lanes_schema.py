"""Several lanes: a commit that draws a number for each of its records, and up to where all lanes are complete.

A database with one lane uses none of it: there, positions are counted in the lane's row.
"""

from typing import Final

__all__ = ["SEVERAL_LANES"]

SEVERAL_LANES: Final = """
-- With several lanes, a record's position is its number among all records of the journal. It is drawn while its lane is
-- locked, so positions of a lane become visible in their order, and those of a task, too.
CREATE SEQUENCE journal_positions CACHE 1;
CREATE SEQUENCE journal_stage_positions CACHE 1;
-- Of the last commit, for each lane: the lane, its position before and after, its transitions before and after.
ALTER TABLE journal_gateways ADD COLUMN places bigint[] NOT NULL DEFAULT '{}';

CREATE FUNCTION journal_lane_lock() RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT hashtext('otto journal lanes ' || current_schema())
$$;

-- A position up to which nothing is still under way: what a statement after this one does not see will never be there.
CREATE FUNCTION journal_settled() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    newest bigint;
    of_lane integer;
BEGIN
    SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO newest FROM journal_positions;
    FOR of_lane IN SELECT lane FROM journal_lanes LOOP
        PERFORM pg_advisory_lock_shared(journal_lane_lock(), of_lane);
        PERFORM pg_advisory_unlock_shared(journal_lane_lock(), of_lane);
    END LOOP;
    RETURN newest;
END $$;

CREATE FUNCTION journal_commit_lanes(
    p_lanes integer[], p_epoch text, p_gateway text, p_commit bigint,
    t_key bigint[], t_id text[], t_version bigint[], t_last bigint[],
    t_status text[], t_at text[], t_reason text[], t_through boolean[], t_bytes bigint[], t_newest bigint[],
    w_key bigint[], w_id text[], w_new boolean[], w_status text[], w_reason text[], w_metadata text[],
    p_id text[], p_before bigint[], p_number bigint[],
    s_pipeline text[], s_before bigint[],
    s_row_pipeline text[], s_row_stage text[], s_row_number bigint[], s_row_document bytea[],
    r_key bigint[], r_kind smallint[], r_first bigint[], r_last bigint[], r_levels bigint[],
    r_earliest text[], r_latest text[], r_codec smallint[], r_size bigint[], r_checksum bigint[], r_payload bytea[],
    t_lane integer[], s_row_lane integer[], r_lane integer[],
    OUT o_places bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    today date;
    changed integer;
    held record;
    r_position bigint[];
    s_position bigint[];
BEGIN
    -- In their order, so that no two commits wait for each other.
    PERFORM 1 FROM journal_lanes WHERE lane = ANY(p_lanes) ORDER BY lane FOR UPDATE;
    -- For those who ask what is settled: they wait for this, and hold nothing else.
    PERFORM pg_advisory_xact_lock(journal_lane_lock(), l) FROM unnest(p_lanes) AS l;
    today := (clock_timestamp() AT TIME ZONE 'UTC')::date;  -- with the lanes locked: days follow positions
    r_position := ARRAY(SELECT nextval('journal_positions') FROM generate_series(1, cardinality(r_key)));
    s_position := ARRAY(SELECT nextval('journal_stage_positions') FROM generate_series(1, cardinality(s_row_stage)));
    o_places := '{}';
    FOR held IN SELECT lane, position, stages, epoch FROM journal_lanes WHERE lane = ANY(p_lanes) ORDER BY lane LOOP
        IF held.epoch IS DISTINCT FROM p_epoch THEN
            RAISE EXCEPTION 'another life of the journal has begun' USING ERRCODE = 'OT002';
        END IF;
        o_places := o_places || ARRAY[held.lane, held.position,
            coalesce((SELECT max(n) FROM unnest(r_lane, r_position) AS r (l, n) WHERE l = held.lane), held.position),
            held.stages,
            coalesce((SELECT max(n) FROM unnest(s_row_lane, s_position) AS s (l, n) WHERE l = held.lane), held.stages)];
    END LOOP;
    UPDATE journal_lanes SET position = o_places[5 * n - 2], stages = o_places[5 * n]
        FROM generate_series(1, cardinality(o_places) / 5) AS n WHERE lane = o_places[5 * n - 4];
    UPDATE journal_gateways SET commit_number = p_commit, places = o_places, seen = now()
        WHERE gateway = p_gateway AND commit_number = p_commit - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'commit % of this gateway is out of turn', p_commit USING ERRCODE = 'OT003';
    END IF;
    IF cardinality(t_key) > 0 THEN
        IF 0 = ANY(t_version) THEN
            INSERT INTO journal_tasks (task_key, task_id, lane, version, first_sequence, first_day, last_day)
                SELECT k, i, t, 0, coalesce(last_sequence + 1, 1), today, today
                FROM unnest(t_key, t_id, t_version, t_lane) AS n (k, i, v, t)
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
        UPDATE journal_tasks SET version = version + 1, last_sequence = l, end_status = s, end_timestamp = a,
            end_reason = r, end_through_status = h, stored_bytes = stored_bytes + b, last_day = today,
            last_record = coalesce(r_position[c], last_record)
            FROM unnest(t_key, t_version, t_last, t_status, t_at, t_reason, t_through, t_bytes, t_newest)
                AS n (k, v, l, s, a, r, h, b, c)
            WHERE task_key = k AND version = v;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed <> cardinality(t_key) THEN
            RAISE EXCEPTION 'another gateway has changed a task' USING ERRCODE = 'OT001';
        END IF;
    END IF;
    IF cardinality(p_id) > 0 THEN
        -- In their order, too: a producer that has moved to another gateway may be in another lane there.
        INSERT INTO journal_producers (producer_id, number, updated_at)
            SELECT i, 0, 0 FROM unnest(p_id, p_before) AS n (i, b) WHERE b = 0 ORDER BY i ON CONFLICT DO NOTHING;
        PERFORM 1 FROM journal_producers WHERE producer_id = ANY(p_id) ORDER BY producer_id FOR UPDATE;
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
            SELECT i, s, n, d, l, p FROM unnest(s_row_pipeline, s_row_stage, s_row_number, s_row_document,
                s_row_lane, s_position) AS given (i, s, n, d, l, p)
            ON CONFLICT (pipeline_id, stage_id) DO UPDATE SET number = excluded.number,
                document = excluded.document, lane = excluded.lane, position = excluded.position;
    END IF;
    IF cardinality(r_key) > 0 THEN
        INSERT INTO journal_records (day, lane, position, task_key, kind, first_sequence, last_sequence, levels,
                earliest, latest, codec, raw_size, checksum, payload)
            SELECT today, l, n, k, kind, f, t, v, e, u, c, z, x, p
            FROM unnest(r_key, r_kind, r_first, r_last, r_levels, r_earliest, r_latest, r_codec, r_size, r_checksum,
                r_payload, r_lane, r_position) AS given (k, kind, f, t, v, e, u, c, z, x, p, l, n);
    END IF;
END $$;
"""
