"""nginx in front, with HTTP/2 and TLS, as ``docs/operations.md`` shows it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.nginx import nginx_command
from tests.support.ports import free_port
from tests.support.programs import program, running_program
from tests.support.waiting import time_limit
from tests.support.worker import publish

pytestmark = pytest.mark.servers

CONFIGURATION = """
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {directory}/certificate.pem;
        ssl_certificate_key {directory}/key.pem;
        location / {{
            proxy_pass http://{gateway};
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Connection $connection_upgrade;
            proxy_set_header Upgrade $http_upgrade;
            proxy_read_timeout 1h;
        }}
    }}
"""


@asynccontextmanager
async def proxy_before(gateway: GatewayProcess, directory: Path) -> AsyncIterator[str]:
    """Start nginx with a certificate of its own; its address."""
    port = free_port()
    certificate = ["-keyout", "key.pem", "-out", "certificate.pem", "-subj", "/CN=localhost", "-days", "1", "-nodes"]
    subprocess.run(
        [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", *certificate],
        cwd=directory,
        check=True,
        capture_output=True,
    )
    target = f"{gateway.host}:{gateway.http_port}"
    command = nginx_command(directory, CONFIGURATION.format(directory=directory, port=port, gateway=target))
    url = f"https://127.0.0.1:{port}"
    async with running_program(command, directory, ready_url=f"{url}/api/v1/log-streaming/health"):
        yield url


async def test_lines_pass_through_at_once_over_http2(tmp_path: Path) -> None:
    """A line is seen behind nginx while the stream is open; nothing waits in its buffers."""
    curl = program("curl")
    async with running_gateway(tmp_path / "gateway") as gateway, proxy_before(gateway, tmp_path) as url:
        path = gateway.stream_url("build").removeprefix(gateway.url)
        options = ["--http2", "--insecure", "--no-buffer", "--silent", "--show-error", "--include"]
        client = await asyncio.create_subprocess_exec(curl, *options, f"{url}{path}", stdout=subprocess.PIPE)
        assert client.stdout is not None
        try:
            assert (await client.stdout.readline()).startswith(b"HTTP/2 200")
            for number in range(1, 4):
                await publish(gateway.grpc_address, "build", [f"live line {number}"])
                async with time_limit("the line passes at once"):
                    while f"live line {number}".encode() not in await client.stdout.readline():
                        pass
        finally:
            client.kill()
            await client.wait()


async def test_more_than_six_streams_share_one_connection(tmp_path: Path) -> None:
    """Over HTTP/2 a browser's limit of six connections does not stop the seventh stream."""
    node = program("node")
    script = """
        const http2 = require("node:http2");
        const [url, path] = process.argv.slice(1);
        const session = http2.connect(url, { rejectUnauthorized: false });
        let waiting = 10;
        for (let i = 0; i < 10; i++) {
          let text = "";
          const stream = session.request({ ":path": path, accept: "text/event-stream" });
          stream.on("data", data => {
            text += data;
            if (text.includes("seen by all") && stream.close() === undefined && --waiting === 0) session.close();
          });
        }
    """
    async with running_gateway(tmp_path / "gateway") as gateway, proxy_before(gateway, tmp_path) as url:
        path = gateway.stream_url("build").removeprefix(gateway.url)
        client = await asyncio.create_subprocess_exec(node, "-e", script, url, path)
        await publish(gateway.grpc_address, "build", ["seen by all"])
        async with time_limit("all ten have seen it"):
            assert await client.wait() == 0
