import os
import time
from pathlib import Path

import pytest
from otto_logs._commands.away_note import AwayNote
from otto_logs._commands.gateway import Gateway
from otto_logs._commands.masking import Masking
from otto_logs._errors import NotDeliveredError
from otto_logs._values import SpoolPolicy

from tests.support.commands import otto_logs
from tests.support.ingest_peer import IngestPeer

ABSENT = "127.0.0.1:1"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_time_away_is_counted_from_the_first_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """It grows while it is seen again within a minute, and begins anew after that."""
    started_at = time.time()
    note = AwayNote(ABSENT)
    note.update()
    monkeypatch.setattr(time, "time", lambda: started_at + 40)
    assert note.seconds() == pytest.approx(40, abs=1)
    note.update()
    assert AwayNote(ABSENT).seconds() == pytest.approx(40, abs=1)
    assert AwayNote("127.0.0.1:2").seconds() == 0
    monkeypatch.setattr(time, "time", lambda: started_at + 3600)
    assert note.seconds() == 0


def test_without_a_directory_nothing_is_remembered(cache: Path) -> None:
    """And nothing fails; nor where the file holds something else."""
    cache.touch()
    AwayNote(ABSENT).update()
    AwayNote(ABSENT).clear()
    assert AwayNote(ABSENT).seconds() == 0

    cache.unlink()
    AwayNote(ABSENT).update()
    next(cache.glob("*/*")).write_text("x")
    assert AwayNote(ABSENT).seconds() == 0


@pytest.mark.parametrize(
    ("away", "close_timeout", "waits"),
    [(0, None, [1, 9]), (4, None, [6, 0]), (300, None, [1, 0]), (300, 3, [1, 2]), (0, 1, [1])],
)
def test_what_the_gateway_was_away_is_taken_off_the_wait(
    monkeypatch: pytest.MonkeyPatch, away: int, close_timeout: float | None, waits: list[float]
) -> None:
    """A second is left for one attempt; what the user says stays. A wait is announced after a second, and no longer."""
    gateway = Gateway(ABSENT, None, None, None, None, close_timeout)
    producer = gateway.producer(SpoolPolicy.BLOCK, Masking())
    asked: list[float] = []

    def wait(seconds: float) -> None:
        asked.append(round(seconds))
        raise NotDeliveredError("time was up", 1)

    monkeypatch.setattr(AwayNote, "seconds", lambda _: float(away))
    with monkeypatch.context() as patched:
        patched.setattr(producer, "flush", wait)
        patched.setattr(producer, "close", wait)
        with pytest.raises(NotDeliveredError):
            gateway.close(producer)
    producer.close(0)

    assert asked == waits


async def test_a_gateway_that_was_away_is_found_again(peer: IngestPeer, cache: Path) -> None:
    """Lines are delivered in spite of the note, which is gone then."""
    note = AwayNote(peer.address)
    note.update()
    os.utime(next(cache.glob("*/*")))
    ended = await otto_logs(
        *("send", "--gateway", peer.address, "--task", "t"), input=b"one\n", environment={"XDG_CACHE_HOME": str(cache)}
    )

    assert ended.code == 0
    assert peer.lines("t") == ["one"]
    assert note.seconds() == 0


async def test_an_absence_is_noted(cache: Path) -> None:
    """A command that cannot reach the gateway leaves a note for the next one."""
    arguments = ("send", "--gateway", ABSENT, "--task", "t", "--close-timeout", "0.2")
    ended = await otto_logs(*arguments, input=b"one\n", environment={"XDG_CACHE_HOME": str(cache)})

    assert ended.code == 4
    assert AwayNote(ABSENT).seconds() > 0
