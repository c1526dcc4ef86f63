from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.history_server import History, history_of


@pytest.fixture
async def history(tmp_path: Path) -> AsyncIterator[History]:
    async with history_of(tmp_path / "otto.db") as opened:
        yield opened
