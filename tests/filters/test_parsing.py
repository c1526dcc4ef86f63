"""Filters as clients write them."""

import random
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.entry import LEVELS, SOURCES
from filters.model import EVERYTHING, FilterError, LogFilter
from filters.parsing import (
    KEYWORD_LENGTH_MAX,
    KEYWORDS_MAX,
    VALUES_MAX,
    filter_from_json,
    filter_from_query,
)
from tests.support.filter_strategies import filter_objects


@given(filter_objects())
def test_the_canonical_form_reads_as_itself(written: dict[str, Any]) -> None:
    """Writing and reading a filter gives the same filter."""
    log_filter = filter_from_json(written)
    assert filter_from_json(msgspec.json.decode(msgspec.json.encode(log_filter))) == log_filter


@given(filter_objects(), st.randoms())
def test_order_case_and_repeats_make_no_difference(written: dict[str, Any], chance: random.Random) -> None:
    """Filters that say the same are equal and have the same hash, so that they share a channel."""
    other: dict[str, Any] = {}
    for name in chance.sample(list(written), len(written)):
        value = written[name]
        if isinstance(value, list) and value:
            value = chance.choices(value, k=3) + chance.sample(value, len(value)) + ["", "  "]
            if name in ("levels", "sources"):
                value = [chance.choice((text.upper(), text.lower(), f" {text} ")) for text in value]
        other[name] = value
    first, second = filter_from_json(written), filter_from_json(other)
    assert (first, hash(first)) == (second, hash(second))


@given(filter_objects())
def test_both_forms_say_the_same(written: dict[str, Any]) -> None:
    """What a query string can say, JSON can say, to the same filter."""
    written.pop("taskIds", None)
    lists = {"levels": "level", "sources": "source", "keywords": "keywords", "workerIds": "workerId"}
    for name in lists.keys() & written.keys():
        written[name] = [text.strip().replace(",", "") for text in written[name]]
    pairs = [(lists[name], text) for name in lists for text in written.get(name, ())]
    pairs += [(name, written[name]) for name in ("startTime", "endTime") if name in written]
    pairs = [(name, value) for name, value in pairs if not value or value.strip() == value]
    expected = filter_from_json(written)
    assert filter_from_query(pairs) == expected
    assert filter_from_query(parse_qsl(urlencode(pairs), keep_blank_values=True)) == expected
    joined = {name: ",".join(value for other, value in pairs if other == name) for name, _ in pairs}
    assert filter_from_query(joined.items()) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", EVERYTHING),
        ("tail=5&access_token=x&LEVEL=nonsense", EVERYTHING),
        ("level=&keywords=,,&workerId=%20&source=&startTime=&endTime=", EVERYTHING),
        ("level=error,Warning", LogFilter(levels=("WARN", "ERROR"))),
        ("level=error&level=warn&level=error", LogFilter(levels=("WARN", "ERROR"))),
        ("level=" + ",".join(LEVELS), EVERYTHING),
        ("source=stderr", LogFilter(sources=("stderr",))),
        ("source=" + ",".join(SOURCES), EVERYTHING),
        ("keywords=b,%20A%20,b", LogFilter(keywords=("a", "b"))),
        ("keywords=Stra%C3%9Fe", LogFilter(keywords=("strasse",))),
        ("workerId=w-2,w-1", LogFilter(worker_ids=("w-1", "w-2"))),
        ("startTime=2026-01-01T00:00:00+09:00", LogFilter(start_time="2025-12-31T15:00:00.000000000Z")),
        ("endTime=2026-01-01T00:00:00Z", LogFilter(end_time="2026-01-01T00:00:00.000000000Z")),
    ],
)
def test_a_query_string_is_read(query: str, expected: LogFilter) -> None:
    """Commas and repeated parameters; what is not of the filter is ignored, and so are empty elements."""
    assert filter_from_query(parse_qsl(query, keep_blank_values=True)) == expected


@pytest.mark.parametrize(
    ("query", "field", "text"),
    [
        ("level=LOUD", "level", "levels are TRACE, DEBUG, INFO, WARN, ERROR, FATAL"),
        ("level=error&level=x", "level", "unknown level 'x'"),
        ("source=stdin", "source", "sources are stdout, stderr, table"),
        ("workerId=" + "w" * 257, "workerId", "at most 256 bytes"),
        ("workerId=a%00", "workerId", "control characters"),
        ("startTime=yesterday", "startTime", "RFC 3339"),
        ("endTime=2026-02-30T00:00:00Z", "endTime", "not a valid time"),
        ("startTime=2026-01-01T00:00:00Z&startTime=2026-01-02T00:00:00Z", "startTime", "once"),
        ("startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z", "startTime", "not be later than endTime"),
        ("keywords=" + "x" * (KEYWORD_LENGTH_MAX + 1), "keywords", f"at most {KEYWORD_LENGTH_MAX} characters"),
        ("keywords=" + ",".join(map(str, range(KEYWORDS_MAX + 1))), "keywords", f"at most {KEYWORDS_MAX} values"),
        ("workerId=" + ",".join(map(str, range(VALUES_MAX + 1))), "workerId", f"at most {VALUES_MAX} values"),
    ],
)
def test_a_wrong_parameter_is_named(query: str, field: str, text: str) -> None:
    """The error says which parameter is wrong and what would be right."""
    with pytest.raises(FilterError, match=text) as caught:
        filter_from_query(parse_qsl(query, keep_blank_values=True))
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, EVERYTHING),
        ({}, EVERYTHING),
        ({"levels": None, "startTime": None, "keywords": []}, EVERYTHING),
        ({"levels": "error"}, LogFilter(levels=("ERROR",))),
        ({"keywords": "a,b"}, LogFilter(keywords=("a,b",))),
        ({"keywords": [" at "]}, LogFilter(keywords=(" at ",))),
        ({"workerIds": [" w, 1"]}, LogFilter(worker_ids=(" w, 1",))),
        ({"taskIds": ["b", "a"]}, LogFilter(task_ids=("a", "b"))),
    ],
)
def test_a_json_filter_is_read(value: object, expected: LogFilter) -> None:
    """A list may be one text; keywords and names are taken as they are, with commas and blanks."""
    assert filter_from_json(value) == expected


@pytest.mark.parametrize(
    ("value", "field", "text"),
    [
        ([], "filter", "must be an object, not a list"),
        ("ERROR", "filter", "must be an object, not a string"),
        (True, "filter", "not a boolean"),
        ({"level": ["ERROR"]}, "filter.level", "no field 'level'; it has levels, sources, keywords"),
        ({"x" * 1000: 1}, "filter." + "x" * 64, "no field"),
        ({"\ud800": 1}, "filter.\ufffd\ufffd\ufffd", "no field"),
        ({"levels": 7}, "filter.levels", "must be a list of strings, not a number"),
        ({"levels": {"a": 1}}, "filter.levels", "not an object"),
        ({"levels": ["ERROR", 7]}, r"filter.levels[1]", "must be a string, not a number"),
        ({"levels": ["ERROR", "LOUD"]}, "filter.levels[1]", "levels are TRACE"),
        ({"sources": [None]}, "filter.sources[0]", "not null"),
        ({"keywords": ["x" * 257]}, "filter.keywords[0]", "at most 256 characters"),
        ({"keywords": ["ΐ" * 86]}, "filter.keywords[0]", "at most 256 characters"),
        ({"keywords": ["a\ud800"]}, "filter.keywords[0]", "valid Unicode"),
        ({"keywords": [str(n) for n in range(101)]}, "filter.keywords", "at most 100 values, not 101"),
        ({"workerIds": ["a\n"]}, "filter.workerIds[0]", "control characters"),
        ({"taskIds": ["\ud800"]}, "filter.taskIds[0]", "valid Unicode"),
        ({"startTime": 7}, "filter.startTime", "must be a string, not a number"),
        ({"startTime": "now"}, "filter.startTime", "RFC 3339"),
        (
            {"startTime": "2026-01-02T00:00:00Z", "endTime": "2026-01-01T00:00:00Z"},
            "filter.startTime",
            "not be later than filter.endTime",
        ),
    ],
    ids=range(20),
)
def test_a_wrong_field_is_named(value: object, field: str, text: str) -> None:
    """The error says which element is wrong, and can be sent."""
    with pytest.raises(FilterError, match=text) as caught:
        filter_from_json(value)
    assert caught.value.field == field
    (str(caught.value) + caught.value.field).encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["levels", "sources", "keywords", "startTime", "endTime", "workerIds", "taskIds", "x"]),
            inner,
        )
    ),
    max_leaves=8,
)


# Threat: anything at all in the place of a filter.
@given(JSON)
def test_any_json_is_a_filter_or_an_error(value: object) -> None:
    """There is no third answer."""
    try:
        log_filter = filter_from_json(value)
    except FilterError:
        return
    assert filter_from_json(msgspec.json.decode(msgspec.json.encode(log_filter))) == log_filter


# Threat: a filter of 160 KB that occupies the event loop for 30 ms before it is refused.
def test_a_very_long_list_is_refused_unread() -> None:
    """Its elements are not looked at, not even for whether they are strings; a query's are as many at most."""
    with pytest.raises(FilterError, match=r"filter.keywords may have at most 1000 values, not 1001"):
        filter_from_json({"keywords": [None] * 1_001})
    with pytest.raises(FilterError, match=r"level may have at most 1000 values, not 1001"):
        filter_from_query([("level", ",".join(["LOUD"] * 1_001))])
    assert filter_from_json({"keywords": ["a"] * 1_000}).keywords == ("a",)
