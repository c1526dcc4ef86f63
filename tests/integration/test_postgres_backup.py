"""Backups of a journal on PostgreSQL, by the commands of the documentation."""

import asyncio
import os
import re
import subprocess
from pathlib import Path

import pytest

from storage.journal.postgres import PostgresJournal
from tests.support.journal_items import batch, messages
from tests.support.postgres_server import PostgresServer
from tests.support.programs import program

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

PAGE = Path(__file__).parents[2] / "docs/several-gateways.md"


async def test_a_dump_is_put_back_with_a_new_epoch(postgres: PostgresServer, tmp_path: Path) -> None:
    """Its lines are there from the first; readers do not take what is stored then for what they have seen."""
    part = PAGE.read_text().partition("**Back up**")[2]
    dump, put_back = (found.replace("otto:secret@db:5432", f"otto@127.0.0.1:{postgres.port}") for found in re.findall(
        r"```sh\n(.*?)```", part.partition("## ")[0], re.DOTALL
    ))  # fmt: skip
    folder = str(Path(program("postgres")).resolve().parent)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    async def run(commands: str) -> None:
        shell = ["bash", "-ec", commands]
        await asyncio.to_thread(subprocess.run, shell, check=True, cwd=tmp_path, env=environment, capture_output=True)

    await postgres.execute("CREATE DATABASE otto")
    url = f"postgresql://otto@127.0.0.1:{postgres.port}/otto"
    journal = await PostgresJournal.open(url)
    await journal.append(batch("1", "2"))
    await run(dump)
    await journal.append(batch("lost"))
    await journal.close()
    await run(put_back)
    restored = await PostgresJournal.open(f"{url}_restored")
    assert await messages(restored, "build") == ["1", "2"]
    assert restored.epoch != journal.epoch
    await restored.append(batch("3"))
    await restored.close()
    again = await PostgresJournal.open(f"{url}_restored")
    assert (again.epoch, await messages(again, "build")) == (restored.epoch, ["1", "2", "3"])
    await again.close()
