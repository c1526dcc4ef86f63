"""Stalled and trickling subscribers, as a process of their own.

Run as ``python -m tests.readers.slow PORT TASK LINES STALLED TRICKLING BYTES_A_SECOND``; so many of each kind on each
transport. It prints ``READY`` once all have subscribed. Trickling ones read slowly until they have every line. Stalled
ones read nothing at all until a line comes on stdin; then they read what is left in their connections, come back, and
read to the last line. One JSON object at the end says what became of them.
"""

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.readers.stream import TRANSPORTS, Stream

PAUSE_SECONDS = 0.25
OPENING_MAX = 16


async def main(
    port: int, task_id: str, lines: int, stalled: int, trickling: int, bytes_a_second: int
) -> dict[str, Any]:
    """Open, wait, read."""
    standing = [Stream(transport, port, task_id) for transport in TRANSPORTS for _ in range(stalled)]
    slow = [Stream(transport, port, task_id) for transport in TRANSPORTS for _ in range(trickling)]
    opening = asyncio.Semaphore(OPENING_MAX)

    async def open_one(stream: Stream) -> None:
        async with opening:
            await stream.open()

    await asyncio.gather(*map(open_one, [*standing, *slow]))
    print("READY", flush=True)
    told = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    step = max(1, int(bytes_a_second * PAUSE_SECONDS))
    await asyncio.gather(*(trickle(stream, lines, step) for stream in slow))
    await told
    left = await asyncio.gather(*(come_back(stream, lines) for stream in standing))
    return {
        "trickling": summary(slow, lines),
        "stalled": summary(standing, lines) | {"closed": sum(left)},
        "reasons": sorted({stream.reason for stream in standing if stream.reason}),
    }


async def trickle(stream: Stream, lines: int, step: int) -> None:
    """Read a little, wait, and so on to the last line."""
    while stream.last < lines and not stream.is_closed and not stream.reason:
        left = step
        while left > 0 and stream.last < lines and not stream.is_closed and not stream.reason:
            left -= await stream.take(left)
        await asyncio.sleep(PAUSE_SECONDS)


async def come_back(stream: Stream, lines: int) -> bool:
    """Read what was on its way when the gateway gave up, then the rest; whether it had been given up."""
    while stream.last < lines and not stream.is_closed and not stream.reason:
        await stream.take(1 << 16)
    was_given_up = stream.last < lines
    reason = stream.reason
    while stream.last < lines:
        await stream.open()
        await stream.take_until(lines)
    stream.reason = reason
    return was_given_up


def summary(streams: Sequence[Stream], lines: int) -> dict[str, int]:
    """How many there were, how many have everything, and lines out of order."""
    return {
        "streams": len(streams),
        "complete": sum(stream.last == lines for stream in streams),
        "disorders": sum(stream.lines.doubled + stream.lines.out_of_order for stream in streams),
    }


if __name__ == "__main__":
    port, task_id, *counts = sys.argv[1:]
    print(json.dumps(asyncio.run(main(int(port), task_id, *map(int, counts)))))
