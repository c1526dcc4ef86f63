"""Levels and sources as producers write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.entry import LEVELS, SOURCES
from filters.levels import normalise_level, normalise_source


@pytest.mark.parametrize(
    ("text", "level"),
    [
        *((level, level) for level in LEVELS),
        *((level.lower(), level) for level in LEVELS),
        ("Warning", "WARN"),
        ("CRITICAL", "FATAL"),
        ("notice", "INFO"),
        (" error ", "ERROR"),
        ("", "INFO"),
    ],
)
def test_known_levels_are_read_in_any_case(text: str, level: str) -> None:
    """Synonyms too; none is ``INFO``; there is no original to keep."""
    assert normalise_level(text) == (level, None)


@pytest.mark.parametrize("text", ["verbose", "10", "ERR", "경고", " "])
def test_an_unknown_level_is_kept_beside(text: str) -> None:
    """It becomes ``INFO``, with what was written."""
    assert normalise_level(text) == ("INFO", text)


@pytest.mark.parametrize(
    ("text", "source"), [("stdout", "stdout"), ("STDERR", "stderr"), ("", "stdout"), ("table", "table")]
)
def test_known_sources_are_read_in_any_case(text: str, source: str) -> None:
    """None is ``stdout``."""
    assert normalise_source(text) == (source, None)


def test_an_unknown_source_is_kept_beside() -> None:
    """It becomes ``stdout``, with what was written."""
    assert normalise_source("syslog") == ("stdout", "syslog")


@given(st.text())
def test_whatever_comes_becomes_a_level_and_a_source(text: str) -> None:
    """Entries have no other values."""
    assert normalise_level(text)[0] in LEVELS
    assert normalise_source(text)[0] in SOURCES
