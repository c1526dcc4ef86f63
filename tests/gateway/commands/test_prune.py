"""``otto-gateway prune`` as it is called."""

import asyncio
from pathlib import Path

from gateway.commands.prune import prune
from gateway.settings.model import Settings
from storage.journal.sqlite import SqliteJournal
from storage.polling import PollingSink, PollingTable
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
