"""Carrying committed records between gateways over Redis or Valkey, so that those who watch them need not read them.

It is never a condition for anything: what it does not carry, or carries late, is read from the database.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from storage.journal.postgres.relayed import RelayedCommit

__all__ = ["Relay"]

_log = logging.getLogger(__name__)

_MESSAGE_BYTES_MAX: Final = 256 << 10
"""Payloads of one commit that are carried; with more, others read it from the database."""

_WAITING_BYTES_MAX: Final = 4 << 20
"""What may wait to be sent; then what has waited longest is given up."""

_RECONNECT_SECONDS: Final = 0.5
_SILENCE_SECONDS_MAX: Final = 5.0


class Relay:
    """One connection that publishes and one that is subscribed; belongs to the event loop.

    Args:
        url: ``redis://user:password@host:6379/0``.
        channel: by which gateways of one journal hear of each other; what is of another journal has another token.
        gateway: the sender's name; its own commits are not received.
        receive: called with what others have committed.
    """

    def __init__(self, url: str, channel: str, gateway: str, receive: Callable[[RelayedCommit], None]) -> None:
        self._url = url
        self._channel = channel
        self._gateway = gateway
        self._receive = receive
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._to_send = asyncio.Event()
        self._is_subscribed = False
        self._error = ""
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(RelayedCommit).decode
        self._tasks: list[asyncio.Task[None]] = []

    def __repr__(self) -> str:
        return f"<Relay {'subscribed' if self._is_subscribed else self._error or 'away'}>"

    @property
    def is_connected(self) -> bool:
        """Whether commits of others arrive."""
        return self._is_subscribed

    def start(self) -> None:
        """Begin to carry."""
        for work, name in ((self._send, "sends"), (self._listen, "listens")):
            self._tasks.append(asyncio.create_task(self._again(work), name=f"journal-relay-{name}"))

    async def close(self) -> None:
        """Stop; idempotent."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def publish(self, commit: RelayedCommit) -> bool:
        """Send a commit of this gateway, if it is small enough; never waits. Whether it is sent."""
        if sum(len(record[7]) for record in commit.records) > _MESSAGE_BYTES_MAX or not self._is_subscribed:
            return False
        message = self._encode(commit)
        self._waiting.append(message)
        self._waiting_bytes += len(message)
        while self._waiting_bytes > _WAITING_BYTES_MAX:
            self._waiting_bytes -= len(self._waiting.popleft())
        self._to_send.set()
        return True

    async def _again(self, work: Callable[[Redis], Any]) -> None:
        """Do work on a connection, and on another one when that is lost."""
        while True:
            client: Redis = Redis.from_url(
                self._url, socket_connect_timeout=_SILENCE_SECONDS_MAX, health_check_interval=0
            )
            try:
                await work(client)
            except (RedisError, OSError) as error:
                if not self._error:
                    _log.warning("lines are not carried over Redis", extra={"reason": str(error)})
                self._error = str(error) or type(error).__name__
            finally:
                with contextlib.suppress(RedisError, OSError):
                    await client.aclose()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _send(self, client: Redis) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            messages, self._waiting = self._waiting, deque()
            self._waiting_bytes = 0
            pipeline = client.pipeline(transaction=False)
            for message in messages:
                pipeline.publish(self._channel, message)
            async with asyncio.timeout(_SILENCE_SECONDS_MAX):
                await pipeline.execute()

    async def _listen(self, client: Redis) -> None:
        subscription = client.pubsub(ignore_subscribe_messages=True)
        await subscription.subscribe(self._channel)
        self._is_subscribed, self._error = True, ""
        try:
            while True:
                message = await subscription.get_message(timeout=_SILENCE_SECONDS_MAX)
                if message is None:  # a server that is gone without a word is noticed so
                    async with asyncio.timeout(_SILENCE_SECONDS_MAX):
                        await client.ping()
                    continue
                with contextlib.suppress(msgspec.MsgspecError):  # not one of ours
                    commit = self._decode(message["data"])
                    if commit.gateway != self._gateway:
                        self._receive(commit)
        finally:
            self._is_subscribed = False
