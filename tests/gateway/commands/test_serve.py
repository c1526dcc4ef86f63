"""The process as a whole: what it listens on, how it stops, and what it never writes."""

import asyncio
import json
import os
import signal
import sqlite3
import ssl
from pathlib import Path

import httpx2
import pytest

from tests.support.certificates import Authority
from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.waiting import attempts, until
from tests.support.worker import publish

SECRET = "correct-horse-battery-staple-0123456789"


def events(gateway: GatewayProcess) -> list[dict[str, object]]:
    return [json.loads(line) for line in gateway.log().splitlines() if line.startswith("{")]


def event(gateway: GatewayProcess, text: str) -> dict[str, object]:
    return next(each for each in events(gateway) if each["event"] == text)


async def test_both_ports_serve_the_same(tmp_path: Path) -> None:
    """HTTP and Socket.IO answer on 4000 and on 3001."""
    async with running_gateway(tmp_path, is_forked=False) as gateway, httpx2.AsyncClient() as client:
        for base in (gateway.url, gateway.websocket_url):
            assert (await client.get(f"{base}/healthz/ready")).status_code == 200
            handshake = await client.get(f"{base}/socket.io/?EIO=4&transport=polling")
            assert handshake.text.startswith('0{"sid":')


async def test_one_port_may_do_for_both(tmp_path: Path) -> None:
    """WEBSOCKET_PORT as HTTP_PORT is one socket."""
    gateway = GatewayProcess(tmp_path)
    gateway.environment["WEBSOCKET_PORT"] = gateway.environment["HTTP_PORT"]
    try:
        await gateway.start()
        assert event(gateway, "listening")["http_ports"] == [gateway.http_port]
    finally:
        gateway.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_in_order(number: signal.Signals, tmp_path: Path) -> None:
    """An open stream is asked to come back, every step is taken, and the exit code is 0."""
    is_forked = number != signal.SIGTERM
    async with running_gateway(tmp_path, is_forked=is_forked) as gateway, httpx2.AsyncClient() as client:
        await publish(gateway.grpc_address, "t", ["one", "two"])
        async with client.stream("GET", gateway.stream_url("t")) as stream:
            chunks = stream.aiter_text()
            received = ""
            while '"message":"two"' not in received:
                received += await anext(chunks)
            os.kill(gateway.pid, number)
            async for chunk in chunks:
                received += chunk
        code = await gateway.ended()
    assert code == 0, gateway.log()
    assert "event: error" in received
    assert "SERVER_SHUTDOWN" in received
    steps = [(each["number"], each["of"]) for each in events(gateway) if each["event"] == "shutdown step"]
    assert steps == [(number, len(steps)) for number in range(1, len(steps) + 1)]
    assert len(steps) > 1
    assert event(gateway, "stopped")["clean"] is True


async def test_what_was_acknowledged_is_in_the_tables_after_a_stop(tmp_path: Path) -> None:
    """The journal and the polling tables are complete when the process has ended."""
    async with running_gateway(tmp_path) as gateway:
        await publish(gateway.grpc_address, "t", [f"line {number}" for number in range(500)])
        assert await gateway.stop() == 0
    with sqlite3.connect(gateway.database) as database:
        rows = database.execute("SELECT log_message FROM job_logs WHERE job_id = 't' ORDER BY id").fetchall()
    database.close()
    assert rows == [(f"line {number}",) for number in range(500)]


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Anyone who asks twice does not wait for a connection that never ends."""
    async with running_gateway(tmp_path, SHUTDOWN_GRACE_SECONDS="60") as gateway:
        _, writer = await asyncio.open_connection(gateway.host, gateway.http_port)
        writer.write(b"POST /api/v1/auth/ticket HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n")
        await writer.drain()
        os.kill(gateway.pid, signal.SIGTERM)
        async for _ in attempts("the second signal ends it", shown=gateway.log):
            if not gateway.is_running:
                break
            os.kill(gateway.pid, signal.SIGTERM)
        assert await gateway.ended() == 130
        writer.close()
    assert event(gateway, "shutdown forced")["signal"] == "SIGTERM"


async def test_no_secret_is_ever_written(tmp_path: Path) -> None:
    """Neither the settings nor the addresses of requests bring one into the log, not even in debug mode."""
    async with (
        running_gateway(tmp_path, JWT_SECRET=SECRET, DEBUG_MODE="true") as gateway,
        httpx2.AsyncClient() as client,
    ):
        for parameter in ("access_token", "ticket"):
            await client.get(gateway.stream_url("t", f"{parameter}={SECRET}"))
            await client.get(f"{gateway.url}/socket.io/?EIO=4&transport=polling&{parameter}={SECRET}")
        await client.get(f"{gateway.url}/nowhere", headers={"Authorization": f"Bearer {SECRET}"})
        assert await gateway.stop() == 0
    assert SECRET not in gateway.log()
    assert any(each["event"] == "request" and each["path"] == "/nowhere" for each in events(gateway))


async def test_two_gateways_do_not_share_a_database(tmp_path: Path) -> None:
    """The second one says so and ends."""
    async with running_gateway(tmp_path) as first:
        second = GatewayProcess(tmp_path / "second", DATABASE_URL=f"sqlite:///{first.database}")
        with pytest.raises(RuntimeError, match="another gateway is running on"):
            await second.start()
        assert "Traceback" not in second.log()


async def test_https_serves_streams_too(tmp_path: Path) -> None:
    """With a certificate HTTP is HTTPS, and a stream passes like any answer; SIGHUP loads the certificate anew."""
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost")
    names = {"HTTP_TLS_CERTIFICATE_FILE": str(certificate), "HTTP_TLS_KEY_FILE": str(key)}
    gateway = GatewayProcess(tmp_path / "gateway", HOST="localhost", **names)
    trusted = ssl.create_default_context(cafile=str(authority.certificate))
    base = f"https://localhost:{gateway.http_port}"
    gateway.spawn()
    try:
        async with httpx2.AsyncClient(verify=trusted) as client:
            await until(lambda: "listening" in gateway.log(), "it listens", shown=gateway.log)
            await publish(f"localhost:{gateway.grpc_port}", "t", ["one"], end=True)
            answer = await client.get(f"{base}/api/v1/log-streaming/logs/t/stream")
            os.kill(gateway.pid, signal.SIGHUP)
            await until(lambda: "certificates reloaded" in gateway.log(), "SIGHUP loads them", shown=gateway.log)
            key.write_text("no key")
            os.kill(gateway.pid, signal.SIGHUP)
            await until(lambda: "certificate reload failed" in gateway.log(), "it says no", shown=gateway.log)
            assert (await client.get(f"{base}/healthz/live")).status_code == 200
    finally:
        gateway.kill()
    assert '"message":"one"' in answer.text
    assert "event: complete" in answer.text


async def test_a_certificate_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    """The files are named, and nothing runs."""
    (tmp_path / "x.pem").write_text("nothing")
    names = {"HTTP_TLS_CERTIFICATE_FILE": f"{tmp_path}/x.pem", "HTTP_TLS_KEY_FILE": f"{tmp_path}/x.pem"}
    gateway = GatewayProcess(tmp_path / "gateway", **names)
    with pytest.raises(RuntimeError, match="for HTTPS"):
        await gateway.start()
    assert "Traceback" not in gateway.log()
