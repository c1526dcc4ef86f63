"""Expressions: what passes, one form for all that says the same, and what it costs to look for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.entry import LogEntry, encode_lines, level_mask
from filters.expressions.canonical import with_expression
from filters.expressions.nodes import text_of
from filters.expressions.parser import parse
from filters.matching import Matcher
from filters.model import LogFilter
from filters.parsing import filter_from_json, filter_from_query
from tests.support.expression_strategies import Written, expressions
from tests.support.filter_strategies import entries


def filter_of(expression: str) -> LogFilter:
    return filter_from_query([("filter", expression)])


def line(message: str, level: str = "INFO", source: str = "stdout", worker: str = "w1") -> LogEntry:
    return LogEntry("build", worker, 1, "2026-01-01T00:00:00.000000000Z", level, source, message)


@given(expressions, st.lists(entries("build"), max_size=10))
def test_what_passes_is_what_the_expression_says(written: Written, lines: list[LogEntry]) -> None:
    """Entries, encoded lines and chunks agree with the plainest evaluation of each term."""
    matcher = Matcher(filter_of(written.text))
    expected = [index for index, entry in enumerate(lines) if written.says(entry)]
    assert matcher.select(lines) == expected
    assert matcher.select_lines(encode_lines(lines)) == expected
    if expected:
        assert matcher.may_match(level_mask([lines[index].level for index in expected]), "1", "3")


@given(expressions)
def test_the_canonical_text_is_read_as_itself(written: Written) -> None:
    """Parsing and writing it again changes nothing, and the filter of it is the same filter."""
    node = parse(written.text)
    assert node is not None
    assert parse(text_of(node), is_canonical=True) == node
    assert filter_of(text_of(node)) == filter_of(written.text)
    assert filter_from_json({"expression": written.text}) == filter_of(written.text)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b", "b  AND a a"),
        ("a OR b", "(b OR (a))"),
        ("-(a OR b)", "NOT b -a"),
        ("-(a b)", "-a OR -b"),
        ("NOT (NOT a)", '"A"'),
        ("level:error", "Level:ERROR,error"),
        ("-level:trace,debug,info", "level:WARN OR level:fatal,error"),
        ("-worker:a -worker:b", "-worker:b,a"),
        ("/a\\/b/", "/a\\/b/ /a\\/b/"),
        ("x (level:ERROR OR /y/)", "(/y/ OR level:ERROR) AND x"),
    ],
)
def test_what_says_the_same_is_one_filter(one: str, other: str) -> None:
    """Order, repeats, parentheses, spelling and where the negation stands make no other channel."""
    assert filter_of(one) == filter_of(other)
    assert hash(filter_of(one)) == hash(filter_of(other))


def test_what_a_field_can_say_is_the_field() -> None:
    """So an expression shares the channel with the old parameters, and what they find without opening chunks."""
    by_fields = filter_from_query([("level", "ERROR"), ("keywords", "x,y"), ("workerId", "w1"), ("source", "stderr")])
    assert filter_of("(y OR x) level:error worker:w1 source:stderr") == by_fields
    assert filter_from_query([("level", "ERROR,WARN"), ("filter", "level:ERROR,INFO")]) == LogFilter(levels=("ERROR",))
    assert not Matcher(filter_from_query([("level", "WARN"), ("filter", "level:ERROR")])).matches(line("", "WARN"))


@given(st.lists(entries("build"), max_size=6), expressions, expressions)
def test_an_expression_narrows_what_the_fields_let_pass(lines: list[LogEntry], one: Written, other: Written) -> None:
    """Both have to hold, whichever of them became fields."""
    node = parse(other.text)
    assert node is not None
    both = Matcher(with_expression(filter_of(one.text), node))
    assert both.select(lines) == [i for i, entry in enumerate(lines) if one.says(entry) and other.says(entry)]


def test_a_chunk_is_skipped_by_the_levels_of_its_terms() -> None:
    """Also where alternatives have different ones."""
    matcher = Matcher(filter_of("(level:ERROR a) OR (level:WARN b)"))
    assert not matcher.may_match(level_mask(["INFO", "FATAL"]), "1", "3")
    assert matcher.may_match(level_mask(["WARN"]), "1", "3")


@pytest.mark.parametrize(
    "expression",
    [
        "a needle",
        "x needle OR needle y",
        "/[ab]+ needle\\d/",
        "-a needle",
        "/x|q/ /needle/i",
        "trace_id:0af7 a",
        "span_id:B7AD",
    ],
)
def test_lines_without_a_needed_text_are_not_decoded(expression: str) -> None:
    """A text or a regular expression's own letters are looked for on the stored bytes first."""
    lines = [b"no JSON at all", b"nor this one"] * 4
    assert Matcher(filter_of(expression)).select_lines(lines) == []
