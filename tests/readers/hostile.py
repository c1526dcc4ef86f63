"""Subscribers that mean harm, each as a coroutine that does it so many times.

Run as ``python -m tests.readers.hostile PORT TASK [DEED…]`` they do all of it at once, until the process is ended.
"""

import asyncio
import contextlib
import random
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from tests.readers.stream import TRANSPORTS, Stream

__all__ = ["DEEDS", "Deed"]

Deed = Callable[[int, str, int], Awaitable[None]]
"""What is done to ``port`` and a task, ``times`` times."""

_TOGETHER: Final = 16
_random = random.Random(20)


async def open_and_close(port: int, task_id: str, times: int) -> None:
    """Subscribe, and hang up at once: half of them in the middle of the answer, some with a reset."""
    for number in range(times):
        stream = Stream(TRANSPORTS[number % 2], port, task_id)
        opening = asyncio.create_task(stream.open())
        await asyncio.wait([opening], timeout=0.002 if number % 4 < 2 else None)
        opening.cancel()
        await asyncio.wait([opening])
        if number % 3 == 0:
            stream.reset()
        stream.close()


async def send_garbage(port: int, task_id: str, times: int) -> None:
    """Subscribe, and send bytes that nobody asked for up the stream until the gateway hangs up."""
    for number in range(times):
        stream = Stream(TRANSPORTS[number % 2], port, task_id)
        await stream.open()
        with contextlib.suppress(OSError):
            for _ in range(20):
                await stream.send(_random.randbytes(4_000))
                await asyncio.sleep(0)
        stream.close()


async def never_read(port: int, task_id: str, times: int) -> None:
    """Ask for a stream, and read not even the head."""
    held = []
    for _ in range(times):
        request = f"GET /api/v1/log-streaming/logs/{task_id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        held.append(await connected(port, request.encode()))
    await asyncio.sleep(1.0)  # they are to be there for a while
    for each in held:
        each.close()


async def half_open(port: int, task_id: str, times: int) -> None:
    """Connect, and say nothing, or the beginning of a request."""
    held = [await connected(port, b"" if number % 2 else b"GET / HT") for number in range(times)]
    await asyncio.sleep(1.0)  # they are to be there for a while
    for each in held:
        each.close()


async def subscribe_and_unsubscribe(port: int, task_id: str, times: int) -> None:
    """One Socket.IO client that cannot decide, as fast as it is answered."""
    stream = Stream("socketio", port, task_id)
    await stream.open()
    for _ in range(times):
        await stream.emit("unsubscribe-from-logs", {"taskId": task_id})
        await stream.emit("subscribe-to-logs", {"taskId": task_id, "tail": 0})
    stream.close()


async def change_filters(port: int, task_id: str, times: int) -> None:
    """One Socket.IO client with a filter of its own each time, so that each makes a channel."""
    stream = Stream("socketio", port, task_id)
    await stream.open()
    for number in range(times):
        await stream.emit("update-log-filter", {"taskId": task_id, "filter": {"keywords": [f"nothing {number}"]}})
    stream.close()


async def start_over(port: int, task_id: str, times: int) -> None:
    """Many that read a big task from its very first line, all at once."""
    streams = [Stream(TRANSPORTS[number % 2], port, f"{task_id}-big") for number in range(times)]
    together = asyncio.Semaphore(_TOGETHER)

    async def opened(stream: Stream) -> None:
        async with together:
            await stream.open()
        while not stream.is_closed and stream.last < BIG_LINES:
            await stream.take(1 << 16)
        stream.close()

    await asyncio.gather(*map(opened, streams))
    assert all(stream.last == BIG_LINES and stream.lines.is_orderly for stream in streams), streams


BIG_LINES: Final = 10_000
"""Lines of the task ``…-big``."""

DEEDS: Final[dict[str, Deed]] = {
    deed.__name__: deed
    for deed in (
        open_and_close,
        send_garbage,
        never_read,
        half_open,
        subscribe_and_unsubscribe,
        change_filters,
        start_over,
    )
}


MANY_AT_ONCE: Final = {"never_read": 50, "half_open": 400, "start_over": 40}
"""Of what is done all at once; of the others, so many one after the other."""


async def do_all(port: int, task_id: str, names: Sequence[str] = ()) -> None:
    """Every deed, or those with these names, again and again."""

    async def again_and_again(deed: Deed, times: int) -> None:
        while True:
            with contextlib.suppress(ConnectionError):  # refused, as it may be
                await deed(port, task_id, times)

    await asyncio.gather(
        *(
            again_and_again(deed, MANY_AT_ONCE.get(name, 20))
            for name, deed in DEEDS.items()
            if not names or name in names
        )
    )


async def connected(port: int, data: bytes) -> socket.socket:
    """A socket with a small receive buffer that has sent something."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(made, ("127.0.0.1", port))
    if data:
        await loop.sock_sendall(made, data)
    return made


if __name__ == "__main__":
    asyncio.run(do_all(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
