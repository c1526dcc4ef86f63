"""Commands that check, remove and mask, on PostgreSQL."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.commands.prune import prune
from gateway.commands.scan import scan_databases
from gateway.commands.verify import verify_databases
from gateway.settings.model import Settings
from storage.errors import DatabaseInUseError
from storage.journal.interface import TaskEnding
from storage.journal.postgres import PostgresJournal
from storage.polling import PollingSink
from storage.polling.postgres_table import PostgresPollingTable
from storage.postgres.channel import GatewayChannel
from tests.support.journal_items import AT, batch, messages, number
from tests.support.postgres_server import PostgresServer
from tests.support.psql import messages as rows_of
from tests.support.psql import psql

TOKEN = "ghp_" + "aB3" * 12
KEY = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0", "-----END RSA PRIVATE KEY-----"]


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    """A journal of three tasks, `c` the latest, and its rows, as gateways leave them."""
    url = await postgres.add_schema()
    journal = await PostgresJournal.open(url)
    for place, task in enumerate("abc", 1):
        await journal.append(batch("1\0", f"{TOKEN} 한글", *KEY, task=task, producer=number(place)))
    await journal.append(TaskEnding("a", False, AT, ""))
    table = await PostgresPollingTable.open(url)
    sink = PollingSink(journal, table, epoch="journal")
    await sink.start()
    await sink.close()
    await table.close()
    await journal.close()
    return url


@pytest.fixture
async def running(url: str) -> AsyncIterator[None]:
    """As if a gateway ran on it."""
    channel = GatewayChannel(url, gateway="running")
    await channel.start()
    yield
    await channel.close()


async def verified(url: str, capsys: pytest.CaptureFixture[str], **options: Any) -> tuple[int, dict[str, Any]]:
    options = {"as_json": True, "repair": False, **options}
    code = await asyncio.to_thread(verify_databases, Settings(database_url=url), **options)
    return code, json.loads(capsys.readouterr().out or "{}")


async def stored(url: str) -> list[list[str]]:
    journal = await PostgresJournal.open(url)
    found = [await messages(journal, task) for task in "abc"]
    await journal.close()
    return found


@pytest.mark.usefixtures("running")
async def test_a_sound_database_on_postgresql_has_no_findings(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside a gateway; every record and row is looked at. Without rows, or of a sample, it says so."""
    code, report = await verified(url, capsys)
    assert (code, report["findings"]) == (0, {})
    assert [report[name] for name in ("records", "lines", "tasks", "producers", "rows")] == [4, 15, 3, 1, 15]
    code, report = await verified(url, capsys, sample=50.0)
    assert (code, report["rows"], "rows were not checked" in str(report["notes"])) == (0, 0, True)
    code, _ = await verified(url, capsys, repair=True)
    assert code == 2


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DELETE FROM journal_records WHERE position = 2", {"sequence_missing": 5}),
        ("UPDATE journal_records SET payload = 'x' WHERE position = 1", {"chunk_damaged": 1}),
        ("UPDATE journal_tasks SET end_status = 'FAILED' WHERE task_id = 'a'", {"task_wrong": 1}),
        ("UPDATE journal_lanes SET position = 2", {"record_wrong": 1}),
        ("UPDATE job_logs SET log_message = 'y' WHERE id = 7", {"row_altered": 1}),
        ("DELETE FROM job_logs WHERE id = 15", {"row_missing": 1}),
        ("UPDATE otto_sink_progress SET record = 9", {"progress_wrong": 1}),
    ],
)
async def test_what_is_wrong_on_postgresql_is_named(
    url: str, change: str, expected: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """In the journal, and in the rows."""
    await psql(url, change)
    code, report = await verified(url, capsys)
    assert (code, {kind: each["count"] for kind, each in report["findings"].items()}) == (1, expected)


async def test_prune_on_postgresql_removes_what_a_dry_run_names(url: str) -> None:
    """By the same plan, with the rows; while no gateway runs."""
    settings = Settings(database_url=url, retention_tasks=1)
    (planned,) = await prune(settings, is_dry=True)
    assert [len(lines) for lines in await stored(url)] == [5, 5, 5]
    (done,) = await prune(settings, is_dry=False)
    assert [len(lines) for lines in await stored(url)] == [0, 0, 5]
    assert planned.startswith("would remove 10 lines of 2 tasks, ")
    assert planned.removeprefix("would remove 10 lines of 2 tasks") == done.removeprefix("removed 10 lines").replace(
        ", 2 tasks whole", ""
    )
    assert [len(await rows_of(url, task)) for task in "abc"] == [0, 0, 5]


@pytest.mark.usefixtures("running")
async def test_what_changes_a_database_on_postgresql_waits_for_its_gateways(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused in one sentence while one runs."""
    with pytest.raises(DatabaseInUseError, match=r"a gateway is running on PostgreSQL .* by itself"):
        await prune(Settings(database_url=url, retention_tasks=1), is_dry=False)
    options = {"names": (), "rewrite": True, "as_json": False}
    assert await asyncio.to_thread(scan_databases, Settings(database_url=url), **options) == 2
    assert "stop it first" in capsys.readouterr().err


async def test_secrets_on_postgresql_are_found_and_masked(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """In the journal, in rows that are copies, keys of several lines included, and in rows of other programs."""
    await psql(url, f"INSERT INTO job_logs (job_id, log_message) VALUES ('other', 'x {TOKEN}')")

    async def scan(**options: Any) -> tuple[int, str]:
        wanted = {"names": (), "rewrite": False, "as_json": False, **options}
        code = await asyncio.to_thread(scan_databases, Settings(database_url=url), **wanted)
        return code, "".join(capsys.readouterr())

    code, said = await scan()
    assert (code, "6 secrets found in 6 of 15 lines, 3 tasks, and in 4 rows" in said) == (1, True), said
    code, said = await scan(rewrite=True)
    assert (code, TOKEN in said, "VACUUM FULL" in said) == (0, False, True), said
    assert (await scan())[0] == 0
    lines = (await stored(url))[0]
    assert lines[:5] == ["1\0", "*** 한글", KEY[0], "***", KEY[2]]
    assert lines[5].startswith("secrets were masked in lines 2 to 4")
    assert await rows_of(url, "a") == ["1\ufffd", *lines[1:5]]
    assert await rows_of(url, "other") == ["x ***"]
    assert (await verified(url, capsys))[1]["findings"] == {}
