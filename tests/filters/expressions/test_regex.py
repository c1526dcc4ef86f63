"""Regular expressions: the letters that they need, and their bounds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.expressions.regex import INSTRUCTIONS_MAX, compiled, instructions, literals_of

pieces = st.sampled_from(
    [
        "ab",
        "C",
        "k",
        "\\.",
        "\\d",
        "\\bx",
        "[abc]",
        "[^]a]",
        "[[:alpha:]\\]]",
        "(xy)",
        "(?:p|q(r))",
        "é",
        ".",
        "^",
        "{",
        "a{,3}",
    ]
)
repeats = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{0,3}", "+?"])
branches = st.lists(st.tuples(pieces, repeats).map("".join), min_size=1, max_size=5).map("".join)
patterns = st.tuples(st.sampled_from(["", "(?i)"]), st.lists(branches, min_size=1, max_size=3).map("|".join)).map(
    "".join
)


@given(patterns, st.data())
def test_every_match_has_one_of_the_literals(pattern: str, data: st.DataObject) -> None:
    """In its case folding, whatever is optional, alternative or in classes."""
    try:
        search = compiled(pattern, any_case=True)
        known = re.compile(pattern.replace("[[:alpha:]\\]]", "[a-z\\]]"), re.ASCII)
    except (ValueError, re.error):
        return
    message = data.draw(st.from_regex(known))
    literals = literals_of(pattern)
    for text in (message, message.upper(), message.replace("k", "\N{KELVIN SIGN}")):
        if literals and search(text.encode()) is not None:
            assert any(literal in text.casefold() for literal in literals)


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("failed after \\d+ ms", ("failed after ",)),
        ("(?i)Timeout|refused", ("timeout", "refused")),
        ("exit (?:code|status) [1-9]", ("exit ",)),
        ("ab+c", ("ab",)),
        ("ab?c", ("a",)),
        ("x|\\d", ()),
        ("\\x41b", ()),
        ("\\Qa.b\\E", ()),
        ("\\pNab", ()),
        ("한글ab", ("ab",)),
        ("main\\.c:\\d", ("main.c:",)),
    ],
)
def test_literals_are_those_that_a_reader_sees(pattern: str, literals: tuple[str, ...]) -> None:
    """Of each alternative the longest one; none where an alternative has none."""
    assert literals_of(pattern) == literals


def test_a_regular_expression_knows_what_it_costs() -> None:
    """In instructions, far below the bound for what people write."""
    uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    assert 50 < instructions(uuid, any_case=False) < INSTRUCTIONS_MAX // 5
