"""What makes a moved database whole: numbers that are given next, and the life of the journal."""

from collections.abc import Mapping, Sequence
from typing import Final

from storage.errors import DatabaseError
from storage.journal.interface import Ancestor
from storage.postgres.connections import Link

__all__ = ["finish"]

_STEPS: Final = (
    """UPDATE journal_tasks t SET first_day = r.first, last_day = r.last
       FROM (SELECT task_key, min(day) AS first, max(day) AS last FROM journal_records GROUP BY task_key) r
       WHERE t.task_key = r.task_key""",
    "SELECT setval('journal_task_keys', (SELECT coalesce(max(task_key), 0) + 1 FROM journal_tasks), false)",
    """UPDATE journal_stages s SET position = n.place FROM (
         SELECT pipeline_id, stage_id, row_number() OVER (ORDER BY pipeline_id, number) AS place FROM journal_stages
       ) n WHERE n.pipeline_id = s.pipeline_id AND n.stage_id = s.stage_id""",
)

_IDENTITY: Final = """
INSERT INTO journal_lives (epoch, number, system_identifier, timeline, parent)
SELECT $1, $2, system_identifier, left(pg_walfile_name(pg_current_wal_lsn()), 8), $3 FROM pg_control_system()"""

_SEQUENCES: Final = """
SELECT quote_ident(c.relname), quote_ident(a.attname), pg_get_serial_sequence(quote_ident(c.relname), a.attname)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND attnum > 0 AND NOT attisdropped
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
AND pg_get_serial_sequence(quote_ident(c.relname), a.attname) IS NOT NULL"""

_SINK_TABLES: Final = ("otto_sink_progress", "otto_sink_closings", "otto_sink_rows", "otto_table_watch")


def finish(
    link: Link, address: str, epoch: str, last_record: int, lineage: Sequence[Ancestor], given: Mapping[str, int]
) -> None:
    """Complete a database to which all rows were copied; in one transaction.

    Args:
        link: to it.
        address: of it.
        epoch: of the journal.
        last_record: of the journal.
        lineage: of the journal.
        given: the highest number that each table has given; its row may be deleted.

    Raises:
        DatabaseError: a gateway has used it meanwhile.
    """
    link.execute("BEGIN")
    try:
        _check_unused(link, address)
        for step in _STEPS:
            link.execute(step)
        link.execute("DELETE FROM journal_lanes WHERE lane > 0")  # records of a file are in one
        link.execute(
            "UPDATE journal_lanes SET position = $1, stages = (SELECT count(*) FROM journal_stages), epoch = $2",
            *(last_record, epoch),
        )
        _store_lives(link, epoch, lineage)
        for table, column, sequence in link.fetch(_SEQUENCES):
            newest = f"SELECT greatest(coalesce(max({column}), 0), $1) + 1 FROM {table}"  # noqa: S608 - quoted there
            link.fetch(f"SELECT setval('{sequence}', ({newest}), false)", given.get(table, 0))
        for table in _SINK_TABLES:  # what was copied counts on, whatever the epoch
            if link.fetch("SELECT to_regclass($1) IS NOT NULL", table)[0][0]:
                link.execute(f"UPDATE {table} SET epoch = 'journal' WHERE epoch = $1", epoch)  # noqa: S608 - a constant
        link.execute("DROP TABLE otto_transfer")
        link.execute("COMMIT")
    except BaseException:
        link.drop()
        raise


def _check_unused(link: Link, address: str) -> None:
    if link.fetch("SELECT 1 FROM journal_lives LIMIT 1"):
        raise DatabaseError(
            f"a gateway has used PostgreSQL at {address} during the move: make an empty schema and begin again"
        )


def _store_lives(link: Link, epoch: str, lineage: Sequence[Ancestor]) -> None:
    """The journal's life, and those that it continues from, so that positions of them stay valid as well."""
    lives = [epoch, *(ancestor.epoch for ancestor in lineage)]
    for age, life in enumerate(lives):
        parent = lives[age + 1] if age + 1 < len(lives) else None
        link.execute(_IDENTITY, life, len(lives) - age, parent)
        if parent is not None:
            link.execute(
                "INSERT INTO journal_forks (epoch, lane, position) VALUES ($1, 0, $2)", life, lineage[age].record
            )
