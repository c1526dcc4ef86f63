"""Who comes in: tokens, tickets, pages of other origins, names that are not ours, files."""

import asyncio
import contextlib
import stat

import grpc
import httpx2

from tests.attacks.attack import AUDIENCE, Target, attack
from tests.support.bare_http import bare_request
from tests.support.bare_websocket import BareWebSocket, frame
from tests.support.credentials import BAD, credential
from tests.support.producers import NativeProducer
from tests.support.signed_tokens import SECRET, bearer, make_token
from tests.support.worker import publish

STREAM = "/api/v1/log-streaming/logs/{}/stream"
EVIL = "https://evil.example"


def forged() -> dict[str, str]:
    """Tokens that are wrong in one thing each."""
    made = {kind: credential(kind, tasks=None) or "" for kind in BAD if kind != "none"}
    return made | {
        "no audience": make_token(),
        "another audience": make_token(aud="somebody"),
        "not yet": make_token(aud=AUDIENCE, nbf=4_000_000_000),
        "no end": make_token(aud=AUDIENCE, exp="never"),
        "a key of its own": make_token(aud=AUDIENCE, key=SECRET + "!", headers={"jwk": {"kty": "oct", "k": "AA"}}),
        "a path as a key": make_token(aud=AUDIENCE, key="x" * 32, headers={"kid": "../../../dev/null"}),
        "half": make_token(aud=AUDIENCE).rpartition(".")[0] + ".",
    }


@attack("all are refused, on every transport; the right one is let in", door="guarded")
async def forged_tokens(target: Target) -> str:
    """Over HTTP as header, query and cookie; over Socket.IO; over gRPC."""
    let_in = []
    for kind, token in {**forged(), "right": target.token()}.items():
        doors = [await over_http(target, token), await over_socket_io(target, token), await over_grpc(target, token)]
        if kind == "right":
            assert all(doors), f"the right token was let in by {doors}"
        elif any(doors):
            let_in.append(kind)
    assert not let_in, f"let in: {let_in}"
    return f"0 of {len(forged())} let in"


async def over_http(target: Target, token: str) -> bool:
    tasks = "/api/v1/log-streaming/tasks"
    async with httpx2.AsyncClient(base_url=target.gateway.url, timeout=60) as http:
        answers = [
            await http.get(tasks, headers=bearer(token)),
            await http.get(f"{tasks}?access_token={token}"),
            await http.post("/api/v1/auth/ticket", headers=bearer(token)),
        ]
    assert all(answer.status_code in (200, 401) for answer in answers), answers
    return any(answer.is_success for answer in answers)


async def over_socket_io(target: Target, token: str) -> bool:
    websocket = await BareWebSocket.open(target.gateway.http_port)
    await websocket.write(frame(b'40/log-streaming,{"token":"%b"}' % token.encode()))
    while True:
        opcode, packet = await websocket.read()
        if opcode == 8 or packet.startswith((b"40/log-streaming", b"44/log-streaming")):
            await websocket.close()
            return packet.startswith(b"40")


async def over_grpc(target: Target, token: str) -> bool:
    async with grpc.aio.insecure_channel(target.gateway.grpc_address) as channel:
        producer = NativeProducer(channel, token=token)
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.InvalidStateError):
            await producer.hello()
            await producer.call.done_writing()
        code, _ = await producer.ended()
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.UNAUTHENTICATED), code
    return code is grpc.StatusCode.OK


@attack("one stream each", door="guarded")
async def tickets_under_race(target: Target) -> str:
    """A ticket that many use at the same moment."""
    rounds, at_once = target.times(3, 20), target.times(10, 50)
    async with target.client() as http:
        for _ in range(rounds):
            ticket = (await http.post("/api/v1/auth/ticket")).json()["ticket"]
            request = f"GET {STREAM.format('raced')}?ticket={ticket} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            answers = await asyncio.gather(*(bare_request(target.gateway.http_port, request) for _ in range(at_once)))
            good = [answer.status for answer in answers].count(200)
            assert good == 1, f"one ticket let {good} in"
    return f"1 of {at_once} let in, {rounds} times"


@attack("403, and nothing is stored")
async def pages_of_other_origins(target: Target) -> str:
    """What a page may send without a preflight, and what it may not."""
    refused = 0
    async with httpx2.AsyncClient(base_url=target.gateway.url, timeout=60) as http:
        before = await http.get("/api/automation/tasks")
        for page in ({"Origin": EVIL}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}):
            for content_type in ("text/plain", "application/x-www-form-urlencoded", "application/json"):
                for path in ("/api/automation/tasks", "/api/dashboard/execution-summary", "/api/v1/auth/session"):
                    headers = {**page, "Content-Type": content_type}
                    answer = await http.post(path, headers=headers, content=b'{"title":"owned","type":"crawl"}')
                    assert answer.status_code == 403, f"{answer.status_code} for {path} of {page}"
                    refused += 1
        assert (await http.get("/api/automation/tasks")).json() == before.json(), "something was stored"
    return f"{refused} refused"


@attack("403, on both ports, and no WebSocket")
async def dns_rebinding(target: Target) -> str:
    """A name of somebody else's that leads to 127.0.0.1."""
    refused = 0
    upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n"
    for port in (target.gateway.http_port, target.gateway.websocket_port):
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "localhost@evil.example", ""):
            for path, more in (("/api/v1/log-streaming/tasks", ""), ("/socket.io/?EIO=4&transport=websocket", upgrade)):
                answer = await bare_request(port, f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
                assert answer.status in (400, 403), f"{answer.status} for {host!r}"
                refused += 1
    return f"{refused} refused"


@attack("nobody but the owner reads or writes them")
async def files_of_the_database(target: Target) -> str:
    """Their modes."""
    await publish(target.gateway.grpc_address, "files", ["a line"])
    files = sorted(target.gateway.directory.glob("otto.db*"))
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in files}
    assert {mode & 0o077 for mode in modes.values()} == {0}, modes
    return f"{len(modes)} files, all 0600"
