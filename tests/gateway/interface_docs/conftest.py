"""The gateway of the tests of the process, with everything switched on that is off by default."""

from pathlib import Path

import pytest

from gateway.settings.model import Settings
from tests.gateway.conftest import gateway, http

__all__ = ["gateway", "http"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        http_port=0,
        websocket_port=0,
        grpc_port=0,
        database_url=f"sqlite:///{tmp_path}/otto.db",
        durability="process",
        shutdown_grace_seconds=2,
        automation_enabled=True,
        mcp_enabled=True,
        tasks_dir=tmp_path / "tasks",
    )
