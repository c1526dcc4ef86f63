"""``otto-gateway scan`` on the database of a gateway that has run."""

import json
from pathlib import Path

import httpx2

from tests.support.commands import otto_gateway
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.job_logs import messages, sqlite
from tests.support.worker import publish

TOKEN = "ghp_" + "aB3" * 12
KEY = ["-----BEGIN RSA PRIVATE KEY-----", "MIIEvQIBADANBgkqhkiG9w0", "-----END RSA PRIVATE KEY-----"]
LINES = [*(f"line {number}" for number in range(50)), f"remote: {TOKEN} is used", *KEY, "done"]
MASKED = [*LINES[:50], "remote: *** is used", KEY[0], "***", KEY[2], "done"]
REMARK = "secrets were masked in lines 51 to 53 that were stored before: 1 github-token, 1 private-key"


async def shown(gateway: GatewayProcess) -> tuple[list[str], str | None]:
    """The messages of the task, and how it has ended."""
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        log = (await http.get("/api/v1/log-streaming/logs/build?after=0&limit=1000")).json()
        tasks = (await http.get("/api/v1/log-streaming/tasks")).json()["tasks"]
    (status,) = (task["status"] for task in tasks if task["taskId"] == "build")
    return [entry["message"] for entry in log["entries"]], status


async def test_old_lines_are_found_and_masked_in_the_journal_and_in_the_table(tmp_path: Path) -> None:
    """Their chunks and rows are right afterwards, and a line tells readers; a task that has ended stays so."""
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", LINES, end=True)
        _, ended = await shown(gateway)
        code, _, stderr = await otto_gateway(gateway.database, "scan", "--rewrite")
        assert (code, "stop it first" in stderr) == (2, True)
        code, stdout, _ = await otto_gateway(gateway.database, "scan")
        assert code == 1
        assert await gateway.stop() == 0
        sqlite(gateway.database, f"INSERT INTO job_logs (job_id, log_message) VALUES ('other', 'x {TOKEN}')")

        code, stdout, _ = await otto_gateway(gateway.database, "scan", "--json")
        report = json.loads(stdout)
        assert (code, TOKEN in stdout) == (1, False)
        assert [(each["sequence"], each["rules"]) for each in report["found"]] == [
            (51, {"github-token": 1}),
            (53, {"private-key": 1}),
        ]
        code, stdout, _ = await otto_gateway(gateway.database, "scan", "--rewrite")
        assert (code, "2 secrets masked in 2 of 55 lines, 1 tasks" in stdout) == (0, True), stdout
        for name in ("scan", "verify"):
            code, stdout, _ = await otto_gateway(gateway.database, name)
            assert code == 0, stdout
        for file in tmp_path.glob("otto.db*"):
            assert TOKEN.encode() not in file.read_bytes()

        await gateway.start()
        lines, status = await shown(gateway)
        assert (lines, status) == ([*MASKED, REMARK], ended)
        rows = messages(gateway.database, "build")
        assert [row for row in rows if "***" in row] == [row for row in rows if "remote:" in row or row.endswith("***")]
        assert messages(gateway.database, "other") == ["x ***"]


async def test_a_rule_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With the names of those that are."""
    code, _, stderr = await otto_gateway(tmp_path / "otto.db", "scan", "--rule", "nothing")
    assert (code, "github-token" in stderr) == (2, True)
