"""What is done to everything around the gateway while deeds are done to its life."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from tests.faults.environment import Environment
from tests.support.rough_proxy import RoughProxy

__all__ = ["WEATHER", "bad_weather"]

CLOCK_SECONDS_MAX = 90_000
HALF_CLOSED_SECONDS_MAX = 10.0

_LOCK = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
database.execute(f"BEGIN {sys.argv[2]}")
time.sleep(float(sys.argv[3]))
database.execute("ROLLBACK")
"""


async def bad_weather(environment: Environment, until: asyncio.Event) -> None:
    """Every kind as often as the plan says, in an order drawn from the seed; then any kind, until the event is set."""
    names = [name for name in environment.plan.weather if name not in environment.skipped]
    order = [name for name in names for _ in range(environment.plan.weather[name])]
    environment.weather_chance.shuffle(order)
    while order or not until.is_set():
        name = order.pop() if order else environment.weather_chance.choice(names)
        await asyncio.sleep(environment.weather_chance.uniform(*environment.plan.calm_seconds))
        environment.say(name)
        await WEATHER[name](environment)
        environment.done[name] += 1


async def kill_a_producer(environment: Environment) -> None:
    """``kill -9``; whoever started it starts it again."""
    worker = environment.weather_chance.choice(environment.workers)
    await worker.kill()
    await asyncio.sleep(environment.weather_chance.uniform(0.0, 0.5))
    await worker.start()


async def cut(environment: Environment) -> None:
    """Every connection through some proxies is cut, without a word to either side."""
    for proxy in _some(environment):
        proxy.cut_all()


async def stall(environment: Environment) -> None:
    """Nothing goes through for a while."""
    proxies = _some(environment)
    for proxy in proxies:
        proxy.stall()
    await _while(environment, 0.3, 3.0)
    for proxy in proxies:
        proxy.flow()


async def swallow(environment: Environment) -> None:
    """What is sent vanishes for a while; then the connections are found dead."""
    swallowed = [(proxy, proxy.swallow()) for proxy in _some(environment)]
    await _while(environment, 0.3, 3.0)
    for proxy, writers in swallowed:
        proxy.cut(writers)


async def half_close(environment: Environment) -> None:
    """One direction of some connections ends; the other side has to see it and end the rest."""
    closed = [(proxy, proxy.half_close(environment.weather_chance)) for proxy in _some(environment)]
    await asyncio.sleep(0.5)
    asyncio.get_running_loop().call_later(HALF_CLOSED_SECONDS_MAX, _cut_what_is_left, closed)


def _cut_what_is_left(closed: list[tuple[RoughProxy, list[asyncio.StreamWriter]]]) -> None:
    for proxy, writers in closed:
        proxy.cut(writers)


async def delay(environment: Environment) -> None:
    """A slow network."""
    proxies = _some(environment)
    for proxy in proxies:
        proxy.delay_seconds = environment.weather_chance.uniform(0.02, 0.3)
    await _while(environment, 0.5, 3.0)
    for proxy in proxies:
        proxy.flow()


async def trickle(environment: Environment) -> None:
    """A few bytes at a time."""
    proxies = _some(environment)
    for proxy in proxies:
        proxy.trickle_bytes = environment.weather_chance.randint(1, 400)
    await _while(environment, 0.5, 3.0)
    for proxy in proxies:
        proxy.flow()


async def pause_the_gateway(environment: Environment) -> None:
    """SIGSTOP, and SIGCONT seconds later."""
    environment.gateway.signal(signal.SIGSTOP)
    await _while(environment, 0.2, 3.0)
    environment.gateway.signal(signal.SIGCONT)


async def pause_a_producer(environment: Environment) -> None:
    """SIGSTOP, and SIGCONT seconds later."""
    worker = environment.weather_chance.choice(environment.workers)
    worker.signal(signal.SIGSTOP)
    await _while(environment, 0.2, 3.0)
    worker.signal(signal.SIGCONT)


async def lock(environment: Environment) -> None:
    """Another process keeps a write transaction open."""
    kind = environment.weather_chance.choice(("IMMEDIATE", "EXCLUSIVE"))
    seconds = environment.weather_chance.uniform(0.3, 3.0)
    async with environment.disk_use:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _LOCK, str(environment.gateway.database), kind, str(seconds)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaints = await process.communicate()
    if process.returncode:
        environment.findings.append(f"the lock was not to be had: {complaints.decode()[-300:]}")


async def fill_the_disk(environment: Environment) -> None:
    """No room for another byte, for a while."""
    async with environment.disk_use:
        await asyncio.to_thread(environment.disk.fill)
        await _while(environment, 0.3, 2.0)
        environment.disk.empty()


async def move_the_clock(environment: Environment) -> None:
    """The wall clock of the gateway and its producers jumps, ahead or back."""
    environment.clock.move(environment.weather_chance.randint(-CLOCK_SECONDS_MAX, CLOCK_SECONDS_MAX))


WEATHER: dict[str, Callable[[Environment], Awaitable[None]]] = {
    "kill a producer": kill_a_producer,
    "cut": cut,
    "stall": stall,
    "swallow": swallow,
    "half-close": half_close,
    "delay": delay,
    "trickle": trickle,
    "pause the gateway": pause_the_gateway,
    "pause a producer": pause_a_producer,
    "lock": lock,
    "fill the disk": fill_the_disk,
    "move the clock": move_the_clock,
}


def _some(environment: Environment) -> list[RoughProxy]:
    """One of the proxies, or all."""
    proxies = list(environment.proxies.values())
    return proxies if environment.weather_chance.random() < 0.3 else [environment.weather_chance.choice(proxies)]


async def _while(environment: Environment, least: float, most: float) -> None:
    longest = min(most, 10 * environment.plan.calm_seconds[1])
    await asyncio.sleep(environment.weather_chance.uniform(least, longest))
