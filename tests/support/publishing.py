"""Lines for a running gateway, stored when the call returns."""

import secrets

import grpc

from tests.support.producers import NativeProducer, lines_request


async def publish(
    port: int, *messages: str, task_id: str = "t", worker_id: str = "w", token: str | None = None
) -> None:
    """Send lines over the native wire, as one numbered batch of a producer of its own."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        producer = NativeProducer(channel, token)
        await producer.hello(secrets.token_hex(8))
        await producer.send(lines_request(1, messages, task_id=task_id, worker_id=worker_id))
        await producer.acknowledged(1)
