"""What a gateway does that was told nothing, and what other origins may do."""

import socket
from pathlib import Path
from typing import Any

import httpx2
import pytest

from gateway.app import Gateway
from gateway.settings.model import Settings
from gateway.settings.sources import SettingsError
from tests.support.signed_tokens import SECRET, bearer, make_token

PORTS = {"http_port": 0, "websocket_port": 0, "grpc_port": 0}
FRIEND, STRANGER = "https://friend.example", "https://evil.example"
STREAM = "/api/v1/log-streaming/logs/t/stream"


async def started(tmp_path: Path, **settings: Any) -> Gateway:
    return await Gateway.start(Settings(database_url=f"sqlite:///{tmp_path}/otto.db", **PORTS, **settings))


def other_address() -> str:
    """An address of this machine that is not loopback's usual one; all of 127.0.0.0/8 is its own on Linux."""
    return "127.0.0.2"


@pytest.mark.parametrize(("settings", "reachable"), [({}, False), ({"jwt_secret": SECRET}, True)])
async def test_without_credentials_it_listens_on_loopback_alone(
    tmp_path: Path, settings: dict[str, Any], reachable: bool
) -> None:
    """Every port of HTTP and gRPC alike; with credentials every address."""
    gateway = await started(tmp_path, **settings)
    try:
        for port in gateway.ports:
            with socket.socket() as client:
                assert (client.connect_ex((other_address(), port)) == 0) is reachable
            with socket.socket() as client:
                assert client.connect_ex(("127.0.0.1", port)) == 0
    finally:
        await gateway.stop()


@pytest.mark.parametrize("secret", ["short", "x" * 31])
async def test_a_weak_secret_keeps_it_from_starting(tmp_path: Path, secret: str) -> None:
    """It would be guessed from one token."""
    with pytest.raises(SettingsError, match=r"JWT_SECRET .*32"):
        await started(tmp_path, jwt_secret=secret)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [((), FRIEND, False), ((FRIEND,), FRIEND, True), ((FRIEND,), STRANGER, False), ((FRIEND,), "null", False)],
)
async def test_preflights_allow_the_header_to_origins_that_are_named(
    tmp_path: Path, origins: tuple[str, ...], origin: str, allowed: bool
) -> None:
    """A page of another origin may send the header that lets in only where its origin was named."""
    gateway = await started(tmp_path, jwt_secret=SECRET, cors_origins=origins)
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asked["Access-Control-Request-Headers"] = "authorization, cache-control, x-requested-with"
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as http:
        answer = await http.options("/api/v1/auth/ticket", headers=asked)
        stream = await http.get(STREAM, headers={"Origin": origin})
    await gateway.stop()
    assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
    assert (stream.headers.get("access-control-allow-origin") == origin) is allowed
    if allowed:
        taken = answer.headers["access-control-allow-headers"].lower()
        assert all(name in taken for name in asked["Access-Control-Request-Headers"].split(", "))
        assert answer.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
async def test_the_flags_of_the_cookie(tmp_path: Path, scheme: str, secure: bool) -> None:
    """No script reads it, no other site has it sent, and where HTTPS is spoken it goes over nothing else."""
    gateway = await started(tmp_path, jwt_secret=SECRET)
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{gateway.ports[0]}") as http:
        headers = bearer(make_token()) | {"X-Forwarded-Proto": scheme}
        answer = await http.post("/api/v1/auth/session", headers=headers)
    await gateway.stop()
    flags = {flag.strip().lower() for flag in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= flags
    assert ("secure" in flags) is secure
    assert answer.headers["cache-control"] == "no-store"
