"""Answers to HTTP/1.0."""

import asyncio
import sys

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from gateway.http.connection import connection_of, http_protocol_class
from gateway.http.unchunked import without_framing
from tests.support.http_server import serve

TEXT = b"data: line\n\n" * 30
FRAMED = b"168\r\n" + TEXT + b"\r\n"


class _Direct(Response):
    """A head, shared chunks past the server, and the end."""

    async def __call__(self, scope, receive, send):  # type: ignore[no-untyped-def]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        assert connection_of(scope).write(FRAMED * 2)
        await send({"type": "http.response.body", "body": b"end"})


def _streamed(_request: Request) -> Response:
    return StreamingResponse(iter([TEXT, b"", TEXT, b"end"]))


def _measured(_request: Request) -> Response:
    return JSONResponse([1])


APP = Starlette(
    routes=[
        Route("/direct", lambda _: _Direct()),
        Route("/streamed", _streamed),
        Route("/measured", _measured),
    ]
)


@pytest.mark.parametrize("library", ["httptools", "h11"])
async def test_an_answer_in_http_1_0_has_no_chunks(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the bytes that HTTP/1.1 has, up to the end of the connection."""
    if library == "h11":
        monkeypatch.setitem(sys.modules, "uvicorn.protocols.http.httptools_impl", None)
    async with serve(APP, http=http_protocol_class()) as url, httpx2.AsyncClient(base_url=url) as client:
        for path in ("/direct", "/streamed", "/measured"):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
            writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
            writer.close()
            assert b"transfer-encoding" not in head.lower()
            assert b"connection: close" in head.lower()
            assert body == (await client.get(path)).content


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=8))
def test_the_framing_of_chunks_is_taken_off(texts: list[bytes]) -> None:
    """Whatever is in them; the last, empty one ends the answer and leaves nothing."""
    framed = b"".join(b"%x\r\n%b\r\n" % (len(text), text) for text in texts)
    assert without_framing(framed) == without_framing(framed + b"0\r\n\r\n") == b"".join(texts)
