import asyncio
import signal
from pathlib import Path

import pytest

from tests.support.commands import otto_logs, start_otto_logs
from tests.support.forked_process import KILL
from tests.support.ingest_peer import IngestPeer


class Follower:
    """``otto-logs send --follow`` on one file, once after the other."""

    def __init__(self, peer: IngestPeer, directory: Path) -> None:
        self.peer = peer
        self.path = directory / "app.log"
        self.spool = directory / "spool"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self.process = await start_otto_logs(
            *("send", "--gateway", self.peer.address, "--task", "t", "--worker", "w", "--spool", str(self.spool)),
            *("--follow", str(self.path)),
        )

    async def until(self, *lines: str) -> None:
        await self.peer.until(lambda: self.peer.lines() == list(lines))

    def write(self, text: str) -> None:
        with self.path.open("a") as file:
            file.write(text)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> str:
        assert self.process is not None
        self.process.send_signal(number)
        _, stderr = await self.process.communicate()
        return stderr.decode()


@pytest.fixture
def follower(peer: IngestPeer, tmp_path: Path) -> Follower:
    return Follower(peer, tmp_path)


async def test_a_file_is_followed_across_its_rotation(follower: Follower) -> None:
    """What is written to the old file until the new one is there counts, also a last line without an end."""
    await follower.start()
    follower.write("one\ntw")
    await follower.until("one")
    follower.write("o\n")
    await follower.until("one", "two")
    follower.path.rename(follower.path.with_suffix(".log.1"))
    with follower.path.with_suffix(".log.1").open("a") as old:
        old.write("three\nfour")
    follower.write("five\n")

    await follower.until("one", "two", "three", "four", "five")
    assert "Traceback" not in await follower.end()
    assert follower.process is not None
    assert follower.process.returncode == 130


async def test_a_truncated_file_begins_anew(follower: Follower) -> None:
    """Which is said."""
    await follower.start()
    follower.write("one\ntwo\n")
    await follower.until("one", "two")
    follower.path.write_text("3\n")

    await follower.until("one", "two", "3")
    assert "was truncated" in await follower.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, KILL])
async def test_a_restart_goes_on_where_it_was(follower: Follower, number: signal.Signals) -> None:
    """However it ended: no line is missing and none comes twice, also if the file was rotated meanwhile."""
    follower.write("one\ntwo\n")
    await follower.start()
    await follower.until("one", "two")
    await follower.end(number)
    follower.write("three\n")
    follower.path.rename(follower.path.with_suffix(".log.1"))
    follower.write("four\n")
    await follower.start()

    await follower.until("one", "two", "three", "four")
    await follower.end()


async def test_another_file_of_the_same_name_begins_at_its_start(follower: Follower) -> None:
    """An inode number is used again; the content tells."""
    follower.write("one\ntwo\n")
    await follower.start()
    await follower.until("one", "two")
    await follower.end()
    follower.path.write_text("three\nfour\nfive\n")
    await follower.start()

    await follower.until("one", "two", "three", "four", "five")
    assert "another file" in await follower.end()


async def test_one_file_at_a_time() -> None:
    """Several files need several followers."""
    ended = await otto_logs("send", "--task", "t", "--follow", "a", "b")

    assert (ended.code, "exactly one FILE" in ended.stderr) == (2, True)
