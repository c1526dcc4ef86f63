"""Databases of batch jobs that older gateways left."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

import storage.migrations
from components.batch_jobs.tables import BatchJobStore
from components.batch_jobs.tables.schema import metadata
from storage.sqlite.files import migrate

ROWS = """
INSERT INTO otto_batch_jobs (job_id, priority, status, current, total, created_at, started_at)
    VALUES ('batch_1_00000001', 0, 'processing', 2, 3, 1, 2);
INSERT INTO otto_batch_items (job_id, position, keyword, begun, counts, error, done_at) VALUES
    ('batch_1_00000001', 0, 'one', 1, '{"blog": 3}', NULL, 3),
    ('batch_1_00000001', 1, 'two', 1, '{}', 'Naver answered 500', 4),
    ('batch_1_00000001', 2, 'three', 1, NULL, NULL, NULL);
"""


def at_version(path: Path, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", storage.migrations.__path__[0])
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


def columns_of(path: Path) -> dict[str, set[str]]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT m.name, p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p"
            " WHERE m.name LIKE 'otto_batch_%'"
        )
        found: dict[str, set[str]] = {}
        for table, column in rows:
            found.setdefault(table, set()).add(column)
        return found


async def test_a_job_of_an_older_gateway_continues(tmp_path: Path) -> None:
    """With its failures counted, and the keyword that was asked for asked again; how long others took is not known."""
    path = tmp_path / "otto.db"
    at_version(path, "0004")
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(ROWS)
    migrate(f"sqlite:///{path}")
    store = BatchJobStore(path, durability="process")
    [job] = await store.page(limit=9)
    assert (job.current, job.failed, job.retries, job.mean_ms) == (2, 1, 0, None)
    assert await store.unpublished_ids() == [job.id]
    item = await store.begin_next(now=9, claimed_until=10)
    assert item is not None
    assert (item.keyword, item.begun, item.is_first) == ("three", 2, False)
    await store.close()


def test_a_migrated_database_has_the_tables_of_a_new_one(tmp_path: Path) -> None:
    """Every column, so that what is declared is what is there."""
    at_version(tmp_path / "old.db", "0004")
    migrate(f"sqlite:///{tmp_path}/old.db")
    declared = {table.name: {column.name for column in table.columns} for table in metadata.sorted_tables}
    assert columns_of(tmp_path / "old.db") == declared
