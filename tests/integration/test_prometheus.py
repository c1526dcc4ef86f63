"""Debian's Prometheus scrapes the gateway and answers a query."""

from pathlib import Path

import httpx2
import pytest

from tests.support.gateway_process import running_gateway
from tests.support.ports import free_port
from tests.support.programs import program, running_program
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = pytest.mark.servers

CONFIGURATION = """
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: otto-gateway
    static_configs: [{{targets: ["{target}"]}}]
"""


async def query(client: httpx2.AsyncClient, expression: str, wanted: float) -> None:
    """Return once the query's only result has the wanted value."""
    async for _ in attempts(f"{expression} is {wanted}"):
        answer = await client.get("/api/v1/query", params={"query": expression})
        results = answer.json().get("data", {}).get("result", [])
        if [float(result["value"][1]) for result in results] == [wanted]:
            return


async def test_prometheus_counts_the_lines_that_came_in(tmp_path: Path) -> None:
    """PromQL over the gateway's metrics gives the number of lines that were published."""
    port = free_port()
    configuration = tmp_path / "prometheus.yml"
    prometheus = [
        program("prometheus"),
        f"--config.file={configuration}",
        f"--storage.tsdb.path={tmp_path / 'series'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    async with running_gateway(tmp_path / "gateway") as gateway:
        configuration.write_text(CONFIGURATION.format(target=f"{gateway.host}:{gateway.http_port}"))
        async with (
            running_program(prometheus, tmp_path, ready_url=f"http://127.0.0.1:{port}/-/ready"),
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            await query(client, 'up{job="otto-gateway"}', 1)
            await publish(gateway.grpc_address, "build", ["a line"] * 123)
            await query(client, "sum(otto_lines_received_total)", 123)
