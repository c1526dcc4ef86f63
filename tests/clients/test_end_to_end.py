"""Our commands through the gateway's real parts: ingest, journal, hub and stream."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette

from gateway.http.connection import http_protocol_class
from gateway.ingest.server import GrpcServer
from gateway.transports.sse.log_stream import sse_routes
from sessions.close_reasons import CloseReason
from sessions.hub import Hub
from sessions.limits import Limits
from storage.journal.sqlite import SqliteJournal
from tests.support.commands import otto_logs
from tests.support.http_server import serve
from tests.support.tokens import WordAuthenticator


class Everyone:
    subject = "everyone"
    expires_at = None

    async def principal_of(self, connection: object) -> "Everyone":
        return self

    def require(self, scope: str, *, task_id: str | None = None) -> None:
        return


@asynccontextmanager
async def gateway(directory: Path) -> AsyncIterator[dict[str, str]]:
    """The environment that leads our commands there."""
    journal = await SqliteJournal.open(directory / "journal.db", durability="process")
    hub = Hub(journal, Limits())
    journal.set_commit_listener(hub.publish)
    server = GrpcServer(journal, WordAuthenticator(), port=0)
    port = await server.start()
    async with serve(Starlette(routes=sse_routes(hub, Everyone())), http=http_protocol_class()) as url:
        yield {"OTTO_GATEWAY": f"127.0.0.1:{port}", "OTTO_URL": url}
        await hub.close(CloseReason.SERVER_SHUTDOWN)
    await server.stop(0.5)
    await journal.close()


async def test_a_command_is_watched_from_elsewhere(tmp_path: Path) -> None:
    """A tail that was there before the first line, and one that comes after the last, see the command's output."""
    script = "for i in $(seq 2000); do echo line $i; done; echo 'error: broken' >&2; exit 3"
    async with gateway(tmp_path) as environment:
        live = asyncio.create_task(otto_logs("tail", "--raw", "--exit-status", "t", environment=environment))
        ran = await otto_logs("run", "--task", "t", "--", "sh", "-c", script, environment=environment)
        seen = await live
        late = await otto_logs("tail", "--raw", "--source", "stdout", "t", environment=environment)
        errors = await otto_logs("tail", "--raw", "--level", "ERROR", "t", environment=environment)

    assert (ran.code, seen.code, late.code) == (3, 1, 0)
    assert sorted(seen.stdout.splitlines()) == sorted([*ran.stdout.splitlines(), b"error: broken"])
    assert late.stdout == ran.stdout
    assert errors.stdout == b"error: broken\n"
    assert "the task has ended: FAILED" in seen.stderr


async def test_a_file_comes_back_as_it_was(tmp_path: Path) -> None:
    """`send` in, `tail --raw` out."""
    text = "\n".join(f"{index} zeile ä\ttab" for index in range(5_000)) + "\n"
    async with gateway(tmp_path) as environment:
        await otto_logs("send", "--task", "t", environment=environment, input=text.encode())
        shown = await otto_logs("tail", "--raw", "t", environment=environment)

    assert shown.stdout.decode() == text
