"""SIGTERM at every moment: it ends within its limit, everybody is told, and nothing acknowledged is lost."""

import asyncio
import contextlib
import os
import re
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import pytest

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.old_database import restore
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.socket_io_client import RawWebSocket
from tests.support.waiting import WAIT_SECONDS_MAX, attempts, until
from tests.support.worker import publish

FEW = {"logs": 60, "pipelines": 20, "sockets": 20}
MANY = {"logs": 250, "pipelines": 100, "sockets": 150}
OPENING_MAX = 32
GRACE = {"SHUTDOWN_GRACE_SECONDS": "2", "SHUTDOWN_SECONDS_MAX": "100"}


PATIENT = {"SHUTDOWN_GRACE_SECONDS": "100", "SHUTDOWN_SECONDS_MAX": "100"}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another program in the middle of a transaction."""
    with closing(sqlite3.connect(path, isolation_level=None, timeout=WAIT_SECONDS_MAX)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class Streams:
    """Open streams of every kind, each read to its end."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._gateway = gateway
        self._opening = asyncio.Semaphore(OPENING_MAX)
        self.opened = 0

    async def read_events(self, path: str) -> bytes:
        """Everything that an event stream gives, until the gateway closes it."""
        async with self._opening:
            reader, writer = await asyncio.open_connection(self._gateway.host, self._gateway.http_port)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: {self._gateway.host}\r\nConnection: close\r\n\r\n".encode())
            received = await reader.readuntil(b"\n\n")
            self.opened += 1
        received += await reader.read()
        writer.close()
        return received

    async def read_socket(self) -> dict[str, object]:
        """The ``closing`` event of a Socket.IO client."""
        async with self._opening:
            socket = await RawWebSocket.open(self._gateway.websocket_port)
            await socket.join()
            await socket.emit("subscribe-to-logs", {"taskId": "native"})
            self.opened += 1
        closing_event: dict[str, object] = {}
        while (event := await socket.receive_event())[0]:
            if event[0] == "closing":
                closing_event = event[1]
        await socket.close()
        return closing_event


@pytest.mark.parametrize("kinds", [FEW, pytest.param(MANY, marks=pytest.mark.readers)], ids=["100", "500"])
async def test_everybody_is_told_to_come_back_and_nothing_is_lost(kinds: dict[str, int], tmp_path: Path) -> None:
    """Many open streams and producers on both wires: each stream has a reason and a pause of its own, exit code 0."""
    async with running_gateway(tmp_path, **PATIENT, MAX_CONNECTIONS_PER_ADDRESS="0") as gateway:
        streams = Streams(gateway)
        logs = "/api/v1/log-streaming/logs/native/stream"
        pipelines = "/api/v1/log-streaming/pipelines/p/progress"
        producing = [asyncio.create_task(produce(gateway)) for produce in (produce_native, produce_otto)]
        events = [
            asyncio.create_task(streams.read_events(path))
            for path in [logs] * kinds["logs"] + [pipelines] * kinds["pipelines"]
        ]
        sockets = [asyncio.create_task(streams.read_socket()) for _ in range(kinds["sockets"])]
        async for _ in attempts("all streams are open"):
            if streams.opened == sum(kinds.values()):
                break
            assert not any(task.done() for task in (*events, *sockets, *producing))
        assert await gateway.stop() == 0
        texts, endings = await asyncio.gather(*events), await asyncio.gather(*sockets)
        acknowledged_native, acknowledged_otto = await asyncio.gather(*producing)
        log = gateway.log()
        await gateway.start()
        native, otto = [await stored(gateway, task) for task in ("native", "otto")]
    assert "Traceback" not in log
    assert "took too long" not in log
    pauses = [int(re.findall(rb"retry: (\d+)\n", text)[-1]) for text in texts if b'"SERVER_SHUTDOWN"' in text]
    assert len(pauses) == len(events)
    pauses += [int(str(ending["retryMilliseconds"])) for ending in endings if ending["code"] == "SERVER_SHUTDOWN"]
    assert len(pauses) == sum(kinds.values())
    assert len(set(pauses)) > len(pauses) // 2
    assert max(pauses) - min(pauses) > 5_000
    assert native[: len(acknowledged_native)] == acknowledged_native
    assert [text for text in otto if text in set(acknowledged_otto)] == acknowledged_otto
    assert acknowledged_native
    assert acknowledged_otto


async def produce_native(gateway: GatewayProcess) -> list[str]:
    """Send lines until the gateway ends the stream; those that were acknowledged."""
    number = acknowledged = 0
    async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
        producer = NativeProducer(channel)
        await producer.hello()
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                number += 1
                await producer.send(lines_request(number, [f"line {number}"], task_id="native"))
                response = await producer.read()
                if response is grpc.aio.EOF:
                    break
                acknowledged = response.acknowledged_number
    return [f"line {number}" for number in range(1, acknowledged + 1)]


async def produce_otto(gateway: GatewayProcess) -> list[str]:
    """The same on Otto's wire, one line a message."""
    texts: list[str] = []
    async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
        producer = OttoProducer(channel, "ForwardWorkerLogs")
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            while True:
                response = await producer.say(f"line {len(texts)}", task_id="otto")
                if response is grpc.aio.EOF or response.status:
                    break
                texts.append(f"line {len(texts)}")
    return texts


async def stored(gateway: GatewayProcess, task_id: str) -> list[str]:
    """Everything stored of a task that is not over."""
    await publish(gateway.grpc_address, task_id, ["<end>"])
    stream = EventStream(gateway.stream_url(task_id))
    recording = await stream.read(until=lambda seen: seen.entries[-1:] != [] and seen.messages[-1] == "<end>")
    return recording.messages[:-1]


async def test_clients_that_hang_cannot_hold_it(tmp_path: Path) -> None:
    """Half a request, streams that nobody reads, an idle connection, a poll that hangs: exit code 0 all the same."""
    # Threat: whoever does not answer decides when the process ends, and the system then kills it in the middle.
    big = ["x" * 10_000] * 300
    async with running_gateway(tmp_path, **GRACE) as gateway:
        await publish(gateway.grpc_address, "big", big)
        hanging = []
        for request in (
            "",
            "GET /half HTTP/1.1\r\nHost: 127.0.0.1\r\n",
            "POST /api/v1/auth/ticket HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\n",
            "GET /api/v1/log-streaming/logs/big/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            "GET /api/v1/log-streaming/pipelines/p/progress HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
            "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        ):
            _, writer = await asyncio.open_connection(gateway.host, gateway.http_port, limit=1024)
            writer.write(request.encode())
            hanging.append(writer)
        socket = await RawWebSocket.open(gateway.http_port)
        await socket.join()
        await socket.emit("subscribe-to-logs", {"taskId": "big"})
        assert await gateway.stop() == 0, gateway.log()
        assert "Traceback" not in gateway.log()
        for writer in hanging:
            writer.close()
        await socket.close()


async def test_a_stop_in_the_middle_of_a_catch_up(tmp_path: Path) -> None:
    """Reads of a big task are given up, and the client continues with the next process where it was."""
    lines = [f"line {number} " + "x" * 100 for number in range(20_000)]
    async with running_gateway(tmp_path, **GRACE) as gateway:
        await publish(gateway.grpc_address, "big", lines, end=True, batch_lines=2_000)
        stream = EventStream(gateway.stream_url("big"))
        reading = [asyncio.create_task(stream.read())]
        reading += [asyncio.create_task(EventStream(gateway.stream_url("big", "level=ERROR")).read()) for _ in range(5)]
        await until(lambda: stream.recording.entries, "the first lines have come")
        assert await gateway.stop() == 0
        await asyncio.gather(*reading)
        assert "Traceback" not in gateway.log()
        await gateway.start()
        recording = await stream.read()
    assert recording.messages == lines
    assert recording.is_complete


async def test_a_stop_while_the_database_is_locked(tmp_path: Path) -> None:
    """What waits is not acknowledged, so its producer sends it again; the code says that something was cut off."""
    async with running_gateway(tmp_path, SHUTDOWN_GRACE_SECONDS="0.5", SHUTDOWN_SECONDS_MAX="5") as gateway:
        await publish(gateway.grpc_address, "build", ["a"])
        async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
            producer = NativeProducer(channel)
            await producer.hello()
            with locked(gateway.database):
                await producer.send(lines_request(1, ["b"], task_id="build"))
                async for _ in attempts("both lines were received"):
                    if 'otto_lines_received_total{dialect="native"} 2.0' in await metrics(gateway):
                        break
                assert await gateway.stop() == 3
            assert (await producer.ended())[0] is grpc.StatusCode.UNAVAILABLE
        assert "Traceback" not in gateway.log()
        await gateway.start()
        async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
            again = NativeProducer(channel)
            assert (await again.hello()).acknowledged_number == 0
            await again.send(lines_request(1, ["b"], task_id="build"))
            await again.acknowledged(1)
        assert await stored(gateway, "build") == ["a", "b"]


async def metrics(gateway: GatewayProcess) -> str:
    reader, writer = await asyncio.open_connection(gateway.host, gateway.http_port)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return text


async def test_a_stop_while_it_waits_for_the_gateway_before_it(tmp_path: Path) -> None:
    """A start that waits can be taken back; exit code 0."""
    async with running_gateway(tmp_path) as old:
        new = GatewayProcess(tmp_path / "new", DATABASE_URL=f"sqlite:///{old.database}", LOCK_WAIT_SECONDS="600")
        new.spawn()
        await logged(new, "waiting for another gateway")
        assert await new.stop() == 0
    assert "Traceback" not in new.log()


async def test_a_stop_while_it_waits_for_a_locked_database(tmp_path: Path) -> None:
    """The same where another program is writing while the database has to be migrated."""
    gateway = GatewayProcess(tmp_path)
    with closing(sqlite3.connect(gateway.database)) as database:
        database.execute("CREATE TABLE theirs (name TEXT)")
    with locked(gateway.database):
        gateway.spawn()
        await logged(gateway, '"starting"')
        gateway.ask_to_stop()
        assert await gateway.ended() == 0
    assert "Traceback" not in gateway.log()
    await gateway.start()
    assert await gateway.stop() == 0


async def test_a_stop_at_any_moment_of_a_start(tmp_path: Path) -> None:
    """Whatever it was doing: 0, or the signal where it had not yet begun to listen for it; and no traceback."""
    for step in range(3):
        gateway = GatewayProcess(tmp_path / str(step), is_forked=False, **GRACE)
        restore("v0001", gateway.database)
        gateway.spawn()
        if step:
            await logged(gateway, '"starting"')
        time.sleep(step * 0.05)  # no event tells of what lies between
        gateway.ask_to_stop()
        assert await gateway.ended() in ({0} if step else {0, -signal.SIGTERM}), gateway.log()
        assert "Traceback" not in gateway.log()


async def test_a_second_signal_ends_a_start_at_once(tmp_path: Path) -> None:
    """Also if the first one has to wait for a thread."""
    gateway = GatewayProcess(tmp_path)
    with closing(sqlite3.connect(gateway.database)) as database:
        database.execute("CREATE TABLE theirs (name TEXT)")
    with locked(gateway.database):
        gateway.spawn()
        await logged(gateway, '"starting"')
        async for _ in attempts("the second signal ends it", shown=gateway.log):
            if not gateway.is_running:
                break
            os.kill(gateway.pid, signal.SIGINT)
        assert await gateway.ended() in {0, 130}
    assert "Traceback" not in gateway.log()


async def logged(gateway: GatewayProcess, text: str) -> None:
    async for _ in attempts(f"{text} is in the log", shown=gateway.log):
        if text in gateway.log():
            return
        assert gateway.is_running, gateway.log()
