"""The gateway of the tests of the process, with everything switched on that is off by default."""

from pathlib import Path

import pytest

from gateway.settings.model import Settings


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={"automation_enabled": True, "mcp_enabled": True, "tasks_dir": tmp_path / "tasks"}
    )
