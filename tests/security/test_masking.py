"""Secrets that producers name are nowhere: random ones, in lines cut anywhere, over broken connections."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import grpc
import httpx2
import pytest
from otto.logs.v1 import logs_pb2
from otto_logs import LogProducer

from filters.needles import Needles
from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.job_logs import messages
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.socket_io_client import Recorder
from tests.support.waiting import until

LIVE = "/api/v1/log-streaming"
COLOUR = "\x1b[31m"
TASKS = max(3, int(os.environ.get("FUZZ_EXAMPLES", "0")) // 10)
SEED = int(os.environ.get("FUZZ_SEED", "1"))
SECRET_CHARACTERS = "ABCDEF/+'\"&=é"


@dataclass
class Written:
    """Lines of one task; ``rest`` is what is left of each without its secrets."""

    random: Random
    secrets: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=lambda: [""])
    rest: list[str] = field(default_factory=lambda: [""])

    def __post_init__(self) -> None:
        choose = self.random.choice
        self.secrets = ["".join(choose(SECRET_CHARACTERS) for _ in range(choose(range(6, 40)))) for _ in range(3)]
        for _ in range(12):
            self._write(f"<{choose('mnop')}>")
            self._write(choose(self.secrets), is_secret=True)
            self._write(">")

    def _write(self, text: str, *, is_secret: bool = False) -> None:
        for character in text:
            self.lines[-1] += character
            self.rest[-1] += "" if is_secret else character
            if self.random.random() < 0.1:
                self.lines.append("")
                self.rest.append("")
            elif self.random.random() < 0.1:
                self.lines[-1] += COLOUR
                self.rest[-1] += COLOUR

    def check(self, shown: list[str], where: str) -> None:
        """No secret is there, in no form, and nothing else is missing."""
        text = "".join(shown)
        assert not [secret for secret in self.secrets if secret in text.replace(COLOUR, "")], where
        assert not Needles(self.secrets).spans(text), where
        without = str.maketrans("", "", SECRET_CHARACTERS)  # the beginning of one, whose time was up
        assert [line.replace("***", "").translate(without) for line in shown] == self.rest, where


async def send_native(channel: grpc.aio.Channel, task_id: str, written: Written) -> None:
    """In batches of any size; one connection in three is cut off before anything is acknowledged on it."""
    random = written.random
    requests: list[logs_pb2.PublishRequest] = []
    lines = written.lines[:]
    while lines:
        count = random.randint(1, 4)
        requests.append(lines_request(len(requests) + 1, lines[:count], task_id=task_id))
        lines = lines[count:]
    last = 0
    hello = logs_pb2.PublishRequest(
        hello=logs_pb2.Hello(producer_id=task_id), masks=[logs_pb2.TaskMasks(task_id=task_id, values=written.secrets)]
    )
    while last < len(requests):
        producer = NativeProducer(channel)
        await producer.send(hello)
        last = (await producer.read()).acknowledged_number
        upto = min(len(requests), last + random.randint(1, 8))
        for request in requests[last:upto]:
            await producer.send(request)
        if random.random() < 0.3:
            producer.call.cancel()
        elif last < upto:
            last = (await producer.acknowledged(upto)).acknowledged_number


async def send_otto(gateway: GatewayProcess, channel: grpc.aio.Channel, task_id: str, written: Written) -> None:
    """Line by line, without waiting for answers; the secrets are named over HTTP."""
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        named = await http.post(f"{LIVE}/tasks/{task_id}/masks", json={"values": written.secrets})
        assert (named.status_code, named.json()) == (200, {"taskId": task_id, "refused": []})
    producer = OttoProducer(channel)
    for line in written.lines:
        await producer.send(line, task_id=task_id)
    for _ in written.lines:
        await producer.read()
    await producer.call.done_writing()


async def send_spooled(gateway: GatewayProcess, task_id: str, written: Written, directory: Path) -> None:
    """By a producer that masks by itself, before its spool; no secret is in the files of that."""
    async with LogProducer(gateway.grpc_address, spool_directory=directory) as producer:
        for secret in written.secrets:
            producer.mask(secret)
        for number, line in enumerate(written.lines):
            await producer.log(task_id, "worker-1", line)
            if number % 10 == 9:
                files = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
                assert not [secret for secret in written.secrets for content in files if secret.encode() in content]
        await producer.flush()


@pytest.mark.timeout(24 * 3600 if TASKS > 3 else 300)
async def test_no_secret_is_anywhere(tmp_path: Path) -> None:
    """Neither live, nor in history, downloads, tables, files, metrics nor the gateway's own log; all else is there."""
    print(f"FUZZ_SEED={SEED}")
    async with running_gateway(tmp_path, DEBUG_MODE="true", LOG_LEVEL="DEBUG") as gateway:
        tasks = {f"task-{number}": Written(Random(f"{SEED} {number}")) for number in range(TASKS)}
        async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
            for number, (task_id, written) in enumerate(tasks.items()):
                live = await Recorder().connect(gateway.url)
                await live.call("subscribe-to-logs", {"taskId": task_id})
                if number % 3 == 2:
                    await send_otto(gateway, channel, task_id, written)
                elif number % 3 == 1:
                    await send_spooled(gateway, task_id, written, tmp_path / task_id)
                else:
                    await send_native(channel, task_id, written)
                await check_everywhere(gateway, live, task_id, written, tmp_path, is_masked=number % 3 == 1)
                await live.close()
        metrics = await gateway.metrics()
        assert metrics['otto_masked_total{rule="known"}'] > 0
        assert await gateway.stop() == 0
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    for written in tasks.values():
        for secret in written.secrets:
            assert not [name for name, content in files.items() if secret.encode() in content]
        assert not Needles(written.secrets).spans(gateway.log())  # in no form


async def check_everywhere(
    gateway: GatewayProcess, live: Recorder, task_id: str, written: Written, directory: Path, *, is_masked: bool
) -> None:
    """Args: is_masked: the gateway has been given no secret of it."""
    count = len(written.lines)
    await live.wait(lambda recorder: len(recorder.sequences) == count)
    entries = [entry for batch in live.named("log-entries") for entry in batch] + live.named("log-entry")
    entries.sort(key=lambda entry: int(entry["sequence"]))
    written.check([entry["message"] for entry in entries], "Socket.IO")
    stream = await EventStream(gateway.stream_url(task_id, "after=0")).read(lambda seen: len(seen.messages) == count)
    written.check(stream.messages, "SSE")
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        history = await http.get(f"{LIVE}/logs/{task_id}?after=0&limit=1000")
        stored = [entry["message"] for entry in history.json()["entries"]]
        written.check(stored, "history")
        for kind in ("text", "ndjson"):
            downloaded = (await http.get(f"{LIVE}/logs/{task_id}?format={kind}&download=true")).text.splitlines()
            if kind == "ndjson":
                downloaded = [json.loads(line)["message"] for line in downloaded]
            assert [
                line[len(line) - len(message) :] for line, message in zip(downloaded, stored, strict=True)
            ] == stored
        counts = (await http.get(f"{LIVE}/tasks/{task_id}/masks")).json()
        assert (counts["total"] == counts["rules"].get("known", 0) > 0) or is_masked
    database = directory / "otto.db"
    await until(lambda: len(messages(database, task_id)) >= count, "the rows are there")
    rows = messages(database, task_id)[:count]
    assert [row[len(row) - len(message) :] for row, message in zip(rows, stored, strict=True)] == stored
