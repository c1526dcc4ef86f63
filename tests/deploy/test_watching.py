"""The rules and the dashboard in ``deploy/``: tested by Prometheus' own tools, and answered by a real one."""

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import generate_latest

from canary.exporter import CanaryCollector
from canary.runner import CanaryState
from tests.support.gateway_process import running_gateway
from tests.support.ports import free_port
from tests.support.programs import node_directory, program, running_program
from tests.support.waiting import attempts
from tests.support.worker import publish

pytestmark = pytest.mark.servers
DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "otto-gateway.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
EXPRESSIONS = [target["expr"] for panel in PANELS for target in panel["targets"]]
ELSEWHERE = {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"}
SHARED_JOURNAL = {f"otto_journal_{name}" for name in ("lane_lag", "listening", "relayed", "standbys", "synchronous")}
"""Metrics of a journal on PostgreSQL."""


def names(text: str) -> set[str]:
    return {re.sub("_bucket$", "", name) for name in re.findall(r"\b(?:otto|process)_\w+|\bup\b|\bALERTS\b", text)}


def test_rules_do_what_their_tests_say() -> None:
    """``promtool test rules``: what fires when, what does not, and what is recorded."""
    promtool = Path(program("prometheus")).with_name("promtool")
    for arguments in (["check", "rules", RULES], ["test", "rules", RULES.with_name("tests.yml")]):
        done = subprocess.run([promtool, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "SUCCESS" in done.stdout


def test_every_alert_has_a_test_and_a_text() -> None:
    """A rule that nothing tests may never fire; one without a text says nothing at night."""
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    tests = RULES.with_name("tests.yml").read_text()
    assert [alert for alert in alerts if f'"{alert}"' not in tests and f"alertname: {alert}\n" not in tests] == []
    assert len(alerts) == RULES.read_text().count("summary:") == RULES.read_text().count("description:")


def test_panels_have_places_and_names_of_their_own() -> None:
    """Ids are unique, panels lie side by side within 24 columns, and each has a data source and a unit."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    for panel in PANELS:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert panel["fieldConfig"]["defaults"]["unit"]


async def test_every_query_is_answered_by_a_real_prometheus(tmp_path: Path) -> None:
    """None has an error, every metric that one names is the gateway's, and the rules load without a complaint."""
    port = free_port()
    configuration = tmp_path / "prometheus.yml"
    alerts = tmp_path / "alerts.yaml"
    alerts.write_text("rules: [{name: a-line, filter: {keywords: [line]}}]")
    async with running_gateway(tmp_path / "gateway", AUTOMATION_ENABLED="true", ALERT_RULES=str(alerts)) as gateway:
        target = f"{gateway.host}:{gateway.http_port}"
        configuration.write_text(
            f"global: {{scrape_interval: 1s}}\nrule_files: ['{RULES}']\nscrape_configs:\n"
            f"  - {{job_name: otto-gateway, static_configs: [{{targets: ['{target}']}}]}}\n"
        )
        command = [program("prometheus"), f"--config.file={configuration}"]
        command += [f"--storage.tsdb.path={tmp_path / 'series'}", f"--web.listen-address=127.0.0.1:{port}"]
        url = f"http://127.0.0.1:{port}"
        async with running_program(command, tmp_path, ready_url=f"{url}/-/ready"), httpx2.AsyncClient() as client:
            await publish(gateway.grpc_address, "build", ["a line"] * 3)
            metrics = (await client.get(f"{gateway.url}/metrics")).text
            metrics += generate_latest(CanaryCollector(CanaryState({}))).decode()
            known = set(re.findall(r"^# TYPE (\w+)", metrics, re.MULTILINE)) | ELSEWHERE | SHARED_JOURNAL
            assert names(" ".join(EXPRESSIONS) + re.sub(r"otto:\S+", "", RULES.read_text())) <= known
            async for _ in attempts("the first scrape is there"):
                answer = await client.get(f"{url}/api/v1/query", params={"query": "otto_build_info"})
                if answer.status_code == 200 and answer.json()["data"]["result"]:
                    break
            answers = await asyncio.gather(*(ask(client, url, expression) for expression in EXPRESSIONS))
            assert [answer for answer in answers if answer["status"] != "success"] == []
            rules = (await client.get(f"{url}/api/v1/rules")).json()["data"]["groups"]
            assert [rule["lastError"] for group in rules for rule in group["rules"] if rule.get("lastError")] == []


async def ask(client: httpx2.AsyncClient, url: str, expression: str) -> Any:
    filled = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
    return (await client.get(f"{url}/api/v1/query", params={"query": filled})).json() | {"expression": filled}


@pytest.mark.node
def test_the_dashboard_is_what_grafana_reads(tmp_path: Path) -> None:
    """As a value of the type that Grafana publishes: no field is missing, misspelt or of another type."""
    source = tmp_path / "dashboard.ts"
    text = "import type { Dashboard } from '@grafana/schema'\nexport const dashboard: Dashboard = "
    source.write_text(text + json.dumps(DASHBOARD))
    (tmp_path / "package.json").write_text('{"type": "module"}')
    modules = node_directory() / "node_modules"
    (tmp_path / "node_modules").symlink_to(modules)
    options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext"]
    command = [modules / ".bin" / "tsc", *options, source]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
