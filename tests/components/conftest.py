import asyncio
from pathlib import Path

import pytest

from storage.tables import DatabaseLocation


@pytest.fixture(params=["sqlite", "postgres"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> DatabaseLocation:
    """An empty database of each kind, for tests of repositories."""
    if request.param == "sqlite":
        return tmp_path / "a.db"
    url: str = asyncio.run(request.getfixturevalue("postgres").add_schema())
    return url
