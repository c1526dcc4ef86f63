"""Requests that no browser sends. Threats: a traceback for a few bytes, an answer that programs cannot read, a hang."""

import asyncio
from pathlib import Path

from tests.support.bare_http import bare_request
from tests.support.gateway_log import trouble
from tests.support.gateway_process import running_gateway
from tests.support.waiting import attempts

STREAM = "/api/v1/log-streaming/logs"
TICKET = "/api/v1/auth/ticket"
POLL = "/socket.io/?EIO=4&transport=polling"
UPGRADE = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: {}\r\nSec-WebSocket-Key: {}"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def request(
    method: str, path: str, *headers: str, body: bytes = b"", host: str = "localhost", version: str = "1.1"
) -> bytes:
    lines = [f"{method} {path} HTTP/{version}", f"Host: {host}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


def handshake(path: str, version: str = "13", key: str = KEY, method: str = "GET", *headers: str) -> bytes:
    return request(method, path, UPGRADE.format(version, key), *headers)


REFUSED = {
    "bytes in a query": (400, "INVALID_ARGUMENT", request("GET", f"{STREAM}/t/stream?level=\xff")),
    "bytes in a socket.io query": (400, "INVALID_ARGUMENT", request("GET", f"{POLL}&\xff=1")),
    "bytes in a path": (400, "INVALID_ARGUMENT", request("GET", "/\xff")),
    "an identifier that is no text": (400, "INVALID_ARGUMENT", request("GET", f"{STREAM}/%ff/stream")),
    "an identifier with a NUL": (400, "INVALID_ARGUMENT", request("GET", f"{STREAM}/%00/stream")),
    "an identifier of nothing": (400, "INVALID_ARGUMENT", request("GET", f"{STREAM}//stream")),
    "a slash that is not encoded": (404, "NOT_FOUND", request("GET", f"{STREAM}/a/b/stream")),
    "a slash behind a path": (404, "NOT_FOUND", request("GET", "/docs/")),
    "an encoded path": (404, "NOT_FOUND", request("GET", "/api/v1/log%2dstreaming/logs/t/stream")),
    "two slashes": (404, "NOT_FOUND", request("GET", "//docs")),
    "an address without a path": (400, "INVALID_ARGUMENT", request("GET", "http://other")),
    "the server itself": (404, "NOT_FOUND", request("OPTIONS", "*")),
    "a tunnel": (400, "INVALID_ARGUMENT", request("CONNECT", "x:1")),
    "a trace": (405, "METHOD_NOT_ALLOWED", request("TRACE", "/")),
    "an unknown method": (400, "INVALID_ARGUMENT", request("SHOUT", "/")),
    "TLS on the port of HTTP": (400, "INVALID_ARGUMENT", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "HTTP/2 by itself": (400, "INVALID_ARGUMENT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a version that there is not": (400, "INVALID_ARGUMENT", request("GET", "/", version="3.7")),
    "two lengths": (400, "INVALID_ARGUMENT", request("POST", TICKET, "Content-Length: 1", "Content-Length: 2")),
    "a length and chunks": (
        400,
        "INVALID_ARGUMENT",
        request("POST", TICKET, "Content-Length: 1", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    "no host": (400, "INVALID_ARGUMENT", b"GET /healthz/live HTTP/1.1\r\n\r\n"),
    "two hosts": (400, "INVALID_ARGUMENT", request("GET", "/healthz/live", "Host: other")),
    "two hosts, HTTP/1.0": (400, "INVALID_ARGUMENT", request("GET", "/healthz/live", "Host: other", version="1.0")),
    "a negative length": (400, "INVALID_ARGUMENT", request("POST", TICKET, "Content-Length: -1")),
    "an endless length": (400, "INVALID_ARGUMENT", request("POST", TICKET, f"Content-Length: {'9' * 30}")),
    "a long body": (413, "PAYLOAD_TOO_LARGE", request("POST", TICKET, "Content-Length: 99999999999")),
    "a long socket.io body": (413, "PAYLOAD_TOO_LARGE", request("POST", f"{POLL}&sid=x", "Content-Length: 99999999")),
    "a chunk that is none": (
        400,
        "INVALID_ARGUMENT",
        request("POST", TICKET, "Transfer-Encoding: chunked", body=b"zz\r\n\r\n"),
    ),
    "a body that is no text": (
        400,
        "INVALID_ARGUMENT",
        request("POST", TICKET, "Content-Length: 14", body=b'{"taskId":"\xff"}'),
    ),
    "half a character": (
        400,
        "INVALID_ARGUMENT",
        request("POST", TICKET, "Content-Length: 19", body=b'{"taskId":"\\ud800"}'),
    ),
    "a position that is none": (400, "INVALID_ARGUMENT", request("GET", f"{STREAM}/t/stream", "Last-Event-ID: \xff")),
    "a long head": (431, "HEAD_TOO_LARGE", request("GET", "/", f"X: {'a' * 70_000}")),
    "a long address": (431, "HEAD_TOO_LARGE", request("GET", f"/?{'a' * 70_000}")),
    "a page that may not call": (
        400,
        "INVALID_ARGUMENT",
        request("OPTIONS", "/docs", "Origin: http://bad", "Access-Control-Request-Method: GET"),
    ),
    "an origin that is none": (400, "INVALID_ARGUMENT", request("GET", POLL, "Origin: http://[")),
    "an origin that is none, WebSocket": (
        400,
        "INVALID_ARGUMENT",
        handshake("/socket.io/?EIO=4&transport=websocket", "13", KEY, "GET", "Origin: http://["),
    ),
    "a WebSocket elsewhere": (404, "NOT_FOUND", handshake("/")),
    "a WebSocket key that is none": (400, "INVALID_ARGUMENT", handshake("/socket.io/?EIO=4", key="zz")),
    "an old WebSocket": (400, "INVALID_ARGUMENT", handshake("/socket.io/?EIO=4", "7")),
    "a WebSocket by POST": (405, "METHOD_NOT_ALLOWED", handshake("/socket.io/?EIO=4", method="POST")),
    "an unknown session, WebSocket": (
        400,
        "INVALID_ARGUMENT",
        handshake("/socket.io/?EIO=4&transport=websocket&sid=no"),
    ),
    "an unknown session": (400, "INVALID_ARGUMENT", request("GET", f"{POLL}&sid=no")),
    "a very old Engine.IO": (400, "INVALID_ARGUMENT", request("GET", "/socket.io/?EIO=2&transport=polling")),
    "another transport": (400, "INVALID_ARGUMENT", request("GET", "/socket.io/?EIO=4&transport=smoke")),
    "a host that is none": (403, "PERMISSION_DENIED", request("DELETE", "/api/v1/auth/session", host="[")),
    "socket.io by PUT": (400, "INVALID_ARGUMENT", request("PUT", POLL, "Content-Length: 0")),
}
TAKEN = {
    "a scheme in the address": (200, request("GET", "http://other/healthz/live")),
    "HTTP/1.0": (200, request("GET", "/healthz/live", version="1.0")),
    "an upgrade to HTTP/2": (200, request("GET", "/", "Connection: Upgrade", "Upgrade: h2c")),
    "a wish for metrics of no version": (
        200,
        request("GET", "/metrics", "Accept: application/openmetrics-text;version=abc"),
    ),
    "cookies of bytes": (200, request("GET", "/docs", 'Cookie: \xff=;;;="\\\xfe;otto_session=\xff')),
    "a token of bytes": (204, request("POST", "/api/v1/auth/session", "Authorization: Bearer \xff")),
    "an expectation": (
        200,
        request("POST", TICKET, "Expect: 100-continue", "Content-Length: 2", body=b"{}"),
    ),
}


async def test_every_refusal_has_one_form(tmp_path: Path) -> None:
    """Anyone who makes it: a route, the framework, the server, the WebSocket library, the Socket.IO library."""
    async with running_gateway(tmp_path, CORS_ORIGINS="https://a.example") as gateway:
        for name, (status, code, data) in REFUSED.items():
            answer = await bare_request(gateway.http_port, data)
            assert answer.status == status, (name, answer)
            error = answer.json()["error"]
            assert (error["code"], error.keys() - {"field"}) == (code, {"code", "message"}), name
            assert b"\r\ncontent-type: application/json\r\n" in answer.head.lower(), name
        for name, (status, data) in TAKEN.items():
            assert (await bare_request(gateway.http_port, data)).status == status, name
        assert trouble(gateway.log()) == []


async def test_a_response_is_not_spoiled_by_what_follows_the_request(tmp_path: Path) -> None:
    """Garbage after the request of a stream ends the stream, and does not appear in the middle of it."""
    async with running_gateway(tmp_path) as gateway:
        stream = request("GET", f"{STREAM}/t/stream")
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.http_port)
        writer.write(stream)
        await reader.readuntil(b"retry: ")
        writer.write(b"\x00garbage\r\n\r\n")
        assert b"HTTP/1.1" not in await reader.read()
        writer.close()
        assert trouble(gateway.log()) == []


async def test_a_reset_ends_a_stream_and_the_request_behind_it(tmp_path: Path) -> None:
    """Only the newest request is notified; the older one, the stream, ends as quietly.

    Nothing is read while a request waits behind the stream, so that the reset is noticed when heartbeats are written.
    """
    async with running_gateway(tmp_path, HEARTBEAT_INTERVAL_SECONDS="1") as gateway:
        for number in range(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", gateway.http_port)
            writer.write(request("GET", f"{STREAM}/t{number}/stream"))
            await reader.readuntil(b"retry: ")
            writer.write(request("GET", "/healthz/live"))
            await writer.drain()
            writer.transport.abort()
        health = request("GET", "/api/v1/log-streaming/health")
        async for _ in attempts("the streams have ended"):
            if (await bare_request(gateway.http_port, health)).json()["activeConnections"] == 0:
                break
        await gateway.stop()
        assert trouble(gateway.log()) == []


async def test_a_client_that_hangs_up_in_a_body_is_no_error_of_ours(tmp_path: Path) -> None:
    """Nothing but its own request is lost; the log stays as it is."""
    async with running_gateway(tmp_path) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.http_port)
        writer.write(request("POST", TICKET, "Content-Length: 100", body=b"{"))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert (await bare_request(gateway.http_port, request("GET", "/healthz/live"))).status == 200
        await gateway.stop()
        assert trouble(gateway.log()) == []
