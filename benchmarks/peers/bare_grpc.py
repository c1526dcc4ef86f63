"""What grpcio costs by itself: a handler of Otto's wire that answers each message and does nothing else.

Run as ``python -m benchmarks.peers.bare_grpc PORT``.
"""

import gc
import sys
from collections.abc import AsyncIterator

import grpc
import uvloop
from ottoscaler.v1 import log_streaming_pb2


async def forward(
    request_iterator: AsyncIterator[log_streaming_pb2.WorkerLogEntry],
    context: object,  # noqa: ARG001 - the signature is grpcio's
) -> AsyncIterator[log_streaming_pb2.LogForwardResponse]:
    """Say to every line that it was taken."""
    sequence = 0
    async for _ in request_iterator:
        sequence += 1
        yield log_streaming_pb2.LogForwardResponse(sequence=sequence)


async def serve(port: int) -> None:
    """Serve until killed."""
    handler = grpc.stream_stream_rpc_method_handler(
        forward,
        request_deserializer=log_streaming_pb2.WorkerLogEntry.FromString,
        response_serializer=log_streaming_pb2.LogForwardResponse.SerializeToString,
    )
    service = "ottoscaler.v1.OttoHandlerLogService"
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"ForwardWorkerLogs": handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    gc.freeze()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
