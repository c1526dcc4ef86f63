"""nghttp2's load generator against the gRPC port."""

import asyncio
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway_process import running_gateway
from tests.support.programs import program


@pytest.mark.servers
async def test_h2load_finds_nothing_wrong(tmp_path: Path) -> None:
    """nghttp2's client, with several connections and calls on each: every call is answered."""
    h2load = program("h2load")
    message = tmp_path / "message"
    message.write_bytes(bytes(5))  # an empty request
    async with running_gateway(tmp_path / "gateway") as gateway:
        url = f"http://{gateway.grpc_address}/grpc.health.v1.Health/Check"
        options = ["-n", "400", "-c", "4", "-m", "10", "-d", str(message), "-H", "content-type: application/grpc"]
        done = await asyncio.create_subprocess_exec(h2load, *options, url, stdout=subprocess.PIPE)
        output = (await done.communicate())[0].decode()
    assert "400 done, 400 succeeded, 0 failed, 0 errored, 0 timeout" in output, output
