from pathlib import Path

import grpc

from tests.support.commands import otto_logs
from tests.support.ingest_peer import IngestPeer, Script


async def leave(directory: Path, *texts: str) -> None:
    """What ``send`` leaves that never reached its gateway."""
    ended = await otto_logs(
        *("send", "--gateway", "127.0.0.1:1", "--task", "t", "--keep-open", "--close-timeout", "0"),
        *("--spool", str(directory)),
        input="".join(f"{text}\n" for text in texts).encode(),
    )
    assert ended.code == 4
    assert f"kept in {directory}" in ended.stderr
    assert f"otto-logs flush --spool {directory}" in ended.stderr


async def test_flush_delivers_what_was_left(peer: IngestPeer, tmp_path: Path) -> None:
    """All of it, in order; the directory is empty then, and a second time has nothing to do."""
    await leave(tmp_path, "one", "two")
    await leave(tmp_path, "three")
    ended = await otto_logs("flush", "--gateway", peer.address, "--spool", str(tmp_path))

    assert ended.code == 0
    assert "3 lines stored after" in ended.stderr
    assert peer.lines() == ["one", "two", "three"]
    assert not any(tmp_path.iterdir())
    ended = await otto_logs("flush", "--gateway", peer.address, "--spool", str(tmp_path))
    assert (ended.code, ended.stderr.startswith("otto-logs: 0 lines stored")) == (0, True)


async def test_flush_says_what_is_still_there(tmp_path: Path) -> None:
    """With the gateway away: how many lines, where, and exit code 4."""
    await leave(tmp_path, "one", "two")
    ended = await otto_logs("flush", "--gateway", "127.0.0.1:1", "--spool", str(tmp_path), "--close-timeout", "0.2")

    assert ended.code == 4
    assert f"2 lines or more are still in {tmp_path}" in ended.stderr


async def test_flush_says_what_is_refused(peer: IngestPeer, tmp_path: Path) -> None:
    """It stays, with the reason, and the exit code is 3."""
    await leave(tmp_path, "one")
    peer.scripts.append(Script(refuse=(grpc.StatusCode.PERMISSION_DENIED, "not this task")))
    ended = await otto_logs("flush", "--gateway", peer.address, "--spool", str(tmp_path))

    assert ended.code == 3
    assert "not this task" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert any(tmp_path.iterdir())


async def test_flush_wants_a_directory() -> None:
    """There is no default to look in."""
    ended = await otto_logs("flush")

    assert ended.code == 2
    assert "OTTO_LOGS_SPOOL_DIR" in ended.stderr
