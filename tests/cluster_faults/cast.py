"""Everybody who takes part in a run: three gateways on two servers, Redis, a load balancer, producers and readers."""

import asyncio
import itertools
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.cluster_faults.plan import Plan
from tests.faults.poller import Poller
from tests.faults.producers import Worker
from tests.support.gateway_process import GatewayProcess
from tests.support.nginx import nginx_command
from tests.support.ports import free_port
from tests.support.postgres_server import PostgresServer
from tests.support.programs import running_program
from tests.support.redis_server import RedisServer
from tests.support.rough_proxy import RoughProxy
from tests.support.subscribers import FILTERS, Crowd, Received, Subscriber
from tests.support.worker import publish

__all__ = ["TASK", "Arrivals", "Cast", "Member"]

TASK: Final = "build"
GATEWAYS: Final = 3
OBSERVERS: Final = 3
CUT_LINES_MAX: Final = 300
"""Readers are cut off somewhere before they have been given so many lines."""
SETTLE_SECONDS_MAX: Final = 300.0
SILENCE_SECONDS_MAX: Final = 4.0

BALANCER = """
    map $http_upgrade $connection_upgrade {{ default upgrade; "" ""; }}
    upstream http_gateways {{ {http} }}
    upstream grpc_gateways {{ {grpc} }}
    proxy_connect_timeout 1s;
    proxy_read_timeout 5s;
    grpc_connect_timeout 1s;
    grpc_read_timeout 3600s;
    grpc_send_timeout 3600s;
    server {{
        listen 127.0.0.1:{http_port};
        location / {{
            proxy_pass http://http_gateways;
            proxy_http_version 1.1;
            proxy_set_header Host $http_host;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
            proxy_buffering off;
            proxy_next_upstream error timeout http_503;
            error_page 502 504 =503 @away;
        }}
        location @away {{ return 503; }}
    }}
    server {{
        listen 127.0.0.1:{grpc_port} http2;
        client_max_body_size 0;
        location / {{ grpc_pass grpc://grpc_gateways; }}
    }}
"""


class Arrivals(list[Received]):
    """Lines with the moment at which each came."""

    def __init__(self) -> None:
        super().__init__()
        self.at: list[float] = []

    def append(self, line: Received) -> None:
        self.at.append(time.monotonic())
        super().append(line)


@dataclass(frozen=True)
class Member:
    """A gateway, and the network between it and each of the two servers."""

    gateway: GatewayProcess
    network: tuple[RoughProxy, RoughProxy]


@dataclass(frozen=True)
class _Balancer:
    http_port: int
    grpc_port: int

    @property
    def websocket_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    def stream_url(self, task_id: str, query: str = "") -> str:
        base = f"{self.websocket_url}/api/v1/log-streaming/logs/{task_id}/stream"
        return f"{base}?{query}" if query else base


@dataclass
class Cast:
    """A run's cast; ``primary`` and ``standby`` change places.

    Attributes:
        done: how often each deed was done.
        moments: when each deed began.
        findings: what should not have been, in sentences.
    """

    plan: Plan
    chance: random.Random
    directory: Path
    primary: PostgresServer
    standby: PostgresServer
    redis: RedisServer
    members: list[Member]
    balancer: _Balancer
    workers: list[Worker]
    crowd: Crowd
    observers: list[Subscriber]
    poller: Poller
    done: Counter[str] = field(default_factory=Counter)
    moments: list[tuple[str, float]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @classmethod
    async def enter(cls, stack: AsyncExitStack, plan: Plan, seed: int, directory: Path) -> "Cast":
        """Set the scene; everything is gone with the stack."""
        chance = random.Random(f"cluster {seed}")
        primary, standby = await _servers(stack)
        redis = RedisServer(directory)
        stack.callback(redis.kill)
        redis.start()
        names = ("a", "b", "c")[:GATEWAYS]
        members = [await _member(stack, directory / name, redis.url, plan.lanes, primary, standby) for name in names]
        await asyncio.gather(*(member.gateway.start() for member in members))
        balancer = _Balancer(free_port(), free_port())
        configuration = BALANCER.format(
            http=" ".join(f"server 127.0.0.1:{m.gateway.http_port} fail_timeout=1s;" for m in members),
            grpc=" ".join(f"server {m.gateway.grpc_address} fail_timeout=1s;" for m in members),
            http_port=balancer.http_port,
            grpc_port=balancer.grpc_port,
        )
        folder = directory / "nginx"
        folder.mkdir()
        await stack.enter_async_context(
            running_program(
                nginx_command(folder, configuration),
                folder,
                ready_url=f"{balancer.websocket_url}/api/v1/log-streaming/health",
            )
        )
        workers = [
            Worker(wire, f"worker-{n}", TASK, f"127.0.0.1:{balancer.grpc_port}", directory, plan.lines_a_second, {})
            for n, wire in enumerate(plan.workers, 1)
        ]
        for worker in workers:
            stack.push_async_callback(worker.kill)
        observers = [Subscriber("sse", {}, [], lines=Arrivals()) for _ in range(OBSERVERS)]
        readers = [
            Subscriber(kind, wanted, sorted(chance.sample(range(1, CUT_LINES_MAX), plan.cuts)))
            for kind in ("sse", "socketio")
            for wanted in itertools.islice(itertools.cycle(FILTERS), plan.readers)
        ]
        crowd = Crowd([*observers, *readers], SILENCE_SECONDS_MAX)
        poller = Poller(balancer.websocket_url, TASK)
        return cls(
            plan, chance, directory, primary, standby, redis, members, balancer, workers, crowd, observers, poller
        )

    def say(self, text: str) -> None:
        """Write it into the log of events."""
        with (self.directory / "events.log").open("a") as log:
            log.write(f"{time.monotonic():.3f} {text}\n")

    def follow(self) -> "asyncio.Task[None]":
        """Let all readers listen until the task is complete."""
        return asyncio.create_task(self.crowd.follow(self.balancer, TASK, self.directory, asyncio.Event()))

    async def settle(self, following: "asyncio.Task[None]") -> None:
        """Let everybody finish, and stop the gateways."""
        for each in await asyncio.gather(*(worker.finish() for worker in self.workers), return_exceptions=True):
            if isinstance(each, BaseException):
                self.findings.append(str(each))
        self.say("all lines acknowledged")
        await publish(self.members[0].gateway.grpc_address, TASK, [], end=True)
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await asyncio.shield(following)
                self.say("all readers complete")
                lines = f"SELECT last_sequence FROM journal_tasks WHERE task_id = '{TASK}'"
                while len(self.poller.rows) < await self.primary.value(lines):
                    await asyncio.sleep(0.1)
        except TimeoutError:
            self.findings.append("not every reader was given the end of the task, or not every line has its row")
        for member in self.members:
            if code := await member.gateway.stop():
                self.findings.append(f"the last stop of {member.gateway} ended with {code}")


async def _servers(stack: AsyncExitStack) -> tuple[PostgresServer, PostgresServer]:
    primary = PostgresServer()
    stack.callback(primary.close)
    primary.start()
    primary.wait_ready()
    standby = PostgresServer(primary=primary)
    stack.callback(standby.close)
    standby.start()
    await primary.wait_for_standby()
    return primary, standby


async def _member(
    stack: AsyncExitStack, directory: Path, redis_url: str, lanes: int, *servers: PostgresServer
) -> Member:
    first, second = [await stack.enter_async_context(RoughProxy(server.port)) for server in servers]
    gateway = GatewayProcess(
        directory,
        DATABASE_URL=f"postgresql://otto@{first.address},{second.address}/postgres",
        REDIS_URL=redis_url,
        JOURNAL_LANES=str(lanes),
        HEARTBEAT_INTERVAL_SECONDS="1",
        SHUTDOWN_GRACE_SECONDS="3",
        LOG_FORMAT="json",
    )
    stack.callback(gateway.kill)
    return Member(gateway, (first, second))
