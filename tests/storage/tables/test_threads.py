"""``TableDatabase`` with several threads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from storage.tables import DatabaseLocation, TableDatabase
from tests.support.postgres_server import PostgresServer

THREADS = 8
WRITES = 10


def create(connection: Connection) -> None:
    connection.execute(text("CREATE TABLE IF NOT EXISTS counts (number INTEGER NOT NULL)"))


def add_one(connection: Connection) -> None:
    (before,) = connection.execute(text("SELECT number FROM counts")).one()
    connection.execute(text("UPDATE counts SET number = :after"), {"after": before + 1})


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
async def test_threads_that_write_at_once_write_one_after_the_other(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Each transaction is its own: none sees a part of another one, or is committed by it."""
    location: DatabaseLocation = tmp_path / "a.db"
    if kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        location = await server.add_schema()
    database = TableDatabase(location, create=create)
    await asyncio.to_thread(write_from_threads, database)


def write_from_threads(database: TableDatabase) -> None:
    database.write(lambda connection: connection.execute(text("INSERT INTO counts VALUES (0)")))
    with ThreadPoolExecutor(THREADS) as threads:
        for done in [threads.submit(database.write, add_one) for _ in range(THREADS * WRITES)]:
            done.result()
    assert database.read(lambda connection: connection.execute(text("SELECT number FROM counts")).scalar()) == 80
    database.close()
