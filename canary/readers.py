"""Readers: each follows one task on one route, over any number of connections, from where it was."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

import httpx2
import socketio

from canary.delivery_check import Route
from canary.lines import number_in

__all__ = ["Address", "Reader", "RefusedError", "Sighting", "reader_of"]

_CONNECT_SECONDS: Final = 10.0
_SILENCE_SECONDS: Final = 90.0
"""Three heartbeats; a stream that says nothing for longer is dead."""
_BACKOFF_SECONDS: Final = (0.2, 2.0)
_POLL_ROWS_MAX: Final = 2000
_NAMESPACE: Final = "/log-streaming"
_REFUSALS: Final = frozenset({400, 401, 403, 404, 405})

Sighting = Callable[[int], None]
"""Called with the number of each line received, 0 for a line of another task."""


class RefusedError(Exception):
    """The gateway refuses for good; the text says what."""


class Address:
    """Where the gateway's HTTP is, and the token, which is asked for anew at each connection.

    Args:
        socket_io_url: where Socket.IO is, if elsewhere.
    """

    def __init__(self, url: str, token: Callable[[], str | None], socket_io_url: str | None = None) -> None:
        self.url = url.rstrip("/")
        self.socket_io_url = (socket_io_url or url).rstrip("/")
        self.token = token

    def __repr__(self) -> str:
        return f"<Address {self.url}>"

    def headers(self) -> dict[str, str]:
        """What identifies us."""
        token = self.token()
        return {"Authorization": f"Bearer {token}"} if token else {}


class Reader:
    """Follows a task until it is cancelled, or until the route says that the task has ended.

    Args:
        come, go: called when lines can be expected, and when not.
        see: called for each line.
    """

    route: Route

    def __init__(
        self, address: Address, task_id: str, *, come: Callable[[], None], go: Callable[[], None], see: Sighting
    ) -> None:
        self._address = address
        self._task_id = task_id
        self._tell_come = come
        self._has_come = False
        self._go = go
        self._see = see
        self.error = ""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._task_id!r} {self.error or 'well'}>"

    async def run(self) -> None:
        """Read.

        Raises:
            RefusedError: the gateway refuses for good.
        """
        least, most = _BACKOFF_SECONDS
        pause = least
        while True:
            try:
                if await self._connection():
                    return  # what was seen to its end stays there: whatever has not come is missing
            except (httpx2.HTTPError, socketio.exceptions.SocketIOError, OSError, TimeoutError) as error:
                self.error = str(error) or type(error).__name__
            if self._has_come:
                pause, self._has_come = least, False
            self._go()
            await asyncio.sleep(random.uniform(0, pause))  # noqa: S311 - spreads attempts
            pause = min(2 * pause, most)

    async def _connection(self) -> bool:
        """Read one connection to its end; True if that was the task's."""
        raise NotImplementedError

    def _come(self) -> None:
        self._has_come = True
        self._tell_come()

    def _line(self, message: str) -> None:
        number = number_in(self._task_id, message)
        if number is not None:
            self._see(number)

    def _check(self, response: httpx2.Response) -> None:
        if response.status_code in _REFUSALS:
            raise RefusedError(f"{self._address.url} refuses to be read: {response.status_code} {response.text[:200]}")
        response.raise_for_status()


class SseReader(Reader):
    """Server-Sent Events, resumed by ``Last-Event-ID``."""

    route = Route.SSE

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._last_id = ""

    async def _connection(self) -> bool:
        url = f"{self._address.url}/api/v1/log-streaming/logs/{quote(self._task_id, safe='')}/stream"
        headers = self._address.headers() | ({"Last-Event-ID": self._last_id} if self._last_id else {})
        timeout = httpx2.Timeout(_CONNECT_SECONDS, read=_SILENCE_SECONDS)
        async with (
            httpx2.AsyncClient(timeout=timeout) as client,
            client.sse(url, headers=headers, max_event_size=8 << 20) as source,
        ):
            if source.response.status_code == httpx2.codes.NO_CONTENT:
                self._come()
                return True
            if source.response.status_code != httpx2.codes.OK:
                await source.response.aread()
                self._check(source.response)
            self._come()
            async for event in source:
                self._last_id = event.id or self._last_id
                if event.event == "message" and event.data:
                    self._line(str(json.loads(event.data).get("message", "")))
                elif event.event == "complete":
                    return True
        return False


class SocketIoReader(Reader):
    """Socket.IO, resumed by subscribing after the last sequence."""

    route = Route.SOCKETIO

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._last_sequence = 0

    async def _connection(self) -> bool:
        ended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

        def end(is_complete: bool) -> None:
            if not ended.done():
                ended.set_result(is_complete)

        async def take(event: str, payload: Any = None) -> None:
            if event == "log-entry":
                self._last_sequence = max(self._last_sequence, int(payload.get("sequence", 0)))
                self._line(str(payload.get("message", "")))
            elif event == "log-complete":
                end(is_complete=True)
            elif event in {"error", "subscription_error"}:
                end(is_complete=False)

        async with self._connected(take, lambda: end(is_complete=False)) as client:
            request = {"taskId": self._task_id, "after": self._last_sequence}
            answer = await client.call("subscribe-to-logs", request, namespace=_NAMESPACE, timeout=_CONNECT_SECONDS)
            if isinstance(answer, dict) and "code" in answer:
                self._refuse(answer)
                self.error = str(answer.get("message", answer["code"]))
                return False
            self._come()
            return await ended

    @contextlib.asynccontextmanager
    async def _connected(
        self, take: Callable[..., Awaitable[None]], gone: Callable[[], None]
    ) -> AsyncIterator[socketio.AsyncClient]:
        client = socketio.AsyncClient(reconnection=False)
        refusals: list[Any] = []

        async def refused(data: Any = None) -> None:
            refusals.append(data)

        async def disconnected(*_reason: Any) -> None:
            gone()

        client.on("*", take, namespace=_NAMESPACE)
        client.on("connect_error", refused, namespace=_NAMESPACE)
        client.on("disconnect", disconnected, namespace=_NAMESPACE)
        try:
            try:
                await client.connect(
                    self._address.socket_io_url,
                    namespaces=[_NAMESPACE],
                    transports=["websocket"],
                    auth={"token": self._address.token()},
                    wait_timeout=_CONNECT_SECONDS,
                )
            except socketio.exceptions.ConnectionError:
                for refusal in refusals:
                    self._refuse(refusal)
                raise
            yield client
        finally:
            with contextlib.suppress(Exception):  # it is gone in any case
                await client.disconnect()
            if client.eio.http is not None:
                await client.eio.http.close()

    def _refuse(self, error: Any) -> None:
        data = error.get("data", error) if isinstance(error, dict) else {}
        if isinstance(data, dict) and data.get("code") in {"UNAUTHENTICATED", "PERMISSION_DENIED", "INVALID_ARGUMENT"}:
            raise RefusedError(f"{self._address.socket_io_url} refuses to be read: {data.get('message', data)}")


class PollingReader(Reader):
    """The polling API, every so often after the last id."""

    route = Route.POLLING
    interval_seconds = 0.5

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._last_id = 0

    async def _connection(self) -> bool:
        async with httpx2.AsyncClient(base_url=self._address.url, timeout=_CONNECT_SECONDS) as client:
            while True:
                response = await client.get(
                    "/api/automation/logs",
                    params={"jobId": self._task_id, "afterId": self._last_id, "limit": _POLL_ROWS_MAX},
                    headers=self._address.headers(),
                )
                self._check(response)
                self._come()
                rows = response.json()["logs"]
                for row in rows:
                    self._last_id = max(self._last_id, int(row["id"]))
                    self._line(str(row["log_message"]))
                if len(rows) < _POLL_ROWS_MAX:
                    await asyncio.sleep(self.interval_seconds)


_READERS: Final = {reader.route: reader for reader in (SseReader, SocketIoReader, PollingReader)}


def reader_of(route: Route, *arguments: Any, **options: Any) -> Reader:
    """The reader of a route; the arguments are those of ``Reader``."""
    return _READERS[route](*arguments, **options)
