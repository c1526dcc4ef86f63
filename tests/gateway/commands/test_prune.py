"""``otto-gateway prune`` as it is called."""

import asyncio
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.commands.prune import prune
from gateway.settings.model import Settings
from storage.errors import DiskFullError
from storage.journal.inventory import RemovedTasks
from storage.journal.sqlite import SqliteJournal
from storage.polling import PollingSink, PollingTable
from storage.sqlite.disk_reserve import DiskReserve
from tests.gateway.commands.test_main import call, complaint
from tests.support.job_logs import messages as rows
from tests.support.journal_items import batch, messages


async def fill(path: Path, *, copy: bool = True) -> None:
    """Three lines each of three tasks, `c` the latest, and their rows."""
    journal = await SqliteJournal.open(path, durability="process")
    for task in "abc":
        await journal.append(batch("1", "2", "3", task=task))
    if copy:
        table = await PollingTable.open(path)
        sink = PollingSink(journal, table)
        await sink.start()
        await sink.close()
        await table.close()
    await journal.close()


def numbers(said: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", said)]


async def left(path: Path) -> list[int]:
    journal = await SqliteJournal.open(path, durability="process")
    found = [len(await messages(journal, task)) for task in "abc"]
    await journal.close()
    return found


def test_a_dry_run_says_what_would_go_and_changes_nothing(tmp_path: Path) -> None:
    """Tasks, lines and bytes; beside a running gateway too."""
    path = tmp_path / "otto.db"
    asyncio.run(fill(path))

    async def beside_a_gateway() -> list[str]:
        journal = await SqliteJournal.open(path)
        results = [
            await asyncio.to_thread(call, "prune", *options, directory=tmp_path, RETENTION_TASKS="1")
            for options in ([], ["--dry-run"])
        ]
        await journal.close()
        assert [result.returncode for result in results] == [1, 0]
        return [complaint(results[0]), results[1].stdout]

    refused, said = asyncio.run(beside_a_gateway())
    assert "a gateway is running on" in refused
    assert "--dry-run" in refused
    assert said.startswith("would remove 6 lines of 2 tasks, ")
    assert asyncio.run(left(path)) == [3, 3, 3]


def test_without_a_gateway_it_removes(tmp_path: Path) -> None:
    """What the dry run said; and the second time nothing."""
    path = tmp_path / "otto.db"
    asyncio.run(fill(path))
    assert "removed 6 lines, " in call("prune", directory=tmp_path, RETENTION_TASKS="1").stdout
    assert asyncio.run(left(path)) == [0, 0, 3]
    assert [len(rows(path, task)) for task in "abc"] == [0, 0, 3]
    assert "removed 0 lines, " in call("prune", directory=tmp_path, RETENTION_TASKS="1").stdout


def test_a_full_disk_is_given_its_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing else free it removes; where there is no reserve either, it says how much it needs."""
    path = tmp_path / "otto.db"
    asyncio.run(fill(path))
    reserve = DiskReserve(path, 1 << 20)
    reserve.keep()
    remove = SqliteJournal.remove_whole

    async def remove_with_room(journal: SqliteJournal, *arguments: Any, **rest: Any) -> RemovedTasks:
        if (tmp_path / "otto.db.reserve").exists() or not has_had_reserve:
            raise DiskFullError(f"{path} cannot grow", bytes_free=0)
        return await remove(journal, *arguments, **rest)

    monkeypatch.setattr(SqliteJournal, "remove_whole", remove_with_room)
    settings = Settings(database_url=f"sqlite:///{path}", polling_database_url=f"sqlite:///{path}", retention_tasks=1)
    has_had_reserve = True
    (said,) = asyncio.run(prune(settings, is_dry=False))
    assert said.startswith("removed 6 lines")
    has_had_reserve = False
    with pytest.raises(DiskFullError, match="removing needs some 8 MiB, and there is no reserve"):
        asyncio.run(prune(settings.model_copy(update={"retention_tasks": 0, "retention_bytes": 1}), is_dry=False))


@pytest.mark.parametrize(
    "limits",
    [
        {"retention_tasks": 1},
        {"retention_bytes": 1},
        {"retention_days": 1},
        {"retention_days": 1, "retention_tasks": 2},
    ],
)
async def test_a_dry_run_says_what_a_run_does(tmp_path: Path, limits: dict[str, int]) -> None:
    """The same lines, bytes and rows, whichever limit takes them."""
    path = tmp_path / "otto.db"
    await fill(path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE job_logs SET created_at = '2020-01-01 00:00:00' WHERE job_id = 'b' AND id % 2")
        connection.execute("INSERT INTO job_logs (job_id, log_message) VALUES ('a', 'of another program')")
    settings = Settings(database_url=f"sqlite:///{path}", **limits)
    lines, _, size, rows = numbers((await prune(settings, is_dry=True))[0])
    did = numbers((await prune(settings, is_dry=False))[0])
    assert (lines, size, rows) == (did[0], did[1], did[3])
    assert rows > 0


async def test_a_dry_run_needs_no_polling_table(tmp_path: Path) -> None:
    """A database that no sink has used yet has no rows to remove."""
    path = tmp_path / "otto.db"
    await fill(path, copy=False)
    said = await prune(Settings(database_url=f"sqlite:///{path}", retention_days=1), is_dry=True)
    assert "and 0 rows of job_logs" in said[0]


def test_what_has_no_row_yet_stays_and_it_says_so(tmp_path: Path) -> None:
    """A line that no polling UI could have seen is not removed."""
    path = tmp_path / "otto.db"
    asyncio.run(fill(path, copy=False))
    for options in ([], ["--dry-run"]):
        result = call("prune", *options, directory=tmp_path, RETENTION_TASKS="1")
        assert "lines that have no row in job_logs yet stay" in result.stdout
    assert asyncio.run(left(path)) == [3, 3, 3]


def test_what_cannot_be_done_is_one_sentence(tmp_path: Path) -> None:
    """No policy, or no database: nothing is made."""
    assert "nothing is set" in call("prune", directory=tmp_path).stdout
    result = call("prune", "--dry-run", directory=tmp_path, RETENTION_DAYS="1")
    assert (result.returncode, "there is no database" in complaint(result)) == (1, True)
    assert list(tmp_path.iterdir()) == []
