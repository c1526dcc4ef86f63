"""Workers: one inside the test on the bare stubs, and one as a process of its own with the ``otto_logs`` client.

Run as ``python -m tests.support.worker ADDRESS TASK WORKER < lines``; every line of the input is
``LEVEL<tab>SOURCE<tab>MESSAGE``. It ends once the gateway has everything on disk, however often that was restarted.
"""

import sys
import uuid
from collections.abc import AsyncIterator, Sequence

import grpc.aio
from otto.logs.v1 import logs_pb2, logs_pb2_grpc
from otto_logs import ProducerLimits, SpoolPolicy, SyncLogProducer

__all__ = ["publish"]

FLUSH_SECONDS_MAX = 300.0
LIMITS = ProducerLimits(spool_bytes_max=1 << 20, batch_bytes_max=64 << 10, backoff_seconds_max=0.5)
"""A small spool, so that the gateway sets the pace."""


async def publish(
    address: str,
    task_id: str,
    lines: Sequence[str],
    *,
    worker_id: str = "worker-1",
    end: bool = False,
    batch_lines: int = 100,
    token: str | None = None,
) -> None:
    """Publish ``lines``, end the task where ``end`` says so, and return after the last acknowledgement."""
    items = [
        logs_pb2.PublishRequest(
            lines=logs_pb2.LineBatch(
                task_id=task_id,
                worker_id=worker_id,
                lines=[logs_pb2.Line(message=text.encode()) for text in lines[first : first + batch_lines]],
            )
        )
        for first in range(0, len(lines), batch_lines)
    ]
    if end:
        items.append(logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id=task_id)))

    async def requests() -> AsyncIterator[logs_pb2.PublishRequest]:
        yield logs_pb2.PublishRequest(hello=logs_pb2.Hello(producer_id=str(uuid.uuid4()), agent="tests"))
        for number, item in enumerate(items, 1):
            item.number = number
            yield item

    metadata = (("authorization", f"Bearer {token}"),) if token is not None else ()
    async with grpc.aio.insecure_channel(address) as channel:
        acknowledged = -1
        async for response in logs_pb2_grpc.LogIngestServiceStub(channel).Publish(requests(), metadata=metadata):
            assert not response.problems, response.problems
            acknowledged = response.acknowledged_number
        assert acknowledged == len(items), f"{acknowledged} of {len(items)} requests were acknowledged"


def main() -> None:
    """Publish what comes in on stdin."""
    address, task_id, worker_id = sys.argv[1:]
    with SyncLogProducer(address, policy=SpoolPolicy.BLOCK, limits=LIMITS) as producer:
        for raw in sys.stdin.buffer.read().split(b"\n")[:-1]:
            level, source, message = raw.decode().split("\t", 2)
            producer.log(task_id, worker_id, message, level=level, source=source)
        producer.flush(FLUSH_SECONDS_MAX)


if __name__ == "__main__":
    main()
