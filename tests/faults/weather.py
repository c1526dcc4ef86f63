"""What is done to everything around the gateway while deeds are done to its life."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

from tests.faults.scene import Scene
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


async def bad_weather(scene: Scene, until: asyncio.Event) -> None:
    """Every kind as often as the plan says, in an order drawn from the seed; then any kind, until the event is set."""
    names = [name for name in scene.plan.weather if name not in scene.skipped]
    order = [name for name in names for _ in range(scene.plan.weather[name])]
    scene.weather_chance.shuffle(order)
    while order or not until.is_set():
        name = order.pop() if order else scene.weather_chance.choice(names)
        await asyncio.sleep(scene.weather_chance.uniform(*scene.plan.calm_seconds))
        scene.say(name)
        await WEATHER[name](scene)
        scene.done[name] += 1


async def kill_a_producer(scene: Scene) -> None:
    """``kill -9``; whoever started it starts it again."""
    worker = scene.weather_chance.choice(scene.workers)
    await worker.kill()
    await asyncio.sleep(scene.weather_chance.uniform(0.0, 0.5))
    await worker.start()


async def cut(scene: Scene) -> None:
    """Every connection through some proxies is cut, without a word to either side."""
    for proxy in _some(scene):
        proxy.cut_all()


async def stall(scene: Scene) -> None:
    """Nothing goes through for a while."""
    proxies = _some(scene)
    for proxy in proxies:
        proxy.stall()
    await _while(scene, 0.3, 3.0)
    for proxy in proxies:
        proxy.flow()


async def swallow(scene: Scene) -> None:
    """What is sent vanishes for a while; then the connections are found dead."""
    swallowed = [(proxy, proxy.swallow()) for proxy in _some(scene)]
    await _while(scene, 0.3, 3.0)
    for proxy, writers in swallowed:
        proxy.cut(writers)


async def half_close(scene: Scene) -> None:
    """One direction of some connections ends; the other side has to see it and end the rest."""
    closed = [(proxy, proxy.half_close(scene.weather_chance)) for proxy in _some(scene)]
    await asyncio.sleep(0.5)
    asyncio.get_running_loop().call_later(HALF_CLOSED_SECONDS_MAX, _cut_what_is_left, closed)


def _cut_what_is_left(closed: list[tuple[RoughProxy, list[asyncio.StreamWriter]]]) -> None:
    for proxy, writers in closed:
        proxy.cut(writers)


async def delay(scene: Scene) -> None:
    """A slow network."""
    proxies = _some(scene)
    for proxy in proxies:
        proxy.delay_seconds = scene.weather_chance.uniform(0.02, 0.3)
    await _while(scene, 0.5, 3.0)
    for proxy in proxies:
        proxy.flow()


async def trickle(scene: Scene) -> None:
    """A few bytes at a time."""
    proxies = _some(scene)
    for proxy in proxies:
        proxy.trickle_bytes = scene.weather_chance.randint(1, 400)
    await _while(scene, 0.5, 3.0)
    for proxy in proxies:
        proxy.flow()


async def pause_the_gateway(scene: Scene) -> None:
    """SIGSTOP, and SIGCONT seconds later."""
    scene.gateway.signal(signal.SIGSTOP)
    await _while(scene, 0.2, 3.0)
    scene.gateway.signal(signal.SIGCONT)


async def pause_a_producer(scene: Scene) -> None:
    """SIGSTOP, and SIGCONT seconds later."""
    worker = scene.weather_chance.choice(scene.workers)
    worker.signal(signal.SIGSTOP)
    await _while(scene, 0.2, 3.0)
    worker.signal(signal.SIGCONT)


async def lock(scene: Scene) -> None:
    """Another process keeps a write transaction open."""
    kind = scene.weather_chance.choice(("IMMEDIATE", "EXCLUSIVE"))
    seconds = scene.weather_chance.uniform(0.3, 3.0)
    async with scene.disk_use:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _LOCK, str(scene.gateway.database), kind, str(seconds)),
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaints = await process.communicate()
    if process.returncode:
        scene.findings.append(f"the lock was not to be had: {complaints.decode()[-300:]}")


async def fill_the_disk(scene: Scene) -> None:
    """No room for another byte, for a while."""
    async with scene.disk_use:
        await asyncio.to_thread(scene.disk.fill)
        await _while(scene, 0.3, 2.0)
        scene.disk.empty()


async def move_the_clock(scene: Scene) -> None:
    """The wall clock of the gateway and its producers jumps, ahead or back."""
    scene.clock.move(scene.weather_chance.randint(-CLOCK_SECONDS_MAX, CLOCK_SECONDS_MAX))


WEATHER: dict[str, Callable[[Scene], Awaitable[None]]] = {
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


def _some(scene: Scene) -> list[RoughProxy]:
    """One of the proxies, or all."""
    proxies = list(scene.proxies.values())
    return proxies if scene.weather_chance.random() < 0.3 else [scene.weather_chance.choice(proxies)]


async def _while(scene: Scene, least: float, most: float) -> None:
    longest = min(most, 10 * scene.plan.calm_seconds[1])
    await asyncio.sleep(scene.weather_chance.uniform(least, longest))
