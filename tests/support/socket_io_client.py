"""Socket.IO clients for tests: the library's, recording what it receives, and one that can stop reading."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Any

import engineio
import msgspec
import socketio
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.uri import parse_uri

from tests.support.waiting import WAIT_SECONDS_MAX, time_limit

NAMESPACE = "/log-streaming"


class _EngineClient(engineio.AsyncClient):  # type: ignore[misc]
    """Reads the answers of its long-polling requests; the library leaves some to the garbage collector, which warns."""

    async def _send_request(self, *args: Any, **options: Any) -> Any:
        response = await super()._send_request(*args, **options)
        if args[0] == "POST" and not isinstance(response, str):
            response.release()
        return response


class _Client(socketio.AsyncClient):  # type: ignore[misc]
    def _engineio_client_class(self) -> Any:
        return _EngineClient


class Recorder:
    """A client of the library; ``events`` are pairs of name and payload in the order of arrival."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.client = _Client(reconnection=False)
        self.client.on("*", self._record, namespace=NAMESPACE)
        self.client.on("connect_error", self._refused, namespace=NAMESPACE)
        self.client.on("disconnect", self._disconnected, namespace=NAMESPACE)
        self.refusal: Any = None
        self.is_disconnected = asyncio.Event()
        self._news = asyncio.Event()

    async def connect(self, url: str, *, transports: list[str] | None = None, **options: Any) -> "Recorder":
        options = {"transports": transports or ["websocket"], "wait_timeout": WAIT_SECONDS_MAX, **options}
        options["headers"] = dict(options.get("headers", {}))  # the library takes the cookie out of it
        await self.client.connect(url, namespaces=[NAMESPACE], **options)
        return self

    async def call(self, event: str, payload: Any = None) -> Any:
        return await self.client.call(event, payload, namespace=NAMESPACE, timeout=WAIT_SECONDS_MAX)

    def named(self, name: str) -> list[Any]:
        return [payload for event, payload in self.events if event == name]

    @property
    def sequences(self) -> list[int]:
        found: list[int] = []
        for name, payload in self.events:
            if name == "log-entry":
                found.append(payload["sequence"])
            elif name == "log-entries":
                found += [entry["sequence"] for entry in payload]
        return found

    async def wait(self, condition: Callable[["Recorder"], Any]) -> None:
        """Return once the condition holds; it is looked at after each event."""
        async with time_limit("the condition holds", shown=lambda: self.events[-5:]):
            while not condition(self):
                self._news.clear()
                await self._news.wait()

    async def wait_for(self, name: str) -> Any:
        await self.wait(lambda recorder: recorder.named(name))
        return self.named(name)[-1]

    async def close(self) -> None:
        await self.client.disconnect()
        if self.client.eio.http is not None:
            await self.client.eio.http.close()

    async def _record(self, event: str, *payload: Any) -> None:
        self.events.append((event, payload[0] if payload else None))
        self._news.set()

    async def _refused(self, data: Any) -> None:
        self.refusal = data

    async def _disconnected(self, *_reason: Any) -> None:
        self.is_disconnected.set()
        self._news.set()


class RawWebSocket:
    """Speaks WebSocket over a socket with a small receive buffer, and reads only when it is asked to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> None:
        self._reader, self._writer = reader, writer
        self._protocol = ClientProtocol(parse_uri(url), max_size=None)
        self._events: list[Any] = []

    @classmethod
    async def open(cls, port: int, headers: dict[str, str] | None = None) -> "RawWebSocket":
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, ("127.0.0.1", port))
        reader, writer = await asyncio.open_connection(sock=plain, limit=2048)
        url = f"ws://127.0.0.1:{port}/socket.io/?EIO=4&transport=websocket"
        raw = cls(reader, writer, url)
        request = raw._protocol.connect()
        request.headers.update(headers or {})
        raw._protocol.send_request(request)
        await raw._flush()
        while not isinstance(response := await raw._event(), Response):
            pass
        assert response.status_code == 101, response
        return raw

    async def join(self, token: str | None = None) -> None:
        """Connect to the namespace, and read up to the greeting."""
        assert (await self.receive()).startswith("0")
        auth = "" if token is None else msgspec.json.encode({"token": token}).decode()
        await self.send(f"40{NAMESPACE},{auth}")
        while not (await self.receive()).startswith(f'42{NAMESPACE},["connected"'):
            pass

    async def emit(self, event: str, *payload: Any) -> None:
        await self.send(f"42{NAMESPACE},{msgspec.json.encode([event, *payload]).decode()}")

    async def send(self, text: str) -> None:
        self._protocol.send_text(text.encode())
        await self._flush()

    async def send_bytes(self, data: bytes) -> None:
        self._protocol.send_binary(data)
        await self._flush()

    async def receive(self) -> str:
        """The next packet; the empty text at the end."""
        async with time_limit("the next packet"):
            while True:
                event = await self._event()
                if event is None:
                    return ""
                if isinstance(event, Frame) and event.opcode == 1:
                    text = bytes(event.data).decode()
                    if text == "2":
                        await self.send("3")
                        continue
                    return text

    async def receive_event(self) -> tuple[str, Any]:
        """The next Socket.IO event; an empty name at the end."""
        while True:
            text = await self.receive()
            if not text:
                return "", None
            if text.startswith("42"):
                name, payload = msgspec.json.decode(text.partition(",")[2])
                return name, payload

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _event(self) -> Any:
        while True:
            self._events += self._protocol.events_received()
            if self._events:
                return self._events.pop(0)
            try:
                data = await self._reader.read(65536)
            except OSError:
                return None
            if not data:
                return None
            self._protocol.receive_data(data)
            with contextlib.suppress(OSError):
                await self._flush()  # the answer to a close

    async def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._writer.write(data)
        await self._writer.drain()
