"""A client that stops reading costs a bounded number of bytes, and misses nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2
import msgspec

from gateway.engine_io.limits import EngineLimits
from gateway.http.websocket import FramedWebSocketProtocol
from gateway.transports.socket_io.server import SocketIoLimits
from sessions.limits import Limits
from tests.gateway.transports.conftest import Connect, MakeGateway
from tests.support.gateway_server import GatewayServer
from tests.support.scripted_history import block, let_sockets_move
from tests.support.socket_io_client import NAMESPACE, RawWebSocket
from tests.support.waiting import until

OpenRaw = Callable[..., Awaitable[RawWebSocket]]

RUN_BYTES = 32 << 10
BYTES_IN_FLIGHT = 128 << 10
MESSAGE = "x" * 4000
SMALL = SocketIoLimits(engine=EngineLimits(runs_in_flight=4, bytes_in_flight=BYTES_IN_FLIGHT))
LIMITS = Limits(run_bytes_max=RUN_BYTES, window_bytes_per_task=256 << 10, run_bytes_total=256 << 10, stored_lines_max=8)


def held_bytes(gateway: GatewayServer) -> int:
    """What the gateway keeps for its clients: runs on their way, and what the kernel has not taken."""
    protocols = [c for c in gateway.connections if isinstance(c, FramedWebSocketProtocol)]
    buffered = sum(protocol.transport.get_write_buffer_size() for protocol in protocols)
    return gateway.socket_io.statistics.bytes_in_flight + buffered


async def publish_until_blocked(gateway: GatewayServer, *, lines: int = 500, step: int = 20) -> int:
    """Commit lines while nobody reads; the most that was held at any time."""
    most = 0
    for first in range(1, lines, step):
        gateway.commit(block(first, first + step - 1, message=MESSAGE))
        gateway.hub.flush()
        await let_sockets_move()
        most = max(most, held_bytes(gateway))
    return most


async def test_a_websocket_that_stops_reading_is_bounded_and_loses_nothing(
    start_gateway: MakeGateway, open_raw: OpenRaw
) -> None:
    """All lines arrive in order once it reads again; another client is not held up."""
    gateway = await start_gateway(limits=LIMITS, socket_io_limits=SMALL)
    raw = await open_raw(gateway)
    await raw.join()
    await raw.emit("subscribe-to-logs", {"taskId": "build"})
    assert (await raw.receive_event())[0] == "subscription_success"
    most = await publish_until_blocked(gateway)
    assert gateway.hub.statistics.behind == 1
    assert most <= BYTES_IN_FLIGHT + 4 * RUN_BYTES
    sequences = []
    while len(sequences) < 500:
        name, entry = await raw.receive_event()
        assert name == "log-entry"
        sequences.append(entry["sequence"])
    assert sequences == list(range(1, 501))
    gateway.commit(block(501, 501))
    assert (await raw.receive_event())[1]["sequence"] == 501
    assert gateway.socket_io.statistics.bytes_in_flight == 0


async def test_subscriptions_of_one_socket_share_its_credit(start_gateway: MakeGateway, open_raw: OpenRaw) -> None:
    """Many subscriptions are no way around the limit, and each gets its turn."""
    gateway = await start_gateway(limits=LIMITS, socket_io_limits=SMALL)
    raw = await open_raw(gateway)
    await raw.join()
    tasks = [f"task-{number}" for number in range(8)]
    for task in tasks:
        gateway.commit(block(1, 100, task=task, message=MESSAGE))
        await raw.emit("subscribe-to-logs", {"taskId": task})
        assert (await raw.receive_event())[0] in ("subscription_success", "log-entry")
    await let_sockets_move()
    assert held_bytes(gateway) <= BYTES_IN_FLIGHT + (4 + len(tasks)) * RUN_BYTES
    seen: dict[str, list[int]] = {task: [] for task in tasks}
    while any(sequences[-1:] != [100] for sequences in seen.values()):
        name, entry = await raw.receive_event()
        if name == "log-entry":
            seen[entry["taskId"]].append(entry["sequence"])
    assert all(sequences == list(range(sequences[0], 101)) for sequences in seen.values())


async def test_a_client_that_is_slow_does_not_hold_up_another(
    start_gateway: MakeGateway, open_raw: OpenRaw, connect: Connect
) -> None:
    """The other has everything while the first still reads nothing."""
    gateway = await start_gateway(limits=LIMITS, socket_io_limits=SMALL)
    raw = await open_raw(gateway)
    await raw.join()
    await raw.emit("subscribe-to-logs", {"taskId": "build"})
    other = await connect(gateway)
    await other.call("subscribe-to-logs", {"taskId": "build", "batch": True})
    await publish_until_blocked(gateway)
    await other.wait(lambda c: len(c.sequences) == 500)
    assert other.sequences == list(range(1, 501))
    assert [session.kind for session in gateway.hub.sessions if session.lag] == ["socketio"]


async def test_a_poll_that_does_not_come_is_bounded_and_loses_nothing(start_gateway: MakeGateway) -> None:
    """Between two polls as much waits as for a WebSocket; the polls then bring all of it, in order."""
    gateway = await start_gateway(limits=LIMITS, socket_io_limits=SMALL)
    async with httpx2.AsyncClient(base_url=gateway.url) as http:
        query = {"EIO": "4", "transport": "polling"}
        opened = await http.get("/socket.io/", params=query)
        query["sid"] = msgspec.json.decode(opened.text[1:])["sid"]
        await http.post("/socket.io/", params=query, content=f"40{NAMESPACE},")
        await http.get("/socket.io/", params=query)
        subscribe = f'42{NAMESPACE},["subscribe-to-logs",{{"taskId":"build"}}]'
        await http.post("/socket.io/", params=query, content=subscribe)
        most = await publish_until_blocked(gateway)
        assert most <= BYTES_IN_FLIGHT + 2 * RUN_BYTES
        sequences: list[int] = []
        while len(sequences) < 500:
            packets = (await http.get("/socket.io/", params=query)).text.split("\x1e")
            assert len(packets) <= 16
            for packet in packets:
                name, payload = msgspec.json.decode(packet.partition(",")[2])
                if name == "log-entry":
                    sequences.append(payload["sequence"])
        assert sequences == list(range(1, 501))


async def test_a_browser_gets_whole_runs_in_a_poll(start_gateway: MakeGateway) -> None:
    """Clients that are known to take any number of packets need not come back for every sixteen."""
    gateway = await start_gateway()
    gateway.commit(block(1, 500))
    async with httpx2.AsyncClient(base_url=gateway.url, headers={"User-Agent": "Mozilla/5.0"}) as http:
        query = {"EIO": "4", "transport": "polling"}
        opened = await http.get("/socket.io/", params=query)
        query["sid"] = msgspec.json.decode(opened.text[1:])["sid"]
        subscribe = f'42{NAMESPACE},["subscribe-to-logs",{{"taskId":"build"}}]'
        await http.post("/socket.io/", params=query, content=f"40{NAMESPACE},\x1e{subscribe}")
        packets: list[str] = []
        polls = 0
        while sum('"log-entry"' in packet for packet in packets) < 500:
            packets += (await http.get("/socket.io/", params=query)).text.split("\x1e")
            polls += 1
    assert polls <= 4


async def test_answers_wait_for_a_client_that_does_not_read_them(start_gateway: MakeGateway, open_raw: OpenRaw) -> None:
    """Anyone who only asks is not read from any more; when it reads, it gets every answer."""
    gateway = await start_gateway()
    raw = await open_raw(gateway)
    await raw.join()
    unknown = "e" * 200
    count = 2_000

    async def ask() -> None:
        for number in range(count):
            await raw.emit(unknown, {"taskId": str(number)})

    asking = asyncio.create_task(ask())
    (socket,) = gateway.socket_io.sockets
    await until(lambda: socket.packets_waiting >= 64, "answers wait for the client")
    for _ in range(20):
        await let_sockets_move()
        assert socket.packets_waiting <= 70
    answered = [(await raw.receive_event())[1]["taskId"] for _ in range(count)]
    assert answered == [str(number) for number in range(count)]
    await asking
