"""The gateway is killed and comes back; producers and subscribers continue."""

import asyncio
from pathlib import Path

from tests.support.event_stream import EventStream
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.waiting import until
from tests.support.worker import publish


async def test_a_stream_resumes_exactly_behind_its_last_line(tmp_path: Path) -> None:
    """After a kill, ``Last-Event-ID`` continues with the next line: none missing, none doubled."""
    lines = [f"line {number}" for number in range(1, 1001)]
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "build", lines[:500])
        stream = EventStream(gateway.stream_url("build"))
        await stream.read(until=lambda seen: len(seen.entries) >= 321)
        await gateway.restart()
        await publish(gateway.grpc_address, "build", lines[500:], end=True)
        recording = await stream.read()
    assert recording.messages == lines
    assert recording.sequences == list(range(1, 1001))
    assert recording.is_complete


async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """Every line whose acknowledgement arrived is there after SIGKILL, in order."""
    async with running_gateway(tmp_path) as gateway:
        for part in range(20):
            await publish(gateway.grpc_address, "build", [f"{part}.{number}" for number in range(50)])
        gateway.kill()
        await gateway.start()
        recording = await EventStream(gateway.stream_url("build")).read(until=lambda seen: len(seen.entries) == 1000)
    assert recording.messages == [f"{part}.{number}" for part in range(20) for number in range(50)]


async def test_a_stop_ends_streams_with_a_reason_and_exits_with_zero(tmp_path: Path) -> None:
    """SIGTERM tells open streams to come back, then the process ends cleanly."""
    gateway = GatewayProcess(tmp_path)
    await gateway.start()
    try:
        stream = EventStream(gateway.stream_url("build"))
        reading = asyncio.create_task(stream.read())
        await publish(gateway.grpc_address, "build", ["hello"])
        await until(lambda: stream.recording.entries, "the line has come")
        exit_code = await gateway.stop()
        recording = await reading
    finally:
        gateway.kill()
    assert exit_code == 0
    assert [(notice.name, notice.data["code"]) for notice in recording.notices] == [("error", "SERVER_SHUTDOWN")]
