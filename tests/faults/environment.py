"""Everybody who takes part in a run: the gateway, its producers and readers, and the network between them."""

import asyncio
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.plan import Plan
from tests.faults.poller import Poller
from tests.faults.producers import Worker
from tests.faults.stored import Stored
from tests.faults.wall_clock import Clock, Disk, small_disk
from tests.support.gateway_process import GatewayProcess
from tests.support.rough_proxy import RoughProxy
from tests.support.subscribers import FILTERS, Crowd, Subscriber
from tests.support.worker import publish

__all__ = ["TASK", "Environment", "Past", "Victim"]

TASK = "build"
REVIVE_SECONDS_MAX = 60.0
SETTLE_SECONDS_MAX = 300.0
ANSWER_SECONDS_MAX = 30.0
SILENCE_SECONDS_MAX = 4.0


@dataclass(frozen=True)
class Door:
    """The gateway behind proxies."""

    http_port: int
    websocket_port: int

    @property
    def websocket_url(self) -> str:
        return f"http://127.0.0.1:{self.websocket_port}"

    def stream_url(self, task_id: str, query: str = "") -> str:
        base = f"http://127.0.0.1:{self.http_port}/api/v1/log-streaming/logs/{task_id}/stream"
        return f"{base}?{query}" if query else base


@dataclass(frozen=True)
class Past:
    """A life of the database that ended with a backup put back: what it held, and how much of that the backup had."""

    stored: Stored
    kept: int


@dataclass(frozen=True)
class Victim:
    """A task of which a stretch was damaged on the disk."""

    task_id: str
    messages: list[str]
    damaged: range
    """Sequences."""


@dataclass
class Environment:
    """A run's cast.

    Attributes:
        done: how often each fault was done.
        skipped: which faults could not be done, and why.
        findings: what should not have been, in sentences.
        kills: ``time.monotonic()`` of each SIGKILL of the gateway.
        failed_starts: starts of the gateway that ended by themselves, as on a full disk.
    """

    plan: Plan
    deed_chance: random.Random
    weather_chance: random.Random
    directory: Path
    disk: Disk
    clock: Clock
    gateway: GatewayProcess
    proxies: dict[str, RoughProxy]
    workers: list[Worker]
    crowd: Crowd
    observer: Subscriber
    poller: Poller
    done: Counter[str] = field(default_factory=Counter)
    skipped: dict[str, str] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    kills: list[float] = field(default_factory=list)
    failed_starts: int = 0
    pasts: list[Past] = field(default_factory=list)
    victims: list[Victim] = field(default_factory=list)
    disk_use: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by anyone who needs the disk to have room, or to have none."""

    @classmethod
    async def enter(cls, stack: AsyncExitStack, plan: Plan, seed: int, directory: Path) -> "Environment":
        """Set the scene; everything is gone with the stack."""
        disk = stack.enter_context(small_disk(directory / "disk", plan.disk_bytes))
        clock = Clock(directory)
        gateway = GatewayProcess(
            disk.folder,
            HEARTBEAT_INTERVAL_SECONDS="1",
            SHUTDOWN_GRACE_SECONDS="3",
            LOG_FORMAT="json",
            **clock.environment,
        )
        gateway.log_path = directory / "gateway.log"
        stack.callback(gateway.kill)
        ports = {"grpc": gateway.grpc_port, "http": gateway.http_port, "websocket": gateway.websocket_port}
        proxies = {name: await stack.enter_async_context(RoughProxy(port)) for name, port in ports.items()}
        rough = Door(proxies["http"].port, proxies["websocket"].port)
        observer = Subscriber("sse", {}, [], doors=gateway)
        readers = [
            Subscriber(kind, each, [], doors=rough) for kind in ("sse", "socketio") for each in FILTERS[: plan.filters]
        ]
        addresses = {"rough": proxies["grpc"].address, "direct": gateway.grpc_address}
        workers = [
            Worker(wire, f"worker-{number}", TASK, addresses[way], directory, plan.lines_a_second, clock.environment)
            for number, (wire, way) in enumerate((each.split() for each in plan.workers), 1)
        ]
        for worker in workers:
            stack.push_async_callback(worker.kill)
        environment = cls(
            plan,
            random.Random(f"deeds {seed}"),
            random.Random(f"weather {seed}"),
            directory,
            disk,
            clock,
            gateway,
            proxies,
            workers,
            Crowd([observer, *readers], SILENCE_SECONDS_MAX),
            observer,
            Poller(gateway.url, TASK),
        )
        if disk.missing:
            environment.skipped["fill the disk"] = disk.missing
        if clock.missing:
            environment.skipped["move the clock"] = clock.missing
        return environment

    def say(self, text: str) -> None:
        """Tell whoever watches."""
        with (self.directory / "events.log").open("a") as log:
            log.write(f"{time.monotonic():.3f} {text}\n")

    def follow(self) -> "asyncio.Task[None]":
        """Let all subscribers listen until the task is complete."""
        door = Door(self.proxies["http"].port, self.proxies["websocket"].port)
        return asyncio.create_task(self.crowd.follow(door, TASK, self.directory, asyncio.Event()))

    def kill(self) -> None:
        """SIGKILL the gateway."""
        self.gateway.kill()
        self.kills.append(time.monotonic())

    async def revive(self) -> None:
        """Start the gateway, as often as it takes: its machine may be in trouble at this very moment."""
        async with asyncio.timeout(REVIVE_SECONDS_MAX):
            while True:
                if not self.gateway.is_running:
                    self.gateway.spawn()
                try:
                    await self.gateway.wait_healthy()
                except (RuntimeError, TimeoutError):
                    self.failed_starts += 1
                else:
                    return

    async def settle(self, following: "asyncio.Task[None]", polling: "asyncio.Task[None]") -> None:
        """Fair weather: let everybody finish, and stop the gateway."""
        self.clock.move(0)
        await self.revive()
        self.say("finishing")
        for each in await asyncio.gather(*(worker.finish() for worker in self.workers), return_exceptions=True):
            if isinstance(each, BaseException):
                self.findings.append(str(each))
        await publish(self.gateway.grpc_address, TASK, [], end=True)
        self.say("all lines acknowledged")
        try:
            async with asyncio.timeout(SETTLE_SECONDS_MAX):
                await asyncio.shield(following)
                self.say("all subscribers complete")
                await self._polled()
        except TimeoutError:
            self.findings.append("not every subscriber was given the end of the task")
        polling.cancel()
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:
            while await self.poller.poll(client):
                pass
        if code := await self.gateway.stop():
            self.findings.append(f"the last stop ended with {code}")

    async def _polled(self) -> None:
        async with httpx2.AsyncClient(timeout=ANSWER_SECONDS_MAX) as client:
            while True:
                page = (await client.get(f"{self.gateway.url}/metrics")).text
                families = {family.name: family for family in text_string_to_metric_families(page)}
                lag = families["otto_polling_lag_records"].samples[0].value
                reached = self.poller.last_id
                query = urlencode({"jobId": TASK, "afterId": reached, "limit": 1})
                answer = await client.get(f"{self.gateway.url}/api/automation/logs?{query}")
                if lag == 0 and answer.status_code == httpx2.codes.OK and not answer.json()["logs"]:
                    return
                await asyncio.sleep(0.1)
