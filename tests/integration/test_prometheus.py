"""Debian's Prometheus scrapes the gateway and answers a query; its linter and the reference parser read the metrics.

``PROMETHEUS_SCRAPES`` (default 2) is how often it scrapes at least, once a second; `make prometheus` takes a minute.
"""

import asyncio
import os
import subprocess
from pathlib import Path

import httpx2
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.support.gateway_process import running_gateway
from tests.support.ports import free_port
from tests.support.programs import program, running_program
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = pytest.mark.servers
SCRAPES = int(os.environ.get("PROMETHEUS_SCRAPES", "2"))

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
        if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            continue  # it is ready a moment before it has its series
        results = answer.json().get("data", {}).get("result", [])
        if [float(result["value"][1]) for result in results] == [wanted]:
            return


async def test_prometheus_counts_the_lines_that_came_in(tmp_path: Path) -> None:
    """PromQL over the gateway's metrics gives the number of lines that were published; the log has no complaint."""
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
            running_program(prometheus, tmp_path, ready_url=f"http://127.0.0.1:{port}/-/ready") as log,
            httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
        ):
            await query(client, 'up{job="otto-gateway"}', 1)
            for scrape in range(SCRAPES):
                await publish(gateway.grpc_address, f"build-{scrape}", ["a line"] * 123)
                await query(client, "sum(otto_lines_received_total)", 123 * (scrape + 1))
            await query(client, 'min_over_time(up{job="otto-gateway"}[1h])', 1)
            await query(client, "scrape_samples_scraped - scrape_samples_post_metric_relabeling", 0)
            lines = log.read_text().splitlines()
            assert [line for line in lines if "level=warn" in line or "level=error" in line] == []


async def test_the_linter_and_the_reference_parser_find_nothing(tmp_path: Path) -> None:
    """``promtool check metrics``, and OpenMetrics as its own parser reads it, which is strict."""
    async with running_gateway(tmp_path) as gateway, httpx2.AsyncClient(base_url=gateway.url) as client:
        await publish(gateway.grpc_address, "build", ["a line"] * 3)
        text = await client.get("/metrics")
        linter = Path(program("prometheus")).with_name("promtool")
        done = await asyncio.to_thread(
            subprocess.run, [linter, "check", "metrics"], input=text.content, capture_output=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
        families = list(text_string_to_metric_families((await client.get("/metrics", headers=accept)).text))
        assert "otto_lines_received" in {family.name for family in families}
