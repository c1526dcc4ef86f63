"""What is done to gateways, servers and the network between them: one deed after the other."""

import asyncio
import json
import signal
import time
from collections.abc import Awaitable, Callable

from tests.cluster_faults.cast import Cast, Member

__all__ = ["do_deeds"]

RESTART_SECONDS_MAX = 60.0


async def do_deeds(cast: Cast) -> None:
    """All deeds of the plan, in an order drawn from the seed."""
    order = [name for name, count in cast.plan.deeds.items() for _ in range(count)]
    cast.chance.shuffle(order)
    for name in order:
        await asyncio.sleep(cast.chance.uniform(*cast.plan.pause_seconds))
        cast.say(name)
        cast.moments.append((name, time.monotonic()))
        await DEEDS[name](cast)
        cast.done[name] += 1
        cast.say(f"{name}: done")


async def kill(cast: Cast) -> None:
    """``kill -9`` of a gateway."""
    await _any(cast).gateway.restart()


async def promote(cast: Cast) -> None:
    """``kill -9`` of the primary; its standby is promoted, and the old one becomes its standby."""
    cast.primary.kill()
    await asyncio.to_thread(cast.standby.promote)
    cast.primary, cast.standby = cast.standby, cast.primary
    await asyncio.to_thread(cast.standby.copy, cast.primary)
    cast.standby.start()
    await cast.primary.wait_for_standby()


async def freeze(cast: Cast) -> None:
    """SIGSTOP of a gateway, which wakes up again."""
    await _freeze(_any(cast), cast.chance.uniform(*cast.plan.frozen_seconds))


async def freeze_leader(cast: Cast) -> None:
    """SIGSTOP of the gateway that does what is done once, for as long as may be: another one takes over."""
    await _freeze(max(cast.members, key=_led_at), cast.plan.frozen_seconds[1])


async def _freeze(member: Member, seconds: float) -> None:
    member.gateway.signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    member.gateway.signal(signal.SIGCONT)


def _led_at(member: Member) -> str:
    """When a gateway last began to lead; the one that did so last leads now."""
    lines = [line for line in member.gateway.log().splitlines() if "this gateway does what is done once" in line]
    return str(json.loads(lines[-1])["timestamp"]) if lines else ""


async def cut_off(cast: Cast) -> None:
    """What a gateway and the servers send each other vanishes for a while; then its connections break."""
    network = _any(cast).network
    swallowed = [(proxy, proxy.swallow()) for proxy in network]
    for proxy in network:
        proxy.stall()
    await asyncio.sleep(cast.chance.uniform(*cast.plan.frozen_seconds))
    for proxy, writers in swallowed:
        proxy.cut(writers)
        proxy.flow()


async def kill_redis(cast: Cast) -> None:
    """``kill -9`` of Redis, which is away for a while."""
    cast.redis.kill()
    await asyncio.sleep(cast.chance.uniform(*cast.plan.pause_seconds))
    cast.redis.start()


async def rolling_restart(cast: Cast) -> None:
    """SIGTERM and a new start of each gateway, one after the other."""
    for member in cast.members:
        code = await member.gateway.stop()
        if code not in (0, 3):  # 3: something was cut off
            cast.findings.append(f"SIGTERM ended with {code}")
        await member.gateway.start()


DEEDS: dict[str, Callable[[Cast], Awaitable[None]]] = {
    "kill": kill,
    "promote": promote,
    "freeze": freeze,
    "freeze the leader": freeze_leader,
    "cut off": cut_off,
    "kill Redis": kill_redis,
    "rolling restart": rolling_restart,
}


def _any(cast: Cast) -> Member:
    return cast.chance.choice(cast.members)
