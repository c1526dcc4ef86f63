"""A worker that publishes lines on the native wire and waits until they are on disk.

Run as ``python -m tests.support.worker ADDRESS TASK WORKER < lines`` it is a process of its own; every line of its
input is ``LEVEL<tab>SOURCE<tab>MESSAGE``.
"""

import asyncio
import sys
import uuid
from collections.abc import AsyncIterator, Sequence

import grpc.aio
from otto.logs.v1 import logs_pb2, logs_pb2_grpc

from tests.support.build_output import OutputLine

__all__ = ["publish"]


async def publish(
    address: str,
    task_id: str,
    lines: Sequence[str | OutputLine],
    *,
    worker_id: str = "worker-1",
    end: bool = False,
    batch_lines: int = 100,
) -> None:
    """Publish ``lines``, end the task where ``end`` says so, and return after the last acknowledgement."""
    items = [
        logs_pb2.PublishRequest(
            lines=logs_pb2.LineBatch(
                task_id=task_id,
                worker_id=worker_id,
                lines=list(map(_line, lines[first : first + batch_lines])),
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

    async with grpc.aio.insecure_channel(address) as channel:
        acknowledged = -1
        async for response in logs_pb2_grpc.LogIngestServiceStub(channel).Publish(requests()):
            assert not response.problems, response.problems
            acknowledged = response.acknowledged_number
        assert acknowledged == len(items), f"{acknowledged} of {len(items)} requests were acknowledged"


def _line(line: str | OutputLine) -> logs_pb2.Line:
    if isinstance(line, str):
        return logs_pb2.Line(message=line.encode())
    level = logs_pb2.Level.Value(f"LEVEL_{line.level}")
    source = logs_pb2.Source.Value(f"SOURCE_{line.source.upper()}")
    return logs_pb2.Line(message=line.message.encode(), level=level, source=source)


def main() -> None:
    """Publish what comes in on stdin."""
    address, task_id, worker_id = sys.argv[1:]
    lines = []
    for raw in sys.stdin.buffer.read().split(b"\n")[:-1]:
        level, source, message = raw.decode().split("\t", 2)
        lines.append(OutputLine(message, level, source))
    asyncio.run(publish(address, task_id, lines, worker_id=worker_id))


if __name__ == "__main__":
    main()
