import hypothesis.strategies as st
import pytest
from hypothesis import given
from otto_logs import Level, Source
from otto_logs._commands.events import GuessedLevels
from otto_logs._commands.lines import LineSplitter, OutputLine
from otto_logs._commands.rows import gap_row, row


def split(*pieces: bytes, step: float = 0.0, **limits: float | None) -> list[bytes]:
    splitter = LineSplitter(**limits)  # type: ignore[arg-type]
    lines = [line.text for index, piece in enumerate(pieces) for line in splitter.feed(piece, index * step)]
    return lines + [line.text for line in splitter.end()]


@given(st.lists(st.binary(max_size=12)))
def test_lines_are_those_of_the_bytes(pieces: list[bytes]) -> None:
    """Wherever the output is torn apart, the lines are those between its line feeds."""
    pieces = [piece.replace(b"\r", b"") for piece in pieces]
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()

    assert split(*pieces) == expected


@given(st.lists(st.sampled_from([b"a", b"bc", b"\r", b"\n", b"\r\n", b" "])), st.integers(1, 5))
def test_returns_mean_the_same_wherever_the_output_is_torn(parts: list[bytes], size: int) -> None:
    """Of a line that was written over, the last state counts, in one piece or in many."""
    whole = b"".join(parts)
    pieces = [whole[start : start + size] for start in range(0, len(whole), size)]

    assert split(*pieces, progress_seconds=None) == split(whole, progress_seconds=None)


@pytest.mark.parametrize(
    ("output", "lines"),
    [
        (b"10%\r50%\r100%\n", [b"100%"]),
        (b"10%\r50%\r", [b"50%"]),
        (b"text\r\n", [b"text"]),
        (b"\r\n\r\n", [b"", b""]),
        (b"bar\r   \rdone\n", [b"done"]),
        (b"bar\r   \r\n", [b"bar"]),
        (b"no end", [b"no end"]),
        (b"", []),
    ],
)
def test_a_line_is_what_a_terminal_would_show(output: bytes, lines: list[bytes]) -> None:
    """Progress bars become one line each, their last state."""
    assert split(output, progress_seconds=None) == lines


def test_progress_is_shown_now_and_then() -> None:
    """A bar that continues for long gives its state once a second, and its end."""
    pieces = [b"%d%%\r" % percent for percent in range(0, 100, 10)]

    assert split(*pieces, b"100%\n", step=0.5, progress_seconds=1.0) == [b"0%", b"20%", b"40%", b"60%", b"80%", b"100%"]


def test_a_finished_line_is_not_repeated() -> None:
    """A line whose state was shown ends without another one when nothing followed."""
    assert split(b"text\r", b"\n", b"next\n", step=5.0) == [b"text", b"next"]


def test_a_line_without_end_is_bounded() -> None:
    """What is kept of a line is limited; its size is counted."""
    splitter = LineSplitter(line_bytes_max=4)

    assert splitter.feed(b"12", 0) == []
    assert splitter.feed(b"3456", 0) == []
    assert splitter.feed(b"78\nab\n123456\n", 0) == [OutputLine(b"1234", 8), OutputLine(b"ab"), OutputLine(b"1234", 6)]


def test_levels_are_guessed_and_events_kept_together() -> None:
    """A line's structure tells its level; a trace is one event, whatever the other output writes meanwhile."""
    guessed = GuessedLevels()

    def of(source: Source, text: bytes, original_bytes: int = 0) -> object:
        return guessed.of(source, OutputLine(text, original_bytes))

    assert of(Source.STDERR, b"Traceback (most recent call last):") == (Level.ERROR, None)
    assert of(Source.STDOUT, b"tests/test_errors.py::test_error PASSED") == (Level.INFO, None)
    assert of(Source.STDERR, b'  File "a.py", line 1', 9) == (Level.ERROR, {"eventLine": "2", "originalBytes": "9"})
    assert of(Source.STDOUT, b"a.c:1:2: warning: \xff") == (Level.WARN, None)


def test_a_row_has_time_level_worker_and_message() -> None:
    """One line each; several lines of one message stay below each other."""
    entry = {"timestamp": "2026-01-01T00:00:01.234567890Z", "level": "WARN", "workerId": "w", "message": "a\nb"}

    head, tail = row(entry, colour=False).split("\n")
    assert head.endswith(":01.234 WARN  w  a")
    assert tail.strip() == "b"
    assert "\x1b[33m" in row(entry, colour=True)
    assert "\x1b" not in row(entry, colour=False)


def test_a_gap_is_a_row() -> None:
    """Lines that no longer exist are announced in their place."""
    assert "lines 1 to 9 no longer exist (retention)" in gap_row(
        {"from": 1, "to": 9, "reason": "retention"}, colour=False
    )
