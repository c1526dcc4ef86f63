import sys
import time

import pytest

from gateway.commands.progress_line import ProgressLine


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, which a test changes."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[-1])
    return now


def test_progress_line_is_written_over_now_and_then(
    clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Five times a second at most, with the time that is left at this rate; it is removed in the end."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    line = ProgressLine("records")
    for seconds, reached in ((10.0, 500), (10.1, 600), (10.2, 1_000)):
        clock.append(100.0 + seconds)
        line.show(reached, 2_000)
    line.clear()
    assert capsys.readouterr().err == (
        "\r\x1b[Krecords 500 of 2,000, 25 %, 30 s left\r\x1b[Krecords 1,000 of 2,000, 50 %, 10 s left\r\x1b[K"
    )


def test_progress_line_writes_nothing_where_there_is_no_terminal(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    """A log would be full of it."""
    line = ProgressLine("records")
    line.show(1, 2)
    line.clear()
    assert capsys.readouterr().err == ""
