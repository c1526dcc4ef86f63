"""What is no message, on the services of libraries: INVALID_ARGUMENT, as on ours.

Left to itself, gRPC ends such a call with UNKNOWN and writes a traceback, for a few bytes of anybody.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError

__all__ = ["UndecodableRequests"]

Handler = Any
"""``grpc.RpcMethodHandler``: a tuple of a deserializer, a serializer and one of four functions."""

_KINDS: Final = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


class UndecodableRequests(grpc.aio.ServerInterceptor):
    """Lets handlers have bytes, and decodes them where a refusal can still be said."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """The handler of a call, over bytes."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        kind = _KINDS[handler.request_streaming, handler.response_streaming]
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        wrap = _streamed if handler.response_streaming else _single
        function = wrap(getattr(handler, kind), handler.request_deserializer, handler.request_streaming)
        return make(function, None, handler.response_serializer)


def _single(serve: Any, decode: Callable[[bytes], Any], is_streaming: bool) -> Any:
    async def serving(data: Any, context: Any) -> Any:
        return await serve(await _decoded(data, decode, context, is_streaming), context)

    return serving


def _streamed(serve: Any, decode: Callable[[bytes], Any], is_streaming: bool) -> Any:
    async def serving(data: Any, context: Any) -> Any:
        answers = serve(await _decoded(data, decode, context, is_streaming), context)
        if not hasattr(answers, "__aiter__"):  # it writes by itself
            await answers
            return
        async for answer in answers:
            await context.write(answer)

    return serving


async def _decoded(data: Any, decode: Callable[[bytes], Any], context: Any, is_streaming: bool) -> Any:
    return _each(data, decode, context) if is_streaming else await _one(data, decode, context)


async def _each(stream: AsyncIterator[bytes], decode: Callable[[bytes], Any], context: Any) -> AsyncIterator[Any]:
    async for data in stream:
        yield await _one(data, decode, context)


async def _one(data: bytes, decode: Callable[[bytes], Any], context: Any) -> Any:
    try:
        return decode(data)
    except DecodeError as error:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"this is not a message of this call: {error}")
