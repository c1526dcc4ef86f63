"""What a request's headers say, and which of them refuse the call."""

from typing import Any

import pytest

from gateway.grpc_server.requests import HttpRefusal, Request, read_request
from gateway.grpc_server.status import GrpcStatus, RefusedError
from tests.support.echo_service import ECHO, EchoService, serving
from tests.support.raw_http2 import RawHttp2, data, grpc_message, headers_frame, request_headers

GOOD = request_headers("/a.B/C")


def read(headers: list[tuple[str, str]], *, bytes_max: int = 10_000) -> Request:
    return read_request(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers], bytes_max=bytes_max
    )


def without(name: str) -> list[tuple[str, str]]:
    return [header for header in GOOD if header[0] != name]


def test_a_request_has_path_metadata_timeout_and_encoding() -> None:
    """Headers of HTTP and gRPC are read; everything else is metadata, in order, binary where its key says so."""
    request = read(
        [*GOOD, ("grpc-timeout", "1500m"), ("grpc-encoding", "gzip"), ("a", "1"), ("b-bin", "AAE"), ("a", "")]
    )
    assert (request.path, request.timeout_seconds, request.encoding) == ("/a.B/C", 1.5, "gzip")
    assert request.metadata == [("a", "1"), ("b-bin", b"\0\1"), ("a", "")]


MALFORMED: dict[str, list[tuple[str, str]]] = {
    "white space around a value": [*GOOD, ("authorization", "bearer  ")],
    "white space before a value": [*GOOD, ("a", "\tb")],
    "nothing but white space": [*GOOD, ("a", " ")],
    "a line feed in a value": [*GOOD, ("a", "b\nc: d")],
    "an upper-case name": [*GOOD, ("Name", "value")],
    "a name with a colon": [*GOOD, ("na:me", "value")],
    "an empty name": [*GOOD, ("", "value")],
    "a header of the connection": [*GOOD, ("connection", "close")],
    "another te": [*GOOD, ("te", "gzip")],
    "a pseudo-header twice": [(":path", "/x"), *GOOD],
    "a pseudo-header after others": [*without(":path"), (":path", "/x")],
    "an unknown pseudo-header": [(":status", "200"), *GOOD],
    "no path": without(":path"),
    "an empty path": [(":path", ""), *without(":path")],
    "no method": without(":method"),
    "no authority": without(":authority"),
    "two hosts": [*without(":authority"), ("host", "a"), ("host", "b")],
    "another host than the authority": [*GOOD, ("host", "other")],
}


@pytest.mark.parametrize("headers", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_headers_are_answered_with_400(headers: list[tuple[str, str]]) -> None:
    """RFC 9113, 8.2 and 8.3."""
    with pytest.raises(HttpRefusal) as refused:
        read(headers)
    assert dict(refused.value.headers)[":status"] == "400"


def test_the_host_may_stand_for_the_authority() -> None:
    """Some proxies send the one, some the other, some both."""
    assert read([*without(":authority"), ("host", "test")]).path == "/a.B/C"
    assert read([*GOOD, ("host", "test")]).path == "/a.B/C"


REFUSED: dict[str, tuple[list[tuple[str, str]], GrpcStatus]] = {
    "too many bytes": ([*GOOD, ("a", "b" * 10_000)], GrpcStatus.RESOURCE_EXHAUSTED),
    "an unknown encoding": ([*GOOD, ("grpc-encoding", "br")], GrpcStatus.UNIMPLEMENTED),
    "a wrong timeout": ([*GOOD, ("grpc-timeout", "soon")], GrpcStatus.INTERNAL),
    "metadata that is not base64": ([*GOOD, ("a-bin", "!")], GrpcStatus.INTERNAL),
}


@pytest.mark.parametrize(("headers", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_headers_that_no_call_may_have_are_refused(headers: list[tuple[str, str]], status: GrpcStatus) -> None:
    """The status that gRPC has for it."""
    with pytest.raises(RefusedError) as refused:
        read(headers)
    assert refused.value.status is status


@pytest.mark.parametrize(
    ("name", "value", "status"), [(":method", "GET", "405"), ("content-type", "application/json", "415")]
)
def test_what_is_no_call_is_refused_as_http(name: str, value: str, status: str) -> None:
    """Another method than POST, another content type than gRPC's."""
    headers = [(key, value if key == name else old) for key, old in GOOD]
    with pytest.raises(HttpRefusal) as refused:
        read(headers)
    assert dict(refused.value.headers)[":status"] == status


@pytest.mark.parametrize("header", [("authorization", "bearer  "), ("Upper", "case"), ("connection", "close")])
async def test_a_malformed_request_ends_no_other_call(header: tuple[str, str]) -> None:
    """The connection and its other calls continue."""
    service = EchoService()
    async with serving(service) as (_, port), await RawHttp2.connect(port) as client:
        client.open(1, ECHO)
        client.send(headers_frame(3, [*request_headers(ECHO), header]), data(3, grpc_message(b"dropped")))
        refused: Any = await client.ended(3)
        assert refused[":status"] == "400"
        client.send(data(1, grpc_message(b"good"), end=True))
        assert (await client.ended(1))["grpc-status"] == "0"
        assert client.body(1) == grpc_message(b"good")
        assert service.opened == 1
