from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.journal.sqlite import SqliteJournal


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    journal = await SqliteJournal.open(tmp_path / "otto.db", durability="process", pending_bytes_max=1 << 20)
    yield journal
    await journal.close()
