"""Gateways are killed while rules fire: incidents are those of a plain recount, and nobody misses a notification.

``make alert-faults`` kills 30 times; ``ALERT_KILLS`` and ``ALERT_SEED`` repeat a run.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest
from otto_logs import LogProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from components.alerts.templates import template_of
from tests.support.gateway_process import GatewayProcess
from tests.support.http_server import serve
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import attempts

KILLS = int(os.environ.get("ALERT_KILLS", "2"))
SEED = int(os.environ.get("ALERT_SEED", "1"))
TASKS_PER_KILL = 3
"""So that 30 kills have fewer tasks than a rule may have open incidents, should one turn take them all."""
FAILED_MAX = 40
"""Incidents of tasks that fail stay open, and a rule has at most 100 of them."""
RULES = """
defaults: {notify: [team], cooldown: 1h, resolve_after: 7d, notifications_per_hour: 100000}
rules:
  - {name: oom, filter: {keywords: [OutOfMemory]}, tasks: 'build-*'}
  - {name: together, filter: {keywords: [broken]}, group: rule}
  - {name: often, when: count, count: 5, within: 7d, filter: {keywords: [slow]}}
  - {name: red, when: failed}
"""
MESSAGES = (
    "fine",
    "fine too",
    "OutOfMemory at 0x{n:08x}",
    "pipe {n} is broken",
    "slow answer",
    "slow, and OutOfMemory",
)
Counted = Counter[tuple[str, str, str]]
"""Lines of incidents, by rule, key and template."""


class Receiver:
    """A target that takes its time: every event that it was sent, with its id."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []

    @property
    def events(self) -> dict[str, dict[str, Any]]:
        """Each once, as a receiver has it that knows ids."""
        return dict(self.taken)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async def hook(request: Request) -> Response:
            self.taken.append((request.headers["webhook-id"], await request.json()))
            await asyncio.sleep(0.02)  # a kill may come between the taking and the answer
            return Response(status_code=204)

        async with serve(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as url:
            yield f"{url}/hook"


class Written:
    """What producers write until ``is_over``, and what it makes of incidents."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.lines: dict[str, list[str]] = {}
        self.failed: set[str] = set()
        self.is_over = False
        self.tasks_max = TASKS_PER_KILL

    async def write(self, address: str, number: int) -> None:
        async with LogProducer(address) as producer:
            while not self.is_over:
                if len(self.lines) >= self.tasks_max:  # however long a gateway takes to start
                    await asyncio.sleep(0.02)
                    continue
                task_id = f"{self._random.choice(('build', 'test', 'test', 'test'))}-{number}"
                lines = self.lines[task_id] = []
                for _ in range(self._random.randint(5, 40)):
                    text = self._random.choice(MESSAGES).format(n=self._random.randrange(10**6))
                    await producer.log(task_id, "worker-1", text)
                    lines.append(text)
                    await asyncio.sleep(0.002)
                if has_failed := len(self.failed) < FAILED_MAX and self._random.random() < 0.3:
                    self.failed.add(task_id)
                await producer.end_task(task_id, failed=has_failed)
                number += 2
            await producer.flush()

    def incidents(self) -> Counted:
        found = Counted()
        for task_id, lines in self.lines.items():
            slow = sum("slow" in text for text in lines)
            found["often", task_id, ""] = slow if slow >= 5 else 0
            found["red", f"{task_id.partition('-')[0]}-*", ""] += task_id in self.failed
            for text in lines:
                found["oom", task_id, template_of(text)] += "OutOfMemory" in text and task_id.startswith("build-")
                found["together", "*", template_of(text)] += "broken" in text
        return +found


async def all_incidents(gateway: GatewayProcess) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query = {"limit": "200"}
    async with httpx2.AsyncClient(base_url=gateway.url) as client:
        while True:
            page = (await client.get("/api/v1/alerts/incidents", params=query)).json()
            found += page["incidents"]
            if page["next"] is None:
                return found
            query["cursor"] = page["next"]


async def check(gateway: GatewayProcess, receiver: Receiver, written: Written) -> None:
    """What is stored in the end is what a plain recount finds, and the target has each notification of it."""
    expected, counted, ids = written.incidents(), Counted(), set[str]()
    found: list[dict[str, Any]] = []
    async for _ in attempts("everything is evaluated and sent", shown=lambda: (expected - counted, counted - expected)):
        found = await all_incidents(gateway)
        counted.clear()
        for each in found:
            counted[each["rule"], each["key"], each["template"]] += each["count"]
        ids = {f"{each['id']}-{number}-team" for each in found for number in range(1, each["notifications"] + 1)}
        if counted == expected and ids <= receiver.events.keys():
            break
    assert ids == receiver.events.keys()
    opened = Counter(each["incident"]["id"] for each in receiver.events.values() if each["type"] == "incident.opened")
    assert opened == Counter(each["id"] for each in found)
    print(
        f"ALERT_SEED={SEED} {KILLS} kills, {sum(map(len, written.lines.values())):,} lines, {len(found)} incidents, "
        f"{len(ids)} notifications, of which {len(receiver.taken) - len(ids)} came twice"
    )


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.servers)])
async def test_kills_lose_and_double_nothing(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """Whichever of the gateways evaluates, and whenever it is killed: the next one continues where it was."""
    random, receiver = Random(SEED), Receiver()
    written = Written(random)
    settings = {"ALERT_RULES": str(tmp_path / "rules.yaml"), "ALERT_TARGETS": str(tmp_path / "targets.yaml")}
    names = ("a",)
    if kind == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        url = await server.add_schema()
        settings |= {"DATABASE_URL": url, "POLLING_DATABASE_URL": url}
        names = ("a", "b")
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(receiver.serving())
        (tmp_path / "rules.yaml").write_text(RULES)
        (tmp_path / "targets.yaml").write_text(f"targets: {{team: {{webhook: '{url}', allow_private: true}}}}")
        gateways = [GatewayProcess(tmp_path / name, **settings) for name in names]
        for gateway in gateways:
            stack.callback(gateway.kill)
            await gateway.start()
        writers = [asyncio.create_task(written.write(each.grpc_address, at)) for at, each in enumerate(gateways)]
        for number in range(KILLS):
            await asyncio.sleep(random.uniform(0.2, 1.0))
            written.tasks_max += TASKS_PER_KILL
            gateway = gateways[number % len(gateways)]
            gateway.kill()
            await gateway.start()
        written.is_over = True
        await asyncio.gather(*writers)
        await check(gateways[0], receiver, written)
