from collections.abc import AsyncIterator

import pytest

from storage.journal.postgres import PostgresJournal
from tests.support.postgres_server import PostgresServer


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.add_schema()


@pytest.fixture(params=[1, 3], ids=["one lane", "three lanes"])
def lanes(request: pytest.FixtureRequest) -> int:
    """How many a test's database has."""
    return int(request.param)


@pytest.fixture
async def journal(url: str, lanes: int) -> AsyncIterator[PostgresJournal]:
    journal = await PostgresJournal.open(url, pending_bytes_max=1 << 20, lanes=lanes)
    yield journal
    await journal.close()
