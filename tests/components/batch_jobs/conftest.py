from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.job_bench import Bench
from tests.support.naver_api import NaverApi, naver_api


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "otto.db")
    yield made
    await made.jobs.close()


@pytest.fixture
async def api() -> AsyncIterator[NaverApi]:
    async with naver_api() as served:
        yield served
