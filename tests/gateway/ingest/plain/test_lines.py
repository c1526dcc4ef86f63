"""Lines as entries."""

from typing import Any

import msgspec
import pytest

from filters.entry import LogEntry
from gateway.ingest.limits import IngestLimits
from gateway.ingest.plain.line_splitter import RawLine
from gateway.ingest.plain.lines import LineFields, LineReader


def read(line: bytes | dict[str, Any], *, size: int = 0, **fields: Any) -> LogEntry:
    data = line if isinstance(line, bytes) else msgspec.json.encode(line)
    reader = LineReader(
        LineFields(task_id="build", worker_id="http", **fields), IngestLimits(message_bytes_max=50), is_json=True
    )
    batch = reader.batch()
    reader.read(RawLine(data, size or len(data)), batch)
    assert batch.size > 0
    return batch.entries[0]


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ({"message": "x", "level": "warning", "source": "stderr"}, ("x", "WARN", "stderr", None)),
        ({"log": "x\n", "stream": "stderr"}, ("x", "INFO", "stderr", None)),
        ({"message": "x", "n": 7, "o": {"p": [1]}}, ("x", "INFO", "stdout", {"n": "7", "o": '{"p":[1]}'})),
        ({"message": "x", "metadata": {"a": "b"}, "level": "odd"}, ("x", "INFO", "stdout", {"a": "b", "level": "odd"})),
        ({"message": "x", "source": "table"}, ("x", "INFO", "stdout", None)),
        (b"ERROR: plain text", ("ERROR: plain text", "ERROR", "stdout", None)),
        (b'{"message": ', ('{"message": ', "INFO", "stdout", None)),
        (b'["list"]', ('["list"]', "INFO", "stdout", None)),
        (b'{"other": 1}', ('{"other": 1}', "INFO", "stdout", {"other": "1"})),
        (b"\xff\xfe", ("\ufffd\ufffd", "INFO", "stdout", None)),
    ],
)  # fmt: skip
def test_a_line_keeps_what_it_says(line: Any, seen: tuple[Any, ...]) -> None:
    """For every shipper: names of several of them are known, other fields are metadata, and no line is refused."""
    entry = read(line)
    assert (entry.message, entry.level, entry.source, entry.metadata) == seen


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timestamp", "2026-01-01T01:00:00+01:00"),
        ("time", 1_767_225_600),
        ("date", 1_767_225_600.0),
        ("@timestamp", 1_767_225_600_000),
        ("time", 1_767_225_600_000_000),
        ("time", 1_767_225_600_000_000_000),
    ],
)
def test_times_are_read_in_every_unit(field: str, value: Any) -> None:
    """RFC 3339, and numbers of seconds, milli-, micro- and nanoseconds by their size."""
    assert read({"message": "x", field: value}).timestamp == "2026-01-01T00:00:00.000000000Z"


@pytest.mark.parametrize("value", ["yesterday", -5, 1e300, float("nan"), True])
def test_a_time_that_is_none_is_metadata(value: Any) -> None:
    """The line has the time of its arrival, and what it said stays."""
    entry = read(b'{"message":"x","time":%s}' % (b"NaN" if value != value else msgspec.json.encode(value)))
    assert entry.timestamp.startswith("20")
    assert "timestamp" in (entry.metadata or {}) or entry.message.startswith("{")


def test_a_long_line_is_cut_and_says_so() -> None:
    """With the size that it had; JSON that is longer than may be read is text."""
    entry = read(b"x" * 60, size=1_000)
    assert (len(entry.message), entry.truncated, entry.original_size) == (50, True, 1_000)
    entry = read({"message": "y" * 60})
    assert (entry.message, entry.truncated, entry.original_size) == ("y" * 50, True, 60)


def test_the_request_says_what_lines_do_not() -> None:
    """Its source and level hold for lines without; a level that is given is not detected."""
    entry = read(b"ERROR: x", source="stderr", level="DEBUG")
    assert (entry.source, entry.level) == ("stderr", "DEBUG")
    assert read({"message": "x", "level": "ERROR"}, level="DEBUG").level == "ERROR"
