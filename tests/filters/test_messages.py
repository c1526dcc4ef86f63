"""Messages of any bytes become text of a bounded size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.messages import cut_message


@given(st.binary(max_size=60), st.integers(0, 70))
def test_bytes_become_text_within_the_limit(data: bytes, bytes_max: int) -> None:
    """The text is the start of what the bytes say, as long as it may be; the size is theirs."""
    whole = data.decode(errors="replace")
    text, truncated, size = cut_message(data, bytes_max)
    assert size == len(data)
    assert whole.startswith(text)
    assert len(text.encode()) <= bytes_max
    assert truncated == (text != whole)
    if truncated:
        assert len(whole[: len(text) + 1].encode()) > bytes_max


@given(st.text(max_size=40), st.integers(0, 70))
def test_text_is_cut_like_its_bytes(message: str, bytes_max: int) -> None:
    """Producers that send text and those that send bytes see the same."""
    assert cut_message(message, bytes_max) == cut_message(message.encode(), bytes_max)


@pytest.mark.parametrize("bytes_max", range(12))
def test_a_character_is_never_cut(bytes_max: int) -> None:
    """Korean letters are whole or not there."""
    text, truncated, size = cut_message("가나다라".encode(), bytes_max)
    assert (text, truncated, size) == ("가나다라"[: bytes_max // 3], True, 12)


def test_controls_and_blanks_survive() -> None:
    """NUL, colours, carriage returns and blanks at the end are the viewer's business."""
    message = "\x00\x1b[31m red \r\n\t "
    assert cut_message(message, 100) == (message, False, len(message))


def test_what_is_not_utf8_is_replaced() -> None:
    """Never refused."""
    assert cut_message(b"a\xff\xfeb", 100) == ("a\ufffd\ufffdb", False, 4)


@given(st.text(st.characters(min_codepoint=0xD000, max_codepoint=0xE0FF), max_size=20), st.integers(0, 70))
def test_lone_surrogates_do_not_come_out(message: str, bytes_max: int) -> None:
    """What comes out can always be encoded."""
    text, _, size = cut_message(message, bytes_max)
    assert len(text.encode()) <= bytes_max
    assert size == len(message.encode(errors="surrogatepass"))


def test_a_text_that_replacing_made_longer_is_cut() -> None:
    """The limit is one of the text that is kept."""
    assert cut_message(b"\xff" * 10, 10) == ("\ufffd" * 3, True, 10)
