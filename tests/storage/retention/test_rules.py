"""Rules as they are written."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.retention.rules import RetentionRule, parse_rules

names = st.text("ab*?[]-^.\\", max_size=8)


def test_rules_are_read_in_their_order() -> None:
    """With days, hours and minutes, or kept; spaces do not count."""
    rules = parse_rules(" nightly-*=3d , ci-?=1.5h,x=y=90m, golden=keep,")
    assert [(rule.pattern, rule.seconds) for rule in rules] == [
        ("nightly-*", 3 * 86400),
        ("ci-?", 5400),
        ("x=y", 5400),
        ("golden", None),
    ]
    assert parse_rules(",".join(map(str, rules))) == rules
    assert parse_rules("") == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nightly-*", "'nightly-\\*' is not a rule: write PATTERN=DURATION"),
        ("=3d", "'=3d' is not a rule"),
        ("a=3", "'3' in 'a=3' is not a duration: write days, hours or minutes"),
        ("a=-1d", "'-1d' in 'a=-1d' is not a duration"),
        ("a=0d", "'0d' in 'a=0d' is not a duration"),
        ("a=3w", "'3w' in 'a=3w'"),
        ("a=1d,b=2d,a=3d", "the pattern 'a' is there twice"),
    ],
)
def test_a_wrong_rule_is_quoted(text: str, reason: str) -> None:
    """With what would be right."""
    with pytest.raises(ValueError, match=reason):
        parse_rules(text)


@given(st.text("ab*?[]-^.", min_size=1, max_size=6), names)
def test_a_pattern_covers_what_sqlite_says(pattern: str, name: str) -> None:
    """The journal asks the rule and the polling table asks SQLite; both mean the same."""
    rule = RetentionRule(pattern, None, "")
    with sqlite3.connect(":memory:") as connection:
        found = connection.execute("SELECT ? GLOB ?", (name, rule.glob)).fetchone()[0]
    connection.close()
    assert rule.covers(name) == bool(found)


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("job-?", ["job-1", "job-\n"], ["job-", "job-12", "Job-1"]),
        ("nightly-*", ["nightly-", "nightly-1"], ["my-nightly-1", "nightly"]),
        ("a**b", ["ab", "axb"], ["abc"]),
        ("[a]", ["[a]"], ["a"]),
    ],
)
def test_a_pattern_covers_whole_names(pattern: str, covered: list[str], not_covered: list[str]) -> None:
    """A star is any text, a question mark any one character, everything else itself."""
    rule = RetentionRule(pattern, None, "")
    assert [name for name in [*covered, *not_covered] if rule.covers(name)] == covered
