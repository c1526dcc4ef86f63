"""A server that does nothing but answer, to see how long the machine alone makes a request wait.

Run as ``python -m tests.attacks.bare_server``; prints its port.
"""

import asyncio

_ANSWER = b'HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{"status":"alive"}'


class _Answering(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for _ in range(data.count(b"\r\n\r\n")):
            self._transport.write(_ANSWER)


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(_Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
