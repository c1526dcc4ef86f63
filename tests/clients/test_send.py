import asyncio
import os
import pty
import signal
import sys
from pathlib import Path

import grpc
from otto_logs import WorkerStatus

from tests.support.commands import otto_logs, start_otto_logs
from tests.support.ingest_peer import IngestPeer, Script


def statuses(peer: IngestPeer) -> list[int]:
    return [request.worker_status.status for request in peer.stored("worker_status")]


async def test_files_are_sent_line_by_line(peer: IngestPeer, tmp_path: Path) -> None:
    """In the order of the command line; the end is reported once everything is stored."""
    (tmp_path / "a").write_bytes(b"one\ntwo")
    (tmp_path / "b").write_bytes(b"three\r\n")
    ended = await otto_logs("send", "--gateway", peer.address, "--task", "t", str(tmp_path / "a"), str(tmp_path / "b"))

    assert ended.code == 0
    assert ended.stderr.startswith("otto-logs: 3 lines stored after ")
    assert peer.lines("t") == ["one", "two", "three"]
    assert statuses(peer) == [WorkerStatus.RUNNING, WorkerStatus.COMPLETED]


async def test_stdin_is_sent_as_it_comes(peer: IngestPeer) -> None:
    """A line is stored before the next one is written."""
    process = await start_otto_logs(
        "send", "--gateway", peer.address, "--task", "t", "--keep-open", stdin=asyncio.subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(b"first\nsec")
    await peer.until(lambda: peer.lines() == ["first"])
    process.stdin.write(b"ond")
    process.stdin.close()
    await process.communicate()

    assert process.returncode == 0
    assert peer.lines() == ["first", "second"]
    assert statuses(peer) == [WorkerStatus.RUNNING]


async def test_send_keeps_bytes_that_are_no_text(peer: IngestPeer) -> None:
    """What is not UTF-8 reaches the gateway as it is."""
    await otto_logs("send", "--gateway", peer.address, "--task", "t", input=b"\xff\x00\x1b[31m\n")

    assert peer.stored("lines")[0].lines.lines[0].message == b"\xff\x00\x1b[31m"


async def test_a_refusal_is_exit_code_3(peer: IngestPeer) -> None:
    """One sentence, no traceback."""
    peer.scripts.append(Script(refuse=(grpc.StatusCode.PERMISSION_DENIED, "not this task")))
    ended = await otto_logs("send", "--gateway", peer.address, "--task", "t", input=b"line\n")

    assert ended.code == 3
    assert ended.stderr.count("\n") == 1
    assert "does not permit this: not this task" in ended.stderr


async def test_a_gateway_that_is_away_is_exit_code_4() -> None:
    """And the number of lines that are not stored."""
    ended = await otto_logs(
        "send", "--gateway", "127.0.0.1:1", "--close-timeout", "0.1", "--task", "t", input=b"line\n"
    )

    assert ended.code == 4
    assert "has not acknowledged 1 line" in ended.stderr


async def test_an_interrupt_delivers_what_was_read(peer: IngestPeer) -> None:
    """Exit code 130, and the worker has failed."""
    process = await start_otto_logs("send", "--gateway", peer.address, "--task", "t", stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(b"first\n")
    await peer.until(lambda: peer.lines() == ["first"])
    process.send_signal(signal.SIGINT)
    await process.communicate()

    assert process.returncode == 130
    assert statuses(peer) == [WorkerStatus.RUNNING, WorkerStatus.FAILED]


async def test_a_file_that_cannot_be_read_is_said(peer: IngestPeer) -> None:
    """As wrong usage, naming the file."""
    ended = await otto_logs("send", "--gateway", peer.address, "--task", "t", "/no/such/file")

    assert ended.code == 2
    assert "/no/such/file" in ended.stderr


async def test_a_long_file_shows_its_progress(peer: IngestPeer, tmp_path: Path) -> None:
    """On a terminal, where it takes long enough to be looked at."""
    big = tmp_path / "big.log"
    big.write_bytes((b"x" * 99 + b"\n") * 50_000)
    controller, terminal = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "otto_logs", "send", "--gateway", peer.address, "--task", "t", str(big)),
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""

    def read() -> bytes:
        try:
            return os.read(controller, 65536)
        except OSError:  # how Linux says that nobody has the terminal any more
            return b""

    while data := await asyncio.to_thread(read):
        shown += data
    os.close(controller)

    assert await process.wait() == 0
    assert b"big.log" in shown
    assert b"100%" in shown
