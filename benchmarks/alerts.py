"""What 1,000 rules of alerts cost beside 5,000 lines a second on 200 tasks, and how soon one of them notifies.

``python -m benchmarks.alerts [--seconds N] [--rounds N]``: gateways without rules and with them take turns. One reader
of each task measures the live path. Beside the lines, a line that one of the rules matches is written five times a
second; its target is a webhook here. Then a task prints a million lines that match: the crash loop. It prints processor
time of the gateway a line, latencies of the live path with their ratio, the time from a matching line to the webhook,
and the notifications of the crash loop.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Final

from otto_logs import LogProducer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks import native_programs
from benchmarks.native_programs import Subscribers
from benchmarks.processes import cpu_seconds
from benchmarks.servers import STREAM_PATH, run_module
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.http_server import serve

RULES: Final = 1_000
TASKS: Final = 200
RATE: Final = 5_000
PROBE_SECONDS: Final = 0.2
LOOP_LINES: Final = 1_000_000
LOOP_RULE: Final = RULES - 1
WAIT_SECONDS: Final = 60.0


@dataclass
class Target:
    """A webhook: when each rule notified first, and how often."""

    at: dict[str, float] = field(default_factory=dict)
    opened_at: dict[str, float] = field(default_factory=dict)
    """When the turn began that found the line."""
    count: dict[str, int] = field(default_factory=dict)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its address."""

        async def hook(request: Request) -> Response:
            event = await request.json()
            rule = event["rule"]["name"]
            self.at.setdefault(rule, time.time())
            self.opened_at.setdefault(rule, datetime.fromisoformat(event["incident"]["openedAt"]).timestamp())
            self.count[rule] = self.count.get(rule, 0) + 1
            return Response(status_code=204)

        async with serve(Starlette(routes=[Route("/hook", hook, methods=["POST"])])) as url:
            yield f"{url}/hook"


@dataclass(frozen=True, slots=True)
class Round:
    """What one gateway did."""

    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time of the gateway a line, readers and probes included."""
    rules_us: float = 0.0
    """Of that, seconds of the engine's thread a line."""
    detected: Sequence[float] = ()
    """Seconds from a matching line to its webhook, and of that, to the turn that found it."""
    found: Sequence[float] = ()
    failed: float = 0
    """Attempts to deliver a notification; the next one is 5 s later."""


async def main() -> None:
    """Measure, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=20, help="of each gateway")
    parser.add_argument("--rounds", type=int, default=3, help="gateways of each kind")
    parser.add_argument("--loop", type=int, default=LOOP_LINES, help="lines of the crash loop; 0: none")
    options = parser.parse_args()
    native_programs.build()
    found: dict[bool, list[Round]] = {False: [], True: []}
    for number in range(2 * options.rounds):
        has_rules = number % 2 == 1
        one = await measure(options.seconds, has_rules=has_rules, loop=0)
        found[has_rules].append(one)
        print(
            f"{'with rules' if has_rules else 'without'}: {one.p50_ms=:.1f} {one.p99_ms=:.1f} {one.cpu_us=:.1f}",
            flush=True,
        )
    report(found)
    if options.loop:
        await measure(0, has_rules=True, loop=options.loop)


def report(found: dict[bool, list[Round]]) -> None:
    """Medians, and ratios between the two kinds."""
    without, beside = (
        (median(one.p99_ms for one in rounds), median(one.cpu_us for one in rounds)) for rounds in found.values()
    )
    detected = [seconds for one in found[True] for seconds in one.detected]
    turns = [seconds for one in found[True] for seconds in one.found]
    rules_us = median(one.rules_us for one in found[True])
    print(
        f"live p99: {without[0]:.1f} ms without rules, {beside[0]:.1f} ms with {RULES:,}: "
        f"{beside[0] / without[0]:.2f} times"
    )
    print(f"processor time a line: {without[1]:.1f} µs, {beside[1]:.1f} µs; evaluation {rules_us:.2f} µs")
    print(f"from a matching line to its webhook: {quantiles(detected)}; to the turn that finds it: {quantiles(turns)}")
    print(f"{len(detected)} lines; {sum(one.failed for one in found[True]):.0f} attempts to deliver failed")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def quantiles(seconds: Sequence[float]) -> str:
    """The middle, the 99th percentile and the most, in milliseconds."""
    ordered = sorted(seconds)
    values = (ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100], ordered[-1])
    return "p50 {:.0f} ms, p99 {:.0f} ms, most {:.0f} ms".format(*(value * 1e3 for value in values))


async def measure(seconds: int, *, has_rules: bool, loop: int) -> Round:
    """One gateway."""
    target = Target()
    with tempfile.TemporaryDirectory(prefix="otto-bench-") as folder:
        directory = Path(folder)
        async with target.serving() as url:
            settings = write_files(directory, url) if has_rules else {}
            async with running_gateway(directory / "gateway", LOG_LEVEL="WARNING", **settings) as gateway:
                if loop:
                    await crash_loop(gateway, target, loop)
                    return Round(0, 0, 0)
                return await beside_readers(gateway, target, seconds, has_rules=has_rules)


def write_files(directory: Path, url: str) -> dict[str, str]:
    """Rules and their target, and the settings that name them."""
    defaults = {"notify": ["here"], "cooldown": "1h", "resolve_after": "15s"}
    rules = [{"name": f"rule-{number}", "filter": {"keywords": [word(number)]}} for number in range(RULES)]
    (directory / "rules.yaml").write_text(json.dumps({"defaults": defaults, "rules": rules}))
    (directory / "targets.yaml").write_text(json.dumps({"targets": {"here": {"webhook": url, "allow_private": True}}}))
    return {"ALERT_RULES": str(directory / "rules.yaml"), "ALERT_TARGETS": str(directory / "targets.yaml")}


def word(number: int) -> str:
    """What a rule looks for: not a part of another rule's."""
    return f"exception-{number:04d}"


async def beside_readers(gateway: GatewayProcess, target: Target, seconds: int, *, has_rules: bool) -> Round:
    """The load, with a reader of each task."""
    lines = RATE * seconds // TASKS
    subscribers = await Subscribers.connect(
        gateway.http_port,
        path=STREAM_PATH.replace("bench-", "live-"),
        connections=TASKS,
        tasks=TASKS,
        lines=lines,
        sample_every=1,
        seconds_max=60 + 3 * seconds,
    )
    begun = cpu_seconds(gateway.pid)
    options = ("--lines", lines, "--tasks", TASKS, "--rate", RATE, "--prefix", "live-")
    probes = asyncio.create_task(probe(gateway, seconds))
    _, result = await asyncio.gather(
        run_module("benchmarks.producer", gateway.grpc_address, *options), subscribers.result()
    )
    sent = await probes
    cpu_us = (cpu_seconds(gateway.pid) - begun) / (lines * TASKS) * 1e6
    if result["received"] != TASKS * lines or result["disorders"]:
        raise SystemExit(f"lines are missing: {result}")
    if not has_rules:
        return Round(result["p50_ms"], result["p99_ms"], cpu_us)
    await wait(lambda: sent.keys() <= target.at.keys(), "every rule has notified")
    metrics = await gateway.metrics()
    rules_us = metrics["otto_alert_seconds_total"] / metrics["otto_alert_lines_total"] * 1e6
    detected = [target.at[rule] - at for rule, at in sent.items()]
    failed = metrics['otto_alert_deliveries_total{result="failed"}']
    found = [target.opened_at[rule] - at for rule, at in sent.items()]
    return Round(result["p50_ms"], result["p99_ms"], cpu_us, rules_us, detected, found, failed)


async def probe(gateway: GatewayProcess, seconds: int) -> dict[str, float]:
    """Write a line for one rule after the other; when that was, by rule."""
    sent = {}
    async with LogProducer(gateway.grpc_address) as producer:
        for number in range(min(int(seconds / PROBE_SECONDS), LOOP_RULE)):
            sent[f"rule-{number}"] = time.time()
            await producer.log(f"probe-{number}", "probe", f"{word(number)} in a task")
            await asyncio.sleep(PROBE_SECONDS)
    return sent


async def crash_loop(gateway: GatewayProcess, target: Target, lines: int) -> None:
    """A task that prints the same error, with other numbers, until it stops."""
    rule = f"rule-{LOOP_RULE}"
    started = time.monotonic()
    async with LogProducer(gateway.grpc_address) as producer:
        for number in range(lines):
            await producer.log("loop", "worker", f"{word(LOOP_RULE)} at 0x{number:08x}, attempt {number}")
            if number % 100 == 0:
                await asyncio.sleep(0)
        await producer.flush()
    written = time.monotonic() - started
    await wait(lambda: target.count.get(rule, 0) >= 2, "the incident is resolved", seconds_max=600)
    print(
        f"crash loop: {lines:,} matching lines in {written:.0f} s, {target.count[rule]} notifications, "
        f"all within {time.monotonic() - started:.0f} s",
        flush=True,
    )


async def wait(condition: object, what: str, *, seconds_max: float = WAIT_SECONDS) -> None:
    """Wait for something that happens here."""
    deadline = time.monotonic() + seconds_max
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds_max:.0f} s")
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(main())
