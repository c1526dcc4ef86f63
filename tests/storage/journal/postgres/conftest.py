from collections.abc import AsyncIterator

import pytest

from storage.journal.postgres import PostgresJournal
from tests.support.postgres_server import PostgresServer


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.add_schema()


@pytest.fixture
async def journal(url: str) -> AsyncIterator[PostgresJournal]:
    journal = await PostgresJournal.open(url, pending_bytes_max=1 << 20)
    yield journal
    await journal.close()
