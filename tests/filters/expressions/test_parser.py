"""Errors of expressions, each with the character that is wrong."""

import pytest

from filters.expressions.parser import CHARACTERS_MAX, DEPTH_MAX, TERMS_MAX, ExpressionError, parse
from filters.model import FilterError
from filters.parsing import filter_from_json, filter_from_query


@pytest.mark.parametrize(
    ("expression", "position", "right"),
    [
        ("a )", 3, "'('"),
        ("a (b", 3, "add ')'"),
        ("()", 2, "a term is missing"),
        ("a (b OR )", 9, "a term is missing"),
        ("main()", 5, "in quotes"),
        ('say"hi"', 4, "in quotes"),
        ('a "b', 3, "add a quote"),
        ('"a"b', 4, "a blank is missing"),
        ("(a)b", 4, "a blank is missing"),
        ('""', 1, "leave it out"),
        ('"a\\n"', 4, "\\\\"),
        ("OR a", 1, "in quotes"),
        ("a OR", 5, "a term is missing"),
        ("a AND OR b", 7, "in quotes"),
        ("a NOT", 6, "a term is missing"),
        ("- a", 2, "in quotes"),
        ("a --verbose", 4, "in quotes"),
        ("/usr/bin/gcc", 6, "a path in quotes"),
        ("/tmp", 1, "a path in quotes"),
        ("//", 1, "empty"),
        ("/a(b/", 2, "missing )"),
        ("x /a\\/\\yb/", 7, "invalid escape"),
        ("/a{1001}/", 3, "invalid repetition"),
        ("level:", 7, "needs a value"),
        ("a level:LOUD", 9, "TRACE, DEBUG"),
        ("level:ERROR,,WARN", 13, "needs a value"),
        ("source:disk", 8, "stdout"),
        ("levels:ERROR", 1, "level, worker, source, label"),
        ('worker:"a\nb"', 8, "control characters"),
        ("label:=x", 7, "name=value"),
        ("a trace_id:0xyz", 12, "hexadecimal"),
        ("traceId:0af7", 1, "trace_id, span_id"),
    ],
)
def test_an_error_names_the_character_and_what_would_be_right(expression: str, position: int, right: str) -> None:
    """Counted from 1; one behind the end where something is missing."""
    with pytest.raises(ExpressionError) as error:
        parse(expression)
    assert error.value.position == position, str(error.value)
    assert right in str(error.value)


def test_a_filter_says_in_which_field_an_expression_is_wrong() -> None:
    """As the client named it, in an address and in JSON."""
    with pytest.raises(FilterError) as of_query:
        filter_from_query([("level", "ERROR"), ("filter", "a )")])
    assert (of_query.value.field, of_query.value.position) == ("filter", 3)
    assert str(of_query.value).startswith("filter, character 3: ')' closes nothing")
    with pytest.raises(FilterError) as of_json:
        filter_from_json({"expression": "a )"})
    assert (of_json.value.field, of_json.value.position) == ("filter.expression", 3)
    with pytest.raises(FilterError, match="may be given once"):
        filter_from_query([("filter", "a"), ("filter", "b")])
    with pytest.raises(FilterError, match=r"filter\.expression must be a string"):
        filter_from_json({"expression": ["a"]})


def test_labels_are_for_searches_alone() -> None:
    """On one task they would let pass everything or nothing."""
    assert filter_from_query([("filter", "label:a=b")], has_labels=True).expression == 'label:"a=b"'
    with pytest.raises(FilterError) as error:
        filter_from_query([("filter", "x -label:a=b")])
    assert error.value.position == 4
    assert "searches" in str(error.value)


@pytest.mark.parametrize("blank", ["", "  ", "\t\n"])
def test_a_blank_expression_restricts_nothing(blank: str) -> None:
    """As an empty parameter does."""
    assert filter_from_query([("filter", blank)]) == filter_from_query([])


# A filter is compiled and applied by the gateway: its author must not be able to make that expensive.
@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("a" * (CHARACTERS_MAX + 1), CHARACTERS_MAX + 1),
        ("(" * 3000, DEPTH_MAX + 1),
        ("NOT " * 900, 4 * DEPTH_MAX + 1),
        ("-(" * 1500, 2 * (DEPTH_MAX // 2) + 1),
        ("a " * (TERMS_MAX + 1), 2 * TERMS_MAX + 1),
        ("worker:" + "w," * 1000, 7 + 2 * TERMS_MAX + 1),
        ("x" * 257, 1),
        ("ΐ" * 86, 1),  # folds to three characters each
        ("/" + "x" * 257 + "/", 1),
        ("a\ud800", 2),
        ("/(?:x{10}){200}/", 11),
        ("/((((x{30}){30}){30}){30})/", 7),
        ("/(?i:\\pL{1,30}){5}/", 2),
        ("/.{0,80}/", 2),
        ("/.{0,20}/ /.{0,21}/ /.{0,22}/", 21),
        ("/" + "(" * 250 + "/", 2),
    ],
)
def test_a_hostile_expression_is_refused(expression: str, position: int) -> None:
    """By its size, depth, terms, or what its regular expressions would cost; at the character that is too much."""
    with pytest.raises(ExpressionError) as error:
        parse(expression)
    assert error.value.position == position, str(error.value)
    assert len(str(error.value)) < 400
