"""The health pages."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from gateway.auth import TokenAuthenticator
from gateway.monitoring.health import Health, Phase
from gateway.monitoring.health_routes import health_routes
from gateway.monitoring.summary_stats import SummaryStats, Totals
from storage.errors import StorageUnavailableError
from storage.journal.interface import TaskState
from storage.journal.statistics import JournalStatistics
from storage.polling import SinkStatistics

PAGE = "/api/v1/log-streaming/health"


@dataclass
class Store:
    """A journal, or a sink, whose troubles a test chooses."""

    statistics: JournalStatistics | SinkStatistics = field(default_factory=JournalStatistics)
    read_error: str = ""
    reads: int = 0
    problem: str | None = None

    async def task_state(self, task_id: str) -> TaskState:
        self.reads += 1
        if self.read_error:
            raise StorageUnavailableError(self.read_error)
        return TaskState(task_id)


def health_of(journal: Store, sink: Store | None = None, now: list[float] | None = None) -> Health:
    clock = now if now is not None else [0.0]
    health = Health(journal, sink or Store(SinkStatistics()), Store(), clock=lambda: clock[0])  # type: ignore[arg-type]
    health.phase = Phase.SERVING
    return health


@pytest.mark.parametrize(
    "journal", [Store(JournalStatistics(error="the disk is full")), Store(read_error="the disk is full")]
)
async def test_a_journal_that_cannot_write_or_read_is_the_reason(journal: Store) -> None:
    """Whatever hinders the journal makes the gateway unhealthy, in the journal's own words."""
    report = await health_of(journal).report()
    assert (report.is_healthy, report.reason) == (False, "the disk is full")


async def test_the_polling_tables_are_shown_and_do_not_matter() -> None:
    """They are behind the live path: lines are taken and served without them."""
    report = await health_of(Store(), Store(SinkStatistics(error="locked"))).report()
    assert report.is_healthy
    assert [each.error for each in report.dependencies] == ["", "locked", ""]


@pytest.mark.parametrize("phase", [Phase.STARTING, Phase.STOPPING])
async def test_a_gateway_is_ready_only_while_it_serves(phase: Phase) -> None:
    """Before and after, whoever routes is asked to go elsewhere."""
    health = health_of(Store())
    health.phase = phase
    assert not (await health.report()).is_healthy


async def test_the_journal_is_asked_once_a_second() -> None:
    """However often the page is asked for by anyone who needs no token."""
    journal, now = Store(), [0.0]
    health = health_of(journal, now=now)
    for _ in range(5):
        await health.report()
    assert journal.reads == 1
    now[0] += 1
    await health.report()
    assert journal.reads == 2


async def test_the_page_has_what_the_specification_names(http: httpx2.AsyncClient) -> None:
    """Status, time, figures, sessions and dependencies."""
    answer = await http.get(PAGE)
    page = answer.json()
    assert (answer.status_code, page["status"], page["activeConnections"]) == (200, "healthy", 0)
    assert page["timestamp"].endswith("Z")
    assert {"messagesPerSecond", "averageLatency", "errorRate", "memoryUsage", "sessions"} <= page.keys()


async def test_sessions_are_on_the_page(http: httpx2.AsyncClient) -> None:
    """An open stream is a session, counted and listed with its lag."""
    async with http.stream("GET", "/api/v1/log-streaming/logs/build/stream") as stream:
        chunks = stream.aiter_raw()
        await anext(chunks)
        page = (await http.get(PAGE)).json()
    assert page["activeConnections"] == 1
    assert page["sessions"][0] | {"sessionId": ""} == {
        "transport": "sse",
        "lag": 0,
        "lagging": False,
        "sessionId": "",
        "taskId": "build",
        "position": 0,
    }


async def test_a_gateway_that_stops_says_so_with_503() -> None:
    """Alive, but not ready."""
    health = health_of(Store())
    health.phase = Phase.STOPPING
    no_sessions: Any = SimpleNamespace(sessions=())
    routes = health_routes(health, SummaryStats(Totals, lambda: 0), no_sessions, TokenAuthenticator())
    transport = httpx2.ASGITransport(Starlette(routes=routes))
    async with httpx2.AsyncClient(transport=transport, base_url="http://gateway") as http:
        answer = await http.get(PAGE)
        assert (answer.status_code, answer.json()["status"]) == (503, "unhealthy")
        assert "shutting down" in answer.json()["reason"]
        assert (await http.get("/healthz/ready")).status_code == 503
        assert (await http.get("/healthz/live")).status_code == 200
