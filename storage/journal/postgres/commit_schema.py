"""The function that stores a commit, as the steps of ``schema`` made it."""

from typing import Final

__all__ = ["COMMIT", "RETURNING_COMMIT"]

COMMIT: Final = """
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
RETURNING_COMMIT: Final = COMMIT.replace("CREATE", "CREATE OR REPLACE", 1).replace(_ADDED_TASKS, _RETURNED_TASKS)
