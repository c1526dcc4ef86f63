"""Awkward lines by every entrance, read back at every exit: the same text everywhere, altered only if it has to be.

Altered may be what is no UTF-8 (replaced) and what is too long (cut); nothing else.
"""

import re
import sqlite3
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import httpx2
import msgspec
import zstandard
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2

from tests.support.awkward_lines import AWKWARD_LINES, as_shown, as_stored
from tests.support.commands import otto_logs
from tests.support.gateway_log import trouble
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.producers import NativeProducer, OttoProducer
from tests.support.socket_io_client import Recorder
from tests.support.waiting import attempts

LINES = list(AWKWARD_LINES.values())
SHORT_LINES = 30_000
_MESSAGE_FIELD = 6
_TEXT = 2  # a length, and so many bytes (protobuf's wire type)


async def native(gateway: GatewayProcess, task_id: str) -> None:
    """Batches of bytes."""
    async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
        producer = NativeProducer(channel)
        await producer.hello("awkward")
        for number, line in enumerate(LINES, 1):
            batch = logs_pb2.LineBatch(task_id=task_id, worker_id="w", lines=[logs_pb2.Line(message=line)])
            await producer.send(logs_pb2.PublishRequest(number=number, lines=batch))
        ending = logs_pb2.EndOfTask(task_id=task_id)
        await producer.send(logs_pb2.PublishRequest(number=len(LINES) + 1, end_of_task=ending))
        await producer.acknowledged(len(LINES) + 1)
        producer.call.cancel()


def otto(method: str) -> Callable[[GatewayProcess, str], Awaitable[None]]:
    """Otto's wire, where a message should be text and what a program prints is not always."""

    async def send(gateway: GatewayProcess, task_id: str) -> None:
        async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
            producer = OttoProducer(channel, method)
            for line in LINES:
                ids = log_streaming_pb2.LogEntry(worker_id="w", task_id=task_id).SerializeToString()
                await producer.send_raw(ids + bytes([_MESSAGE_FIELD << 3 | _TEXT]) + varint(len(line)) + line)
                assert (await producer.read()).sequence
            await producer.call.done_writing()
            await producer.ended()
            report: Any = channel.unary_unary("/ottoscaler.v1.OttoHandlerLogService/NotifyWorkerStatus")
            completed = log_streaming_pb2.WorkerStatusNotification.COMPLETED
            status = log_streaming_pb2.WorkerStatusNotification(worker_id="w", task_id=task_id, status=completed)
            await report(status.SerializeToString())

    return send


async def command(gateway: GatewayProcess, task_id: str) -> None:
    """``otto-logs send``, over a pipe."""
    output = b"".join(line + b"\n" for line in LINES)
    ended = await otto_logs("send", "--task", task_id, "--gateway", gateway.grpc_address, input=output)
    assert ended.code == 0, ended.stderr


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def event_stream(coding: str) -> Callable[[GatewayProcess, str], Awaitable[list[str]]]:
    """Server-Sent Events, read as the standard says."""

    async def read(gateway: GatewayProcess, task_id: str) -> list[str]:
        async with httpx2.AsyncClient() as http:
            request = http.build_request("GET", gateway.stream_url(task_id), headers={"Accept-Encoding": coding})
            answer = await http.send(request, stream=True)
            raw = b"".join([piece async for piece in answer.aiter_raw()])
            await answer.aclose()
        assert answer.headers.get("content-encoding", "identity") == coding
        if coding == "gzip":
            raw = zlib.decompress(raw, 16 + zlib.MAX_WBITS)
        elif coding == "zstd":
            raw = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True).read()
        *events, (kind, _) = parsed(raw)
        assert kind == "complete"
        assert {name for name, _ in events} == {"message"}
        return [msgspec.json.decode(data)["message"] for _, data in events]

    return read


def parsed(stream: bytes) -> list[tuple[str, str]]:
    """Events by the rules of the standard: any of CR, LF and CRLF ends a line, a blank line an event."""
    events, name, data = [], "message", ""
    for line in re.split(r"\r\n|\n|\r", stream.decode()):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append((name, data))
            name, data = "message", ""
        elif field == "event":
            name = value
        elif field == "data":
            assert not data, "a line is one line of data"
            data = value
        else:
            assert field in ("id", "retry"), line[:100]
    return events


def socket_io(transport: str, *, batch: bool) -> Callable[[GatewayProcess, str], Awaitable[list[str]]]:
    """A Socket.IO client."""

    async def read(gateway: GatewayProcess, task_id: str) -> list[str]:
        client = await Recorder().connect(gateway.websocket_url, transports=[transport])
        await client.call("subscribe-to-logs", {"taskId": task_id, "batch": batch})
        await client.wait_for("log-complete")
        await client.close()
        single = [entry["message"] for entry in client.named("log-entry")]
        return single + [entry["message"] for entries in client.named("log-entries") for entry in entries]

    return read


def polling(coding: str) -> Callable[[GatewayProcess, str], Awaitable[list[str]]]:
    """The polling API."""

    async def read(gateway: GatewayProcess, task_id: str) -> list[str]:
        url = f"{gateway.url}/api/automation/logs?jobId={task_id}"
        async with httpx2.AsyncClient() as http:
            answer = await http.get(url, headers={"Accept-Encoding": coding})
        return [row["log_message"] for row in msgspec.json.decode(answer.content)["logs"]]

    return read


async def table(gateway: GatewayProcess, task_id: str) -> list[str]:
    """The rows of `job_logs`, as old programs read them."""
    with sqlite3.connect(gateway.database) as connection:
        rows = connection.execute(
            "SELECT log_message FROM job_logs WHERE job_id = ? ORDER BY id", (task_id,)
        ).fetchall()
    connection.close()
    return [text for (text,) in rows]


async def tail(gateway: GatewayProcess, task_id: str) -> list[str]:
    """``otto-logs tail`` as JSON."""
    ended = await otto_logs("tail", "--url", gateway.url, "--json", task_id)
    return [msgspec.json.decode(line)["message"] for line in ended.stdout.split(b"\n") if line]


SENT = [shown for line in LINES for shown in as_shown(line)]
ENTRANCES: dict[str, tuple[Callable[[GatewayProcess, str], Awaitable[None]], list[bytes]]] = {
    "native": (native, LINES),
    "StreamLogs": (otto("StreamLogs"), LINES),
    "ForwardWorkerLogs": (otto("ForwardWorkerLogs"), LINES),
    "send": (command, SENT),
}
EXITS: dict[str, Callable[[GatewayProcess, str], Awaitable[list[str]]]] = {
    "SSE": event_stream("identity"),
    "SSE gzip": event_stream("gzip"),
    "SSE zstd": event_stream("zstd"),
    "Socket.IO": socket_io("websocket", batch=False),
    "Socket.IO batch": socket_io("websocket", batch=True),
    "Socket.IO polling": socket_io("polling", batch=False),
    "Socket.IO polling batch": socket_io("polling", batch=True),
    "polling": polling("identity"),
    "polling gzip": polling("gzip"),
    "SQL": table,
    "tail": tail,
}


def difference(expected: list[bytes], found: list[str]) -> list[str]:
    """The lines that are not as they should be, by the names of the corpus where they have one."""
    names = {line: name for name, line in AWKWARD_LINES.items()}
    wrong = [f"{len(found)} lines instead of {len(expected)}"] if len(found) != len(expected) else []
    for line, text in zip(expected, found, strict=False):
        if as_stored(line) != text:
            wrong.append(f"{names.get(line, '?')}: {as_stored(line)[:60]!r} became {text[:60]!r}")
    return wrong


async def copied(gateway: GatewayProcess, task_id: str, count: int) -> None:
    """Wait until the polling table has so many rows of a task; it is behind the live path."""
    async for _ in attempts("all rows are there"):
        if len(await table(gateway, task_id)) >= count:
            break


async def test_every_line_comes_out_as_it_went_in(tmp_path: Path) -> None:
    """By every entrance, at every exit: the table of the two is empty where all is well."""
    wrong: dict[str, list[str]] = {}
    async with running_gateway(tmp_path, DURABILITY="process", CLOSING_ROWS="never") as gateway:
        for entrance, (send, expected) in ENTRANCES.items():
            await send(gateway, entrance)
            await copied(gateway, entrance, len(expected))
            for exit_, read in EXITS.items():
                if found := difference(expected, await read(gateway, entrance)):
                    wrong[f"{entrance} -> {exit_}"] = found
        assert wrong == {}
        assert trouble(gateway.log()) == []


async def test_thirty_thousand_short_lines_come_out_whole(tmp_path: Path) -> None:
    """From one pipe to every kind of exit, none missing, none twice, in order."""
    expected = [str(number).encode() for number in range(SHORT_LINES)]
    exits = ("SSE zstd", "Socket.IO batch", "polling gzip", "SQL")
    async with running_gateway(tmp_path, DURABILITY="process", CLOSING_ROWS="never") as gateway:
        output = b"\n".join(expected)
        ended = await otto_logs("send", "--task", "short", "--gateway", gateway.grpc_address, input=output)
        assert ended.code == 0, ended.stderr
        await copied(gateway, "short", SHORT_LINES)
        for exit_ in exits:
            assert difference(expected, await EXITS[exit_](gateway, "short")) == [], exit_
