"""Tokens, tickets and the secret are nowhere but where they were sent: real traffic, then a look at everything."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import httpx2
import socketio.exceptions

from tests.support.gateway_process import GatewayProcess, running_gateway
from tests.support.producers import NativeProducer, OttoProducer, lines_request
from tests.support.signed_tokens import SECRET, bearer, make_token
from tests.support.socket_io_client import Recorder

LIVE = "/api/v1/log-streaming"
WRONG_KEY = "another secret that has at least 32 bytes"


class Traffic:
    """Goes in by every entrance with a token, and keeps what it was answered."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        self.answers: list[str] = []
        self.tickets: list[str] = []

    async def pass_through(self, token: str) -> None:
        await self.over_http(token)
        for options in ({"auth": {"token": token}}, {"headers": bearer(token)}, {"auth": {"token": [token]}}):
            await self.over_socket_io(self.gateway.url, **options)
        await self.over_socket_io(f"{self.gateway.url}?access_token={token}")
        await self.over_grpc(token)

    async def over_http(self, token: str) -> None:
        query = f"access_token={token}"
        cookie = {"Cookie": f"otto_session={token}"}
        async with httpx2.AsyncClient(base_url=self.gateway.url) as http:
            for path in (f"{LIVE}/logs/t/stream", f"{LIVE}/tasks", f"{LIVE}/health", "/nowhere", "/metrics"):
                self._keep(await http.get(path, headers=bearer(token)))
                self._keep(await http.get(path, headers=cookie))
                self._keep(await http.get(f"{path}?{query}"))
                self._keep(await http.get(f"{path}?{query}&ticket={token}", headers=cookie))
            self._keep(await http.get(f"{LIVE}/logs/{token[:200]}/stream?level={token}"))
            self._keep(await http.get(f"/api/automation/logs?jobId=t&limit={token}", headers=bearer(token)))
            self._keep(await http.get(f"{LIVE}/logs/t/stream?after={token}", headers=bearer(token)))
            self._keep(await http.put("/api/v1/auth/session", headers={"Authorization": f"Basic {token}"}))
            self._keep(await http.post("/api/v1/auth/session", headers=bearer(token)))
            issued = await http.post("/api/v1/auth/ticket", headers=bearer(token), json={"taskId": "t"})
            if issued.status_code == 200:
                self.tickets.append(issued.json()["ticket"])
                for _ in range(2):  # the second time it is used up
                    self._keep(await http.get(f"{LIVE}/logs/t/stream?ticket={self.tickets[-1]}"))

    async def over_socket_io(self, url: str, **options: Any) -> None:
        recorder = Recorder()
        try:
            await recorder.connect(url, **options)
            self.answers.append(str(await recorder.call("subscribe-to-logs", {"taskId": "t"})))
            self.answers.append(str(await recorder.call("update-log-filter", {"taskId": "t", "filter": {"x": 1}})))
        except socketio.exceptions.ConnectionError:
            pass
        finally:
            await recorder.close()
        self.answers += [str(recorder.events), str(recorder.refusal)]

    async def over_grpc(self, token: str) -> None:
        async with grpc.aio.insecure_channel(self.gateway.grpc_address) as channel:
            for producer in (NativeProducer(channel, token), OttoProducer(channel, token=token)):
                with suppress(
                    grpc.aio.AioRpcError, asyncio.InvalidStateError
                ):  # it may be refused before it has written
                    await producer.call.write(lines_request(7, [token]).SerializeToString())
                    await producer.call.done_writing()
                self.answers.append(str(await producer.ended()))

    def _keep(self, response: httpx2.Response) -> None:
        headers = {name: value for name, value in response.headers.items() if name != "set-cookie"}
        self.answers.append(f"{response.status_code} {headers} {response.text}")


async def test_no_output_has_a_credential(tmp_path: Path) -> None:
    """Neither log (in debug mode), metrics, answers, errors nor database files; of good tokens and of bad ones."""
    good = make_token(scopes=["logs:read", "logs:write"], tasks=["t"], jti="of a good token")
    bad = [make_token(key=WRONG_KEY), make_token(expires_in=-99), make_token(algorithm="none"), "not.a.token" * 20]
    async with running_gateway(tmp_path, JWT_SECRET=SECRET, DEBUG_MODE="true", LOG_LEVEL="DEBUG") as gateway:
        async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
            producer = OttoProducer(channel, token=good)
            assert (await producer.say("a line", task_id="t")).sequence == 1
        report = make_token(scopes=["logs:write"])
        async with grpc.aio.insecure_channel(gateway.grpc_address) as channel:
            end = lines_request(1, ["x"], task_id="t")
            native = NativeProducer(channel, report)
            await native.hello()
            end.ClearField("lines")
            end.end_of_task.task_id = "t"
            await native.send(end)
            await native.acknowledged(1)
        traffic = Traffic(gateway)
        for token in (good, *bad):
            await traffic.pass_through(token)
        assert await gateway.stop() == 0
    assert traffic.tickets
    everything = {"answers": "\n".join(traffic.answers)}
    everything |= {path.name: path.read_bytes().decode("latin-1") for path in tmp_path.iterdir() if path.is_file()}
    secrets = {SECRET, *traffic.tickets}
    for token in (good, report, *bad):
        secrets |= {token, *(part for part in token.split(".") if len(part) > 30)}  # a claim or a signature alone, too
    header = good.split(".")[0]  # the same for all, and no secret
    found = {(name, secret) for name, text in everything.items() for secret in secrets - {header} if secret in text}
    assert not found
    assert '"event": "request"' in everything["gateway.log"]
