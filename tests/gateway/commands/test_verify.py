"""``otto-gateway verify`` as a command."""

import asyncio
import json
from pathlib import Path

from tests.support.commands import otto_gateway
from tests.support.gateway_process import running_gateway
from tests.support.job_logs import sqlite
from tests.support.worker import publish

LINES = [f"line {number}" for number in range(300)]


async def test_beside_a_running_gateway_it_reads_and_does_not_repair(tmp_path: Path) -> None:
    """Lines come in while it checks; a repair is refused, for the gateway copies rows itself."""
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", LINES)
        publishing = asyncio.create_task(publish(gateway.grpc_address, "other", LINES * 20))
        for _ in range(3):
            code, stdout, stderr = await otto_gateway(gateway.database, "verify", "--json")
            assert (code, stderr) == (0, ""), stdout
            assert json.loads(stdout)["ok"]
        await publishing
        code, stdout, stderr = await otto_gateway(gateway.database, "verify", "--repair-polling")
        assert (code, stdout) == (2, "")
        assert "stop it first" in stderr


async def test_what_is_wrong_is_reported_and_repaired(tmp_path: Path) -> None:
    """Exit code 1 with the place of each finding; 0 once it is put right."""
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", LINES)
        assert await gateway.stop() == 0
    sqlite(
        gateway.database, "DELETE FROM job_logs WHERE id IN (7, 8); UPDATE job_logs SET log_message = '' WHERE id = 9"
    )
    code, stdout, _ = await otto_gateway(gateway.database, "verify")
    assert code == 1
    assert "row_missing (2): a line has no row in job_logs\n  line 7 of task 'build': row 7 is not there\n" in stdout
    assert stdout.endswith("not well: 3 findings\n")
    code, stdout, _ = await otto_gateway(gateway.database, "verify", "--json", "--repair-polling")
    document = json.loads(stdout)
    assert (code, document["repaired"], document["findings"]) == (0, {"inserted": 2, "rewritten": 1}, {})
    assert (await otto_gateway(gateway.database, "verify"))[0] == 0


async def test_what_cannot_be_checked_is_another_exit_code(tmp_path: Path) -> None:
    """One sentence on stderr."""
    code, stdout, stderr = await otto_gateway(tmp_path / "none.db", "verify")
    assert (code, stdout) == (2, "")
    assert stderr == f"otto-gateway: {tmp_path}/none.db does not exist\n"
