"""Messages that were valid once, on every RPC of a real gateway.

``FUZZ_CALLS`` (calls per RPC, default 30) and ``FUZZ_SEED`` choose how many and which. Threats: a status that says
nothing, a traceback per message, a stream that never ends, half of a batch in the journal, a gateway that is of no use
to anybody else afterwards.
"""

import asyncio
import os
import random
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from otto.logs.v1 import logs_pb2
from ottoscaler.v1 import log_streaming_pb2

from storage.journal.sqlite import SqliteJournal
from tests.support.gateway_log import trouble
from tests.support.gateway_process import running_gateway
from tests.support.mutated_bytes import Mutator, random_message
from tests.support.waiting import WAIT_SECONDS_MAX
from tests.support.watched_journal import WatchedJournal
from tests.support.worker import publish

CALLS = int(os.environ.get("FUZZ_CALLS", "30"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))  # `make fuzz` draws one
AT_ONCE = 8

POD = logs_pb2.PodMetadata(pod_name="pod", namespace="n", node_name="node", created_at="now", labels={"a": "b"})
LINES = logs_pb2.LineBatch(
    task_id="t",
    worker_id="w",
    lines=[
        logs_pb2.Line(message=b"one", time_unix_nano=1_700_000_000_000_000_000, level=3, metadata={"k": "v"}),
        logs_pb2.Line(message="둘".encode(), source=2),
        logs_pb2.Line(),
    ],
    pod_metadata=POD,
)
NATIVE = [
    logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id="p", agent="fuzz")),
    logs_pb2.PublishRequest(number=1, lines=LINES),
    logs_pb2.PublishRequest(number=2, worker_status=logs_pb2.WorkerStatusReport(task_id="t", worker_id="w", status=3)),
    logs_pb2.PublishRequest(number=3, end_of_task=logs_pb2.EndOfTask(task_id="t", failed=True, reason="r")),
    logs_pb2.PublishRequest(
        number=4,
        stage_progress=logs_pb2.StageProgress(
            pipeline_id="p",
            stage_id="s",
            status=2,
            message="m",
            worker_pod_names=["a", "b"],
            progress_percentage=50,
            metrics=logs_pb2.StageMetrics(duration_seconds=1, avg_cpu_usage=0.5),
        ),
    ),
]
LINE: dict[str, Any] = {
    "worker_id": "w",
    "task_id": "t",
    "timestamp": "2026-01-31T13:45:00Z",
    "level": "warning",
    "source": "stderr",
    "message": "한 줄",
    "metadata": {"k": "v"},
}
WORKER = log_streaming_pb2.WorkerMetadata(pod_name="pod", namespace="n", labels={"a": "b"})
OTTO = [log_streaming_pb2.LogEntry(**LINE)]
FORWARDED = [log_streaming_pb2.WorkerLogEntry(**LINE, pod_metadata=WORKER)]
REGISTRATIONS = [log_streaming_pb2.WorkerRegistration(worker_id="w", task_id="t", metadata=WORKER)]
STATUSES = [log_streaming_pb2.WorkerStatusNotification(worker_id="w", task_id="t", status=2, timestamp="x", reason="r")]
HEALTH = [health_pb2.HealthCheckRequest(service="otto.logs.v1.LogIngestService")]
REFLECTION = [
    reflection_pb2.ServerReflectionRequest(list_services=""),
    reflection_pb2.ServerReflectionRequest(file_by_filename="otto/logs/v1/logs.proto"),
    reflection_pb2.ServerReflectionRequest(file_containing_symbol="otto.logs.v1.LineBatch"),
    reflection_pb2.ServerReflectionRequest(
        file_containing_extension=reflection_pb2.ExtensionRequest(containing_type="x.Y", extension_number=-1)
    ),
]
RPCS = {
    "/otto.logs.v1.LogIngestService/Publish": NATIVE,
    "/ottoscaler.v1.LogStreamingService/StreamLogs": OTTO,
    "/ottoscaler.v1.LogStreamingService/RegisterWorker": REGISTRATIONS,
    "/ottoscaler.v1.OttoHandlerLogService/ForwardWorkerLogs": FORWARDED,
    "/ottoscaler.v1.OttoHandlerLogService/NotifyWorkerStatus": STATUSES,
    "/grpc.health.v1.Health/Check": HEALTH,
    "/grpc.health.v1.Health/Watch": HEALTH,
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": REFLECTION,
    "/otto.logs.v1.LogIngestService/Subscribe": NATIVE,
}
OUR_OWN_FAULT = {
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.DATA_LOSS,
    grpc.StatusCode.DEADLINE_EXCEEDED,
}
ENDLESS = "/grpc.health.v1.Health/Watch"


def call(channel: grpc.Channel, rpc: str, messages: list[bytes]) -> grpc.StatusCode:
    """Say all messages, half-close, read to the end; the status.

    Not by grpc.aio, whose calls forget the status where a message could not be sent any more.
    """
    answers: Any = channel.stream_stream(rpc)(iter(messages), timeout=WAIT_SECONDS_MAX)
    try:
        for _ in answers:
            if rpc == ENDLESS:
                answers.cancel()
    except grpc.RpcError:
        pass
    code: grpc.StatusCode = answers.code()
    return code


def storm(address: str, rpc: str, seeds: list[Any]) -> Counter[grpc.StatusCode]:
    """Calls of one RPC, several at once."""
    mutator = Mutator([seed.SerializeToString() for seed in seeds], SEED + len(rpc))
    chance = random.Random(SEED)
    several = []
    for number in range(CALLS):
        count = chance.choice((1, 1, 3, 10))
        if chance.random() < 0.5:
            messages = [mutator.one() for _ in range(count)]
        else:
            drawn = [random_message(type(seeds[0]), chance) for _ in range(count)]
            for place, message in enumerate(drawn, 1):
                if seeds is NATIVE:  # numbers that are right lead further in
                    cast(logs_pb2.PublishRequest, message).number = place
            messages = [message.SerializeToString() for message in drawn]
        if seeds is NATIVE and chance.random() < 0.8:  # a stream that does not begin with its Hello is over soon
            hello = logs_pb2.Hello(producer_id=f"p-{number if chance.random() < 0.8 else 0}")
            messages.insert(0, logs_pb2.PublishRequest(hello=hello).SerializeToString())
        several.append(messages)
    with grpc.insecure_channel(address) as channel, ThreadPoolExecutor(AT_ONCE) as threads:
        return Counter(threads.map(lambda messages: call(channel, rpc, messages), several))


@pytest.mark.timeout(24 * 3600 if CALLS > 1000 else 900)
async def test_any_bytes_are_answered_with_a_status_that_says_what_is_wrong(tmp_path: Path) -> None:
    """Never INTERNAL or UNKNOWN, never a hang; a good producer is served as before, and the journal is whole."""
    print(f"FUZZ_SEED={SEED} FUZZ_CALLS={CALLS}")
    async with running_gateway(tmp_path, DURABILITY="process", CLOSING_ROWS="never") as gateway:
        for rpc, seeds in RPCS.items():
            codes = await asyncio.to_thread(storm, gateway.grpc_address, rpc, seeds)
            print(rpc.rpartition("/")[2], {code.name: count for code, count in codes.items()})
            assert not OUR_OWN_FAULT & codes.keys(), (rpc, codes)
        await publish(gateway.grpc_address, "good", ["one", "two"], end=True)
        assert await gateway.stop() == 0
        assert trouble(gateway.log()) == []
        assert (await whole_journal(gateway.database))["good"] == ["one", "two"]


async def whole_journal(database: Path) -> dict[str, list[str]]:
    """Every message of every task, read as by a subscriber's catch-up: with right checksums, and no number missing."""
    with sqlite3.connect(database) as connection:
        names = [name for (name,) in connection.execute("SELECT task_id FROM journal_tasks")]
    connection.close()
    journal = WatchedJournal(await SqliteJournal.open(database))
    found = {}
    for name in names:
        entries = await journal.entries(name)
        assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1)), name
        found[name] = [entry.message for entry in entries]
    await journal.inner.close()
    return found
