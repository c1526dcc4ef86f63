"""What Prometheus reads."""

from contextlib import AsyncExitStack
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import Gateway
from gateway.settings.model import Settings
from storage.journal.sqlite import SqliteJournal
from tests.support.journal_items import batch, report
from tests.support.worker import publish

SPECIFIED = {
    "otto_active_connections",
    "otto_lines_received",
    "otto_bytes_received",
    "otto_lines_delivered",
    "otto_bytes_delivered",
    "otto_deliveries",
    "otto_delivery_latency_seconds",
    "otto_commit_latency_seconds",
    "otto_errors",
    "otto_lagging_sessions",
    "otto_catch_ups",
    "otto_lines_waiting_for_storage",
    "otto_refused_connections",
    "process_resident_memory_bytes",
}
LABELS = {"transport", "dialect", "rule", "kind", "limit", "reason", "le", "version", "generation"}


async def scrape(http: httpx2.AsyncClient) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by the sample's name and its labels' values."""
    values: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families((await http.get("/metrics")).text):
        values.setdefault(family.name, {})
        for sample in family.samples:
            assert set(sample.labels) <= LABELS, sample
            values.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return values


async def test_every_specified_metric_is_there(http: httpx2.AsyncClient) -> None:
    """And no label could have the name of a task, worker or user."""
    assert (await scrape(http)).keys() >= SPECIFIED


async def test_a_line_is_counted_on_its_whole_way(gateway: Gateway, http: httpx2.AsyncClient) -> None:
    """Received, committed, stored, delivered, with its latencies."""
    async with http.stream("GET", "/api/v1/log-streaming/logs/t/stream") as stream:
        chunks = stream.aiter_raw()
        await anext(chunks)
        await publish(f"127.0.0.1:{gateway.ports[-1]}", "t", ["one", "two"])
        await anext(chunks)
        values = await scrape(http)
    assert values["otto_lines_received_total"]["native",] == 2
    assert values["otto_lines_stored_total"][()] == 2
    assert values["otto_lines_delivered_total"]["sse",] == 2
    assert values["otto_active_connections"]["sse",] == 1
    for name in ("commit", "storage", "delivery"):
        assert values[f"otto_{name}_latency_seconds_count"][()] >= 1
    assert values["process_resident_memory_bytes"][()] > 0


@pytest.fixture
async def half_removed(settings: Settings) -> None:
    """A task ``t`` that has ended after two lines, of which retention has taken the first."""
    journal = await SqliteJournal.open(Path(settings.database_url.removeprefix("sqlite:///")))
    for item in (batch("one", task="t"), batch("two", task="t"), report("COMPLETED", task="t")):
        await journal.append(item)
    while (await journal.remove_through("t", 1, copied=journal.newest_record)).lines:
        pass
    await journal.close()


@pytest.mark.usefixtures("half_removed")
async def test_catch_ups_and_gaps_are_counted(http: httpx2.AsyncClient) -> None:
    """A read for each subscriber that begins with stored lines, a gap for each that asks for lines that are gone."""
    before = await scrape(http)
    assert (before["otto_catch_ups_total"][()], before["otto_gaps_total"][()]) == (0, 0)
    for number in (1, 2):
        assert "event: gap" in (await http.get("/api/v1/log-streaming/logs/t/stream")).text
        values = await scrape(http)
        assert (values["otto_catch_ups_total"][()], values["otto_gaps_total"][()]) == (number, number)
    assert "event: gap" not in (await http.get("/api/v1/log-streaming/logs/t/stream?after=1")).text
    values = await scrape(http)
    assert (values["otto_catch_ups_total"][()], values["otto_gaps_total"][()]) == (3, 2)


@pytest.mark.parametrize("connections", [1, 2])
async def test_streams_that_are_refused_are_counted(settings: Settings, connections: int) -> None:
    """Each one beyond ``MAX_CONNECTIONS``, and none before."""
    gateway = await Gateway.start(settings.model_copy(update={"max_connections": connections}))
    url = f"http://127.0.0.1:{gateway.ports[0]}"
    stream = "/api/v1/log-streaming/logs/t/stream"
    async with httpx2.AsyncClient(base_url=url, timeout=60) as http, AsyncExitStack() as streams:
        bodies = []
        for _ in range(connections):
            opened = await streams.enter_async_context(http.stream("GET", stream))
            assert opened.status_code == 200
            bodies.append(opened.aiter_raw())  # a body that nobody holds is closed
            await anext(bodies[-1])
        assert (await scrape(http))["otto_refused_connections_total"][()] == 0
        for refused in (1, 2):
            assert (await http.get(stream)).status_code == 503
            assert (await scrape(http))["otto_refused_connections_total"][()] == refused
    await gateway.stop()


async def test_refusals_are_counted_by_kind(gateway: Gateway, http: httpx2.AsyncClient) -> None:
    """A wrong path and a wrong parameter are two kinds of error."""
    await http.get("/nowhere")
    await http.get("/api/v1/log-streaming/logs/t/stream?level=LOUD")
    errors = (await scrape(http))["otto_errors_total"]
    assert errors["http_not_found",] == 1
    assert errors["http_invalid_argument",] == 1


async def test_open_metrics_is_offered(http: httpx2.AsyncClient) -> None:
    """Prometheus asks for OpenMetrics, and gets it."""
    answer = await http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


async def test_records_of_executions_are_counted(http: httpx2.AsyncClient) -> None:
    """What was stored and told, and that it can be."""
    summary = {"total_executions": 1, "failed_count": 0}
    assert (await http.post("/api/dashboard/execution-summary", json=summary)).is_success
    values = await scrape(http)
    assert values["otto_execution_reports_total"][()] >= 1
    assert values["otto_execution_up"][()] == 1
    assert values["otto_execution_waiting"][()] == 0
    assert values["otto_updates_raised_total"][()] == 1
