"""Entries and their one JSON form."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.entry import LEVEL_BITS, LEVELS, LogEntry, decode_lines, encode_lines, level_mask

any_text = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('\n\r\x00\x1b\x85\u2028\u2029"\\'))
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | any_text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(any_text, inner, max_size=2),
    max_leaves=4,
)
any_entry = st.builds(
    LogEntry,
    task_id=any_text,
    worker_id=any_text,
    sequence=st.integers(0, 2**63),
    timestamp=any_text,
    level=st.sampled_from(LEVELS),
    source=any_text,
    message=any_text,
    metadata=st.none() | st.dictionaries(any_text, any_text, max_size=3),
    pod_metadata=st.none() | st.dictionaries(any_text, json_values, max_size=3),
    truncated=st.booleans(),
    original_size=st.integers(0, 2**40),
)


@given(st.lists(any_entry, max_size=5))
def test_entries_come_back_as_they_were(entries: list[LogEntry]) -> None:
    """Whatever characters they hold."""
    assert decode_lines(encode_lines(entries)) == entries


@given(st.lists(any_entry, min_size=1, max_size=5))
def test_a_line_is_one_line(entries: list[LogEntry]) -> None:
    """No encoded entry holds a byte that would end a line of NDJSON or of an event stream."""
    lines = encode_lines(entries)
    assert len(lines) == len(entries)
    assert [line for line in lines if {*line} & {*range(0x20)}] == []


@given(any_entry)
def test_any_reader_of_json_reads_an_entry(entry: LogEntry) -> None:
    """The names are camelCase, and the required fields are always there."""
    read = json.loads(encode_lines([entry])[0])
    assert (read["taskId"], read["workerId"], read["message"]) == (entry.task_id, entry.worker_id, entry.message)
    assert {"sequence", "timestamp", "level", "source"} <= read.keys()
    assert ("truncated" in read) == entry.truncated


def test_fields_that_say_nothing_are_left_out() -> None:
    """An ordinary entry is short, in the order of its fields."""
    entry = LogEntry("t", "w", 1, "2026-01-01T00:00:00.000000000Z", "INFO", "stdout", "hello")
    encoded = (
        b'{"taskId":"t","workerId":"w","sequence":1,"timestamp":"2026-01-01T00:00:00.000000000Z",'
        b'"level":"INFO","source":"stdout","message":"hello"}'
    )
    assert encode_lines([entry]) == [encoded]
    assert encode_lines([]) == []
    assert decode_lines([]) == []


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"garbage", b'{"taskId": 7}'])
def test_what_is_no_entry_is_refused(line: bytes) -> None:
    """A damaged line does not pass for another."""
    if line:
        with pytest.raises(msgspec.DecodeError):
            decode_lines([line])


@given(st.sets(st.sampled_from(LEVELS)))
def test_a_mask_has_a_bit_per_level(levels: set[str]) -> None:
    """Two sets of levels meet where their masks do."""
    mask = level_mask(frozenset(levels))
    assert {level for level in LEVELS if mask & LEVEL_BITS[level]} == levels
