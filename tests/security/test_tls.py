"""TLS and mutual TLS with real certificates, on both servers of one gateway."""

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest

from gateway.app import Gateway
from gateway.http.sockets import ListenError
from gateway.settings.model import Settings
from tests.support.certificates import Authority
from tests.support.producers import OttoProducer

Start = Callable[..., Awaitable[Gateway]]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    (tmp_path / "stranger").mkdir()
    return Authority(tmp_path / "stranger")


@pytest.fixture
async def start(tmp_path: Path, authority: Authority) -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(**settings: Any) -> Gateway:
            certificate, key = authority.issue("localhost")
            files: dict[str, Any] = {}
            for server in ("http", "grpc"):
                files |= {f"{server}_tls_certificate_file": certificate, f"{server}_tls_key_file": key}
            ports = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
            url = f"sqlite:///{tmp_path}/otto.db"
            gateway = await Gateway.start(
                Settings(database_url=url, durability="process", shutdown_grace_seconds=1, **ports, **files, **settings)
            )
            stack.push_async_callback(gateway.stop)
            return gateway

        yield started


def client_context(authority: Authority, pair: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.certificate))
    if pair is not None:
        context.load_cert_chain(*pair)
    return context


async def over_http(gateway: Gateway, authority: Authority, pair: tuple[Path, Path] | None = None) -> bool:
    """Whether a request is answered."""
    async with httpx2.AsyncClient(verify=client_context(authority, pair)) as http:
        try:
            answer = await http.get(f"https://localhost:{gateway.ports[0]}/healthz/live")
        except httpx2.TransportError:
            return False
    return bool(answer.status_code == 200)


async def over_grpc(gateway: Gateway, authority: Authority, pair: tuple[Path, Path] | None = None) -> bool:
    """Whether a line is taken."""
    chain, key = (path.read_bytes() for path in pair) if pair is not None else (None, None)
    credentials = grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, chain)
    async with grpc.aio.secure_channel(f"localhost:{gateway.ports[-1]}", credentials) as channel:
        producer = OttoProducer(channel)
        try:
            return bool((await producer.say("a line")).sequence)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return False


@pytest.mark.parametrize("ask", [over_http, over_grpc])
async def test_clients_see_who_answers(start: Start, authority: Authority, stranger: Authority, ask: Any) -> None:
    """A client that trusts our authority gets through, one that trusts another does not."""
    gateway = await start()
    assert await ask(gateway, authority)
    assert not await ask(gateway, stranger)


@pytest.mark.parametrize("ask", [over_http, over_grpc])
async def test_clients_show_who_they_are(start: Start, authority: Authority, stranger: Authority, ask: Any) -> None:
    """With a client authority: a certificate of it gets in; none, an expired one and another authority's do not."""
    gateway = await start(http_tls_client_ca_file=authority.certificate, grpc_tls_client_ca_file=authority.certificate)
    assert await ask(gateway, authority, authority.issue("worker"))
    assert not await ask(gateway, authority)
    assert not await ask(gateway, authority, authority.issue("late", hours=-1))
    assert not await ask(gateway, authority, stranger.issue("worker"))


@pytest.mark.parametrize("place", [0, -1], ids=["http", "grpc"])
async def test_old_versions_of_tls_are_refused(start: Start, authority: Authority, place: int) -> None:
    """TLS 1.2 is the least."""
    gateway = await start()
    for version, works in (("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)):
        context = client_context(authority)
        context.set_ciphers("ALL:@SECLEVEL=0")  # or the client itself would not speak TLS 1.1
        context.set_alpn_protocols(["h2", "http/1.1"])
        with warnings.catch_warnings(action="ignore"):  # that the version is deprecated is why it is here
            context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
        try:
            _, writer = await asyncio.open_connection("localhost", gateway.ports[place], ssl=context)
        except (ssl.SSLError, ConnectionError):
            assert not works
            continue
        assert works
        writer.transport.abort()


async def shown(gateway: Gateway) -> list[str]:
    """The certificates that the two servers show."""
    ports = (gateway.ports[0], gateway.ports[-1])
    return [await asyncio.to_thread(ssl.get_server_certificate, ("localhost", port)) for port in ports]


async def test_a_renewed_certificate_is_used(start: Start, authority: Authority, stranger: Authority) -> None:
    """For new connections, on both servers, without a restart; one that cannot be used changes nothing."""
    gateway = await start()
    first = await shown(gateway)
    certificate, _ = authority.issue("localhost")
    gateway.reload_certificates()
    second = await shown(gateway)
    assert first[0] == first[1] != second[0] == second[1]
    certificate.write_bytes(stranger.issue("localhost")[0].read_bytes())  # which the key does not belong to
    with pytest.raises(ListenError, match="cannot use"):
        gateway.reload_certificates()
    assert await shown(gateway) == second
