import pytest

from filters.events import EVENT_LINE, EventReader, WorkerEvents

TRACE = ("Traceback (most recent call last):", '  File "a.py", line 1, in f', "    x()", "ValueError: no", "next")


def read(*lines: str) -> list[tuple[str, int]]:
    reader = EventReader()
    return [tuple(reader.read(line)) for line in lines]


def test_a_trace_is_one_event() -> None:
    """The level of the first line holds for all of them, and each knows which line of the event it is."""
    assert read(*TRACE) == [("ERROR", 1), ("ERROR", 2), ("ERROR", 3), ("ERROR", 4), ("INFO", 1)]


def test_a_blank_line_within_an_event_counts_and_has_no_level() -> None:
    """It belongs to the event only if more of it follows, which nobody knows when the line is there."""
    assert read("panic: no", "", "goroutine 1 [running]:", "", "done") == [
        ("FATAL", 1),
        ("INFO", 1),
        ("FATAL", 3),
        ("INFO", 1),
        ("INFO", 1),
    ]


def test_an_event_has_an_end() -> None:
    """What continues for ever, as an event taken for one by mistake may, is cut into events."""
    lines = read("ERROR x", *["  more"] * 1000)

    assert max(number for _, number in lines) == 500


@pytest.mark.parametrize("text", ["+ERROR: x", "-  panic: y", " Traceback (most recent call last):"])
def test_lines_of_a_diff_are_no_errors(text: str) -> None:
    """What is quoted in a diff has the diff's level."""
    assert read("diff --git a/x b/x", text)[1] == ("INFO", 2)


def test_sources_have_events_of_their_own() -> None:
    """A line of stdout between those of a trace on stderr does not tear it apart."""
    events = WorkerEvents()
    events.read("stderr", TRACE[0], None)

    assert events.read("stdout", "working", None) == ("INFO", None)
    assert events.read("stderr", TRACE[1], {"a": "b"}) == ("ERROR", {EVENT_LINE: "2", "a": "b"})


def test_what_a_producer_said_of_its_event_stays() -> None:
    """The key of the metadata is the producer's where it uses it."""
    events = WorkerEvents()
    events.read("stdout", TRACE[0], None)

    assert events.read("stdout", TRACE[1], {EVENT_LINE: "7"})[1] == {EVENT_LINE: "7"}
