"""Patterns of names."""

import re
import string
from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.auth.patterns import NamePatterns

TEXTS = st.text(st.sampled_from("ab*?[]!.\n\\" + string.digits[:2]), max_size=12)


@pytest.mark.parametrize(
    ("pattern", "covered", "not_covered"),
    [
        ("build", ["build"], ["Build", "build2", "a build", ""]),
        ("build-*", ["build-", "build-7", "build-\n", "build-*"], ["build", "my-build-7"]),
        ("*", ["", "anything", "*", "a/b", "a..b", "..."], []),
        ("build-*", ["build-1/x", "build-1/..x"], ["build-1/../x", "build-1/..", "build-1/./x", "build-1\\..\\x"]),
        ("*", [], ["..", ".", "../x", "x/.."]),
        ("build-1/../x", ["build-1/../x"], ["build-1/x"]),
        ("", [""], ["a"]),
        ("job-?", ["job-1", "job-é"], ["job-", "job-12"]),
        ("a*b*c", ["abc", "a-b-b-c", "abcbc"], ["acb", "ab", "abcd"]),
        ("a*b*c*d", ["abcd", "a-b-c-d", "abcbcd"], ["acbd", "abd", "abc"]),
        ("**", ["", "x"], []),
        ("job[1]", ["job[1]"], ["job1"]),
        ("a.c", ["a.c"], ["abc"]),
        ("빌드-*", ["빌드-하나"], ["빌-드"]),
    ],
)
def test_a_pattern_covers_whole_names(pattern: str, covered: list[str], not_covered: list[str]) -> None:
    """A pattern covers what it describes from the first to the last character, and nothing else."""
    patterns = NamePatterns([pattern])
    assert [name for name in covered if name not in patterns] == []
    assert [name for name in not_covered if name in patterns] == []


@given(TEXTS, TEXTS)
def test_patterns_cover_what_a_plain_expression_does(pattern: str, name: str) -> None:
    """The atomic groups change the cost and not the answer."""
    plain = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    assume(not {".", ".."} & set(name.split("\\")))
    assert (name in NamePatterns([pattern])) == (re.fullmatch(plain, name, re.DOTALL) is not None)


@given(TEXTS, TEXTS)
def test_patterns_without_brackets_are_those_of_a_shell(pattern: str, name: str) -> None:
    """``*`` and ``?`` mean what they mean in ``fnmatch``."""
    pattern = pattern.replace("[", "")
    assume(not {".", ".."} & set(name.split("\\")))
    assert (name in NamePatterns([pattern])) == fnmatchcase(name, pattern)


def test_several_patterns_cover_what_one_of_them_does() -> None:
    """A list is any-of; an empty one covers nothing."""
    patterns = NamePatterns(["a-*", "b"])
    assert "a-1" in patterns
    assert "b" in patterns
    assert "c" not in patterns
    assert "" not in NamePatterns([])


@given(TEXTS, TEXTS)
def test_exact_names_are_never_patterns(name: str, other: str) -> None:
    """A set of exact names covers these, whatever they are made of."""
    assert (other in NamePatterns.only(name)) == (other == name)


# Threat: a name chosen so that a pattern with several stars takes exponential time.
def test_a_hostile_name_costs_no_more_than_its_length() -> None:
    """Matching does not go back after a literal that it has found."""
    assert "a" * 256 not in NamePatterns(["*a" * 60 + "*b"])
