"""What a summary says is not in a text is not in it."""

from hypothesis import given
from hypothesis import strategies as st

from filters.byte_search import FOLD_INTO_ASCII
from filters.entry import encode_lines
from filters.matching import Matcher
from filters.model import LogFilter
from filters.text_summary import SUMMARY_SHARE, SummaryBuilder
from tests.support.journal_items import entry

ODD = "".join(each for found in FOLD_INTO_ASCII.values() for each in found) + "ıİéЖж実실"
WORDS = st.lists(st.text('abcKkSs019 -_"\\\n' + ODD, min_size=1, max_size=12), min_size=1, max_size=30)


def summary_of(*texts: bytes, padding: int = 0) -> bytes:
    """Of these texts, as if there were more text of which nothing is new."""
    builder = SummaryBuilder()
    for text in texts:
        builder.add(text)
    builder.add(b"a" * padding)
    return builder.finish()


@given(words=WORDS, data=st.data(), swap=st.booleans())
def test_a_line_that_matches_is_never_passed_over(words: list[str], data: st.DataObject, swap: bool) -> None:
    """Whatever the case, inside of words, beyond ASCII, and with what JSON escapes."""
    message = " ".join(words)
    start = data.draw(st.integers(0, len(message) - 1))
    part = message[start : data.draw(st.integers(start + 1, len(message)))]
    wanted = Matcher(LogFilter(keywords=((part.swapcase() if swap else part).casefold(),)))
    line = entry(message)
    if wanted.matches(line):
        assert wanted.may_match_summary(summary_of(*encode_lines([line]), padding=100_000))


def test_words_that_are_not_there_are_known_not_to_be() -> None:
    """Nearly always; a word inside of a longer one counts as there, and a short one is never known."""
    lines = [f'{{"message":"request {n * 7919} of user{n} took {n % 97} ms"}}'.encode() for n in range(3000)]
    summary = summary_of(b"\n".join(lines))
    found = [
        Matcher(LogFilter(keywords=(word,))).may_match_summary(summary)
        for word in ("timeout", "outofmemory", "refused", "connection reset", "segfault", "deadlock")
    ]
    assert sum(found) == 0
    for word in ("eques", "user1", "took 12 ms", "xyz"):
        assert Matcher(LogFilter(keywords=(word,))).may_match_summary(summary), word


def test_a_summary_is_a_fiftieth_of_its_text_at_most() -> None:
    """One that would tell too little is empty, and passes nothing over."""
    text = b"\n".join(f"line {n} of the build, compiling module {n * 31}".encode() for n in range(5000))
    assert 0 < len(summary_of(text)) <= len(text) // SUMMARY_SHARE
    assert summary_of(bytes(range(256)) * 4) == b""
    assert Matcher(LogFilter(keywords=("absent",))).may_match_summary(b"")


def test_a_filter_without_words_reads_no_summaries() -> None:
    """Levels and times are beside each chunk anyway."""
    assert not Matcher(LogFilter(levels=("ERROR",))).reads_summaries
    assert Matcher(LogFilter(keywords=("word",))).reads_summaries
