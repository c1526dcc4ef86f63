"""How a gateway starts and stops its components."""

import asyncio
from pathlib import Path
from typing import Any, ClassVar, Self

import pytest

import gateway.app
from gateway.app import Gateway
from gateway.component import Component, Core
from gateway.settings.model import Settings
from storage.sqlite.files import acquire_lock
from tests.support.journal_items import batch


class Scripted(Component):
    """Records what is done with it; ``fails_in`` is the step that raises."""

    name = "scripted"
    routes = ()
    fails_in = ""
    steps: ClassVar[list[str]] = []

    def __init__(self, core: Core) -> None:
        self.core = core

    @classmethod
    def note(cls, step: str) -> None:
        cls.steps.append(f"{step} {cls.name}")
        if cls.fails_in == step:
            raise OSError(step)

    @classmethod
    async def open(cls, core: Core) -> Self:
        cls.note("open")
        return cls(core)

    async def start(self) -> None:
        assert await self.core.journal.stages("p") == []
        self.note("start")

    async def close(self, grace_seconds: float) -> None:
        assert await self.core.journal.stages("p") == []
        self.note("close")


def scripted(monkeypatch: pytest.MonkeyPatch, **fails_in: str) -> list[str]:
    """Put components in the place of the real ones; their steps."""
    steps: list[str] = []
    kinds = [
        type(name, (Scripted,), {"name": name, "steps": steps, "fails_in": fails_in.get(name, "")}) for name in "ab"
    ]
    monkeypatch.setattr(gateway.app, "COMPONENTS", tuple(kinds))
    return steps


def settings(tmp_path: Path) -> Settings:
    ports: dict[str, Any] = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
    return Settings(**ports, database_url=f"sqlite:///{tmp_path}/otto.db", shutdown_grace_seconds=1)


async def test_components_are_closed_in_the_reverse_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are open before one starts, and the journal can be used until the last one is closed."""
    steps = scripted(monkeypatch)
    running = await Gateway.start(settings(tmp_path))
    assert steps == ["open a", "open b", "start a", "start b"]
    assert await running.stop()
    assert steps[4:] == ["close b", "close a"]


@pytest.mark.parametrize(
    ("step", "undone"),
    [
        ("open", ["open a", "open b", "close a"]),
        ("start", ["open a", "open b", "start a", "start b", "close b", "close a"]),
    ],
)
async def test_a_component_that_fails_undoes_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, undone: list[str]
) -> None:
    """Those before it are closed, and then the databases: another gateway can have them at once."""
    steps = scripted(monkeypatch, b=step)
    tasks = asyncio.all_tasks()
    with pytest.raises(OSError, match=step):
        await Gateway.start(settings(tmp_path))
    assert steps == undone
    acquire_lock(tmp_path / "otto.db").close()
    assert asyncio.all_tasks() == tasks


async def test_a_component_hears_of_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is called after each, on the event loop."""
    heard, cores = asyncio.Event(), list[Core]()

    class Hearing(Scripted):
        @classmethod
        async def open(cls, core: Core) -> Self:
            core.on_commit(heard.set)
            cores.append(core)
            return cls(core)

    monkeypatch.setattr(gateway.app, "COMPONENTS", (Hearing,))
    running = await Gateway.start(settings(tmp_path))
    assert not heard.is_set()
    await cores[0].journal.append(batch("stored"))
    assert heard.is_set()
    running.ask_to_stop()
    await running.run()
