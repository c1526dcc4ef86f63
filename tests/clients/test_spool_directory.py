import multiprocessing
import os
from pathlib import Path

import pytest
from otto_logs._spool_directory import SpoolDirectory, new_producer_id


def test_a_claim_excludes_others_until_it_is_released(tmp_path: Path) -> None:
    """Who comes second takes another sub-directory, or waits for the process to end."""
    directory = SpoolDirectory(tmp_path / "deep" / "spools")
    claim = directory.claim("a")

    assert claim is not None
    assert directory.claim("a") is None
    assert directory.claim_leftover(set()) is None
    claim.release()
    assert directory.claim("a") is not None


def test_an_empty_sub_directory_goes_with_its_claim(tmp_path: Path) -> None:
    """One with lines in it stays."""
    directory = SpoolDirectory(tmp_path)
    empty, full = directory.claim("empty"), directory.claim("full")
    assert empty is not None
    assert full is not None
    (full.path / "0000000001.segment").write_bytes(b"x")

    empty.release()
    full.release()
    full.release()

    assert [path.name for path in tmp_path.iterdir()] == ["full"]


def test_the_oldest_leftover_comes_first(tmp_path: Path) -> None:
    """Ids grow with the time, so that lines of one worker are delivered in the order of its lives."""
    directory = SpoolDirectory(tmp_path)
    names = [new_producer_id() for _ in range(3)]
    for name in names:
        claim = directory.claim(name)
        assert claim is not None
        (claim.path / "0000000001.segment").write_bytes(b"x")
        claim.release()

    seen: set[str] = set()
    while (leftover := directory.claim_leftover(seen)) is not None:
        seen.add(leftover.path.name)
        assert leftover.path.name == names[len(seen) - 1]
        leftover.release()
    assert seen == set(names)


def test_a_clock_that_was_set_back_does_not_change_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new id is behind those that are still there, whatever the time is; names of another make do not count."""
    older = new_producer_id()
    monkeypatch.setattr("time.time_ns", lambda: 1)

    assert new_producer_id([older, "follow-1", "f" * 31]) > older
    assert new_producer_id() < older


def test_only_the_user_can_read_what_is_spooled(tmp_path: Path) -> None:
    """Logs may hold what is nobody else's business."""
    claim = SpoolDirectory(tmp_path / "spools").claim("a")
    assert claim is not None
    assert (tmp_path / "spools").stat().st_mode & 0o077 == 0
    assert claim.path.stat().st_mode & 0o077 == 0


def _hold(
    path: str, ready: "multiprocessing.connection.Connection", end: "multiprocessing.connection.Connection"
) -> None:
    claim = SpoolDirectory(path).claim("a")
    if os.fork() == 0:  # a child that outlives its parent does not keep the parent's claim
        ready.send(claim is not None)
        end.recv()
        os._exit(0)
    end.close()
    os.kill(os.getpid(), 9)


def test_a_claim_ends_with_its_process_even_where_a_child_lives_on(tmp_path: Path) -> None:
    """A fork shares the lock; the child lets go of it."""
    context = multiprocessing.get_context("spawn")
    ready, ready_in_child = context.Pipe()
    end, end_in_child = context.Pipe()
    process = context.Process(target=_hold, args=(str(tmp_path), ready_in_child, end_in_child))
    process.start()
    assert ready.recv() is True
    process.join()

    claim = SpoolDirectory(tmp_path).claim_leftover(set())

    end.send(None)
    assert claim is not None


def test_a_directory_in_which_others_can_write_is_refused(tmp_path: Path) -> None:
    """What they put there would be sent with the user's token; so would what is behind somebody's link."""
    for name, mode in (("group", 0o770), ("world", 0o1777)):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    (tmp_path / "own").mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(tmp_path / "own")

    for name, reason in (("group", "can write"), ("world", "can write"), ("link", "symbolic link")):
        with pytest.raises(PermissionError, match=reason):
            SpoolDirectory(tmp_path / name)
    assert SpoolDirectory(tmp_path / "own").claim("a") is not None


def test_another_users_directory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its owner can write in it at any time."""
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)

    with pytest.raises(PermissionError, match="another user"):
        SpoolDirectory(tmp_path)
