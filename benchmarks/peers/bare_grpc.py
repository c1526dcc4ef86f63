"""What grpcio costs by itself: a handler of Otto's wire that answers each message and does nothing else.

Run as ``python -m benchmarks.peers.bare_grpc PORT``.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator

import grpc
import uvloop
from ottoscaler.v1 import log_streaming_pb2, log_streaming_pb2_grpc


class Answering(log_streaming_pb2_grpc.OttoHandlerLogServiceServicer):
    """Says to every line that it was taken."""

    async def ForwardWorkerLogs(  # noqa: N802 - the name is the contract's
        self,
        request_iterator: AsyncIterator[log_streaming_pb2.WorkerLogEntry],
        context: object,  # noqa: ARG002 - the signature is grpcio's
    ) -> AsyncIterator[log_streaming_pb2.LogForwardResponse]:
        """Count and answer."""
        sequence = 0
        async for _ in request_iterator:
            sequence += 1
            yield log_streaming_pb2.LogForwardResponse(sequence=sequence)


async def serve(port: int) -> None:
    """Serve until killed."""
    server = grpc.aio.server()
    log_streaming_pb2_grpc.add_OttoHandlerLogServiceServicer_to_server(Answering(), server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    gc.freeze()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
