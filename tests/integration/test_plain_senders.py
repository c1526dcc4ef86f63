"""``curl``, as the documentation has it: a build's output without any client."""

import asyncio
import subprocess
from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_log import trouble
from tests.support.gateway_process import running_gateway
from tests.support.programs import program
from tests.support.signed_tokens import SECRET, make_token
from tests.support.waiting import attempts

TOKEN = make_token(scopes=("logs:write", "logs:read"))
AUTHORIZATION = {"Authorization": f"Bearer {TOKEN}"}

pytestmark = pytest.mark.slow


async def test_curl_streams_a_build(tmp_path: Path) -> None:
    """Lines are there while the build runs, and after its end curl prints how many are stored."""
    async with running_gateway(tmp_path, JWT_SECRET=SECRET, REQUEST_SECONDS_MAX="0.2") as gateway:
        url = f"{gateway.url}/api/v1/ingest/build-7"
        curl = subprocess.Popen(
            [program("curl"), "-sS", "--fail-with-body", "-T", "-", "-H", f"Authorization: Bearer {TOKEN}", url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert curl.stdin is not None
        async with httpx2.AsyncClient(base_url=gateway.url, headers=AUTHORIZATION) as http:
            for number in range(3):
                curl.stdin.write(b"step %d\n" % number)
                curl.stdin.flush()
                async for _ in attempts("the line is stored while curl waits for the next"):
                    page = (await http.get("/api/v1/log-streaming/logs/build-7")).json()
                    if [entry["message"] for entry in page.get("entries", [])] == [
                        f"step {n}" for n in range(number + 1)
                    ]:
                        break
                await asyncio.sleep(0.1)
        answer, _ = await asyncio.to_thread(curl.communicate)
        assert (curl.returncode, b'"lines":3' in answer) == (0, True)
        assert trouble(gateway.log()) == []
