from collections.abc import AsyncIterator

import pytest

from storage.polling.postgres_table import PostgresPollingTable
from tests.support.postgres_server import PostgresServer


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.add_schema()


@pytest.fixture
async def table(url: str) -> AsyncIterator[PostgresPollingTable]:
    opened = await PostgresPollingTable.open(url)
    yield opened
    await opened.close()
