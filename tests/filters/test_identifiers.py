"""Identifiers."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.identifiers import IDENTIFIER_BYTES_MAX, IdentifierError, check_identifier


@pytest.mark.parametrize("value", ["a", "build/7 (retry)", "빌드", "*", " ", "😀", "a" * 256, "é" * 128])
def test_text_of_up_to_256_bytes_is_an_identifier(value: str) -> None:
    """Whatever it is made of, it is given back as it is."""
    assert check_identifier("taskId", value) is value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "must not be empty"),
        ("a" * 257, "at most 256 bytes, not 257"),
        ("é" * 129, "at most 256 bytes, not 258"),
        ("a\nb", "control characters"),
        ("\x00", "control characters"),
        ("a\x7f", "control characters"),
        ("a\x85", "control characters"),
        ("a\ud800", "valid Unicode"),
    ],
)
def test_anything_else_is_refused(value: str, reason: str) -> None:
    """The error has the field and the rule, and can be sent."""
    with pytest.raises(IdentifierError, match=f"taskId {reason}|{reason}") as caught:
        check_identifier("taskId", value)
    assert caught.value.field == "taskId"
    assert str(caught.value).startswith("taskId ")
    str(caught.value).encode()


@given(st.text(max_size=300))
def test_what_passes_obeys_the_rules(value: str) -> None:
    """Nothing that passes is empty, long, or has a control character; nothing else is refused."""
    obeys = bool(value) and not any(unicodedata.category(letter) in ("Cc", "Cs") for letter in value)
    obeys = obeys and len(value.encode(errors="surrogatepass")) <= IDENTIFIER_BYTES_MAX
    try:
        check_identifier("workerId", value)
    except IdentifierError:
        assert not obeys
    else:
        assert obeys
