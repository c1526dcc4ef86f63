"""The commands for backups, as the documentation shows them, beside a gateway that stores lines all the time."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.commands.backup import back_up_database, restore_database
from gateway.commands.exit_codes import ExitCode
from gateway.commands.migration import migrate_databases
from gateway.settings.model import Settings
from storage.polling import PollingTable
from storage.verification import verify
from tests.gateway.commands.test_main import call, complaint
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.job_logs import messages
from tests.support.worker import publish

DOCUMENT = Path(__file__).parents[3] / "docs" / "operations.md"


def documented_commands() -> list[str]:
    """The commands of the section on backups."""
    _, _, section = DOCUMENT.read_text().partition("\n## Backups\n")
    section = section.partition("\n## ")[0]
    return [line.removeprefix("$ ") for line in section.splitlines() if line.startswith("$ ")]


async def run(command: str, gateway: GatewayProcess) -> None:
    environment = os.environ | gateway.environment
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    process = await asyncio.create_subprocess_shell(
        f"set -e; {command}", cwd=gateway.directory, env=environment, stderr=subprocess.PIPE
    )
    _, errors = await process.communicate()
    assert process.returncode == 0, (command, errors)


async def load(gateway: GatewayProcess, began: asyncio.Event) -> None:
    """A commit after the other, until cancelled."""
    number = 0
    while True:
        await publish(gateway.grpc_address, "t", [f"line {number + index}" for index in range(20)])
        number += 20
        began.set()


async def test_the_documented_commands_work_under_load(tmp_path: Path) -> None:
    """Backups are whole and good beside a gateway that commits all the time; what is put back is what was saved."""
    began = asyncio.Event()
    async with running_gateway(tmp_path) as gateway:
        lines = asyncio.create_task(load(gateway, began))
        await began.wait()
        *backups, restore = documented_commands()
        assert ["backup" in command for command in backups] == [True, True]
        for command in backups:
            await run(command, gateway)
        lines.cancel()
        await asyncio.gather(lines, return_exceptions=True)
        report = verify(tmp_path / "backup.db", PollingTable(tmp_path / "backup.db"))
        assert (report.findings.counts.total(), report.lines >= 20) == (0, True)
        assert (
            subprocess.run(["gzip", "-dc", "backup.db.gz"], cwd=tmp_path, capture_output=True).stdout[:6] == b"SQLite"
        )
        await gateway.stop()
        await run(restore, gateway)
        await gateway.start()
        assert await gateway.stop() == 0
    assert len(messages(gateway.database, "t")) == report.lines
    assert "went back in time" in gateway.log()


async def test_a_restore_is_refused_while_a_gateway_runs(tmp_path: Path) -> None:
    """In one sentence that says what to do, and nothing is changed."""
    async with running_gateway(tmp_path) as gateway:
        settings = {"DATABASE_URL": f"sqlite:///{gateway.database}"}
        made = await asyncio.to_thread(lambda: call("backup", "b.db", directory=tmp_path, **settings))
        assert "checked; epoch " in made.stdout
        refused = await asyncio.to_thread(lambda: call("restore", "b.db", directory=tmp_path, **settings))
    assert (refused.returncode, "stop it first" in complaint(refused)) == (1, True)
    again = call("backup", "b.db", directory=tmp_path)
    assert (again.returncode, "overwrites nothing" in complaint(again)) == (1, True)


def test_job_logs_of_its_own_database_have_a_backup_of_their_own(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The command says so; either is put back alone."""
    rows, copy = tmp_path / "rows.db", tmp_path / "copy.db"
    settings = Settings(database_url=f"sqlite:///{tmp_path}/otto.db", polling_database_url=f"sqlite:///{rows}")
    migrate_databases(tmp_path / "otto.db", rows)
    options = {"megabytes_per_second": 0, "is_verified": False}
    assert back_up_database(settings, str(tmp_path / "b.db"), is_polling=False, **options) == ExitCode.OK
    assert f"job_logs is in {rows}: back it up with --polling" in capfd.readouterr().err
    assert back_up_database(settings, str(copy), is_polling=True, **options) == ExitCode.OK
    assert restore_database(settings, copy, is_polling=True) == ExitCode.OK
    assert f"{rows} is what {copy} was" in capfd.readouterr().out
