import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from components.automation.environment import PASSED_VARIABLES, stage_environment
from components.automation.processes import MARKER
from components.automation.stages import Stage, run_stage
from components.automation.tables import QueueItem, TaskLine


async def names_in_a_stage(directory: Path, *variables: str) -> set[str]:
    """The environment of a command, as it prints it."""
    lines: list[str] = []

    async def write(more: Sequence[TaskLine]) -> None:
        lines.extend(line.message for line in more)

    async def started(_boot: str, _pid: int, _ticks: int) -> bool:
        return True

    program = "import os\nfor name in os.environ: print(name)"
    stage = Stage((sys.executable, "-I", "-S", "-c", program), variables=variables)
    await run_stage(stage, QueueItem(1, "t", None, "script", 0, 3), directory, {}, started=started, write=write)
    return set(lines)


async def test_a_stage_gets_no_secret_of_the_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the gateway's environment a command has what programs need, and what the settings name."""
    for name in ("JWT_SECRET", "NAVER_CLIENT_SECRET", "OTTO_TOKEN", "RENDER_KEY"):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("LC_TIME", "C")
    names = await names_in_a_stage(tmp_path, "RENDER_KEY")
    assert {"PATH", "LC_TIME", "RENDER_KEY", MARKER} <= names
    assert names <= {*PASSED_VARIABLES, "RENDER_KEY", MARKER} | {name for name in names if name.startswith("LC_")}


def test_the_documentation_names_what_is_passed() -> None:
    """Each variable, and the marker."""
    text = (Path(__file__).parents[3] / "docs" / "automation.md").read_text()
    assert [name for name in (*PASSED_VARIABLES, "LC_*", MARKER) if f"`{name}`" not in text] == []
    assert stage_environment(environment={"JWT_SECRET": "x", "TZ": "UTC"}) == {"TZ": "UTC"}
