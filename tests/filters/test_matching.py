"""Filters applied to entries, against the plainest way to do it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from filters.block import Block
from filters.entry import LogEntry, decode_lines, encode_lines, level_mask
from filters.expressions.canonical import with_text
from filters.matching import Matcher
from filters.model import EVERYTHING, LogFilter
from filters.parsing import filter_from_json
from tests.support.filter_strategies import entries, filter_objects, keywords, messages


def naive(wanted: LogFilter, entry: LogEntry) -> bool:
    """AND between the fields, OR inside one."""
    message = entry.message.casefold()
    return (
        (not wanted.levels or entry.level in wanted.levels)
        and (not wanted.sources or entry.source in wanted.sources)
        and (not wanted.worker_ids or entry.worker_id in wanted.worker_ids)
        and (not wanted.task_ids or entry.task_id in wanted.task_ids)
        and (not wanted.start_time or entry.timestamp >= wanted.start_time)
        and (not wanted.end_time or entry.timestamp <= wanted.end_time)
        and (not wanted.keywords or any(keyword in message for keyword in wanted.keywords))
    )


def line(message: str = "", level: str = "INFO", timestamp: str = "2026-01-01T00:00:00.000000000Z") -> LogEntry:
    return LogEntry("task", "worker", 1, timestamp, level, "stdout", message)


@given(filter_objects(), st.lists(entries(), max_size=12))
def test_what_passes_is_what_the_fields_say(written: dict[str, Any], lines: list[LogEntry]) -> None:
    """The matcher finds the same entries as one comparison after the other."""
    wanted = filter_from_json(written)
    matcher = Matcher(wanted)
    assert matcher.select(lines) == [index for index, entry in enumerate(lines) if naive(wanted, entry)]
    assert [matcher.matches(entry) for entry in lines] == [naive(wanted, entry) for entry in lines]


@given(st.lists(keywords, min_size=1, max_size=8), st.lists(messages, max_size=8))
def test_every_number_of_keywords_finds_the_same(words: list[str], texts: list[str]) -> None:
    """One, few and many keywords are looked for in different ways, to the same end."""
    wanted = filter_from_json({"keywords": words})
    lines = [line(text) for text in texts]
    expected = [n for n, text in enumerate(texts) if any(word.casefold() in text.casefold() for word in words)]
    assert Matcher(wanted).select(lines) == expected


@given(filter_objects(), st.lists(entries("task"), max_size=8), st.integers(1, 1000), st.booleans())
def test_a_block_is_selected_from_whether_it_holds_entries_or_lines(
    written: dict[str, Any], lines: list[LogEntry], first: int, forgets: bool
) -> None:
    """A selection names the whole stretch, and the sequences and lines that passed."""
    wanted = filter_from_json(written)
    block = Block("task", first, encode_lines(lines), entries=lines, received_at=7.0)
    if forgets:
        block.forget_entries()
    selection = Matcher(wanted).select_block(block)
    passed = [index for index, entry in enumerate(lines) if naive(wanted, entry)]
    assert (selection.start, selection.end, selection.received_at) == (first - 1, first - 1 + len(lines), 7.0)
    assert list(selection.sequences) == [first + index for index in passed]
    assert list(selection.lines) == [block.lines[index] for index in passed]


@given(filter_objects(), st.lists(entries(), min_size=1, max_size=6))
def test_a_chunk_is_skipped_only_where_nothing_in_it_passes(written: dict[str, Any], lines: list[LogEntry]) -> None:
    """Levels and bounds of time never hide a match."""
    matcher = Matcher(filter_from_json(written))
    times = [entry.timestamp for entry in lines]
    if not matcher.may_match(level_mask([entry.level for entry in lines]), min(times), max(times)):
        assert matcher.select(lines) == []


def test_a_chunk_is_skipped_by_level_and_by_time() -> None:
    """Without opening it."""
    early, late = "2026-01-01T00:00:00.000000000Z", "2026-01-02T00:00:00.000000000Z"
    assert not Matcher(LogFilter(levels=("ERROR",))).may_match(level_mask(["INFO", "WARN"]), early, late)
    assert not Matcher(LogFilter(start_time="2026-01-03T00:00:00.000000000Z")).may_match(~0, early, late)
    assert not Matcher(LogFilter(end_time="2025-12-31T00:00:00.000000000Z")).may_match(~0, early, late)
    assert Matcher(LogFilter(start_time=late, end_time=late)).may_match(~0, early, late)


@pytest.mark.parametrize(
    ("keyword", "message", "found"),
    [
        ("ERROR", "an error", True),
        ("error", "AN ERROR", True),
        ("STRASSE", "die Straße", True),
        ("straße", "DIE STRASSE", True),
        ("ΣΊΣΥΦΟΣ", "σίσυφος", True),
        ("오류", "빌드 오류 발생", True),
        ("ﬁle", "FILE", True),
        ("ı", "I", False),
        ("i", "ı", False),
        ("i", "İ", True),
        ("İ", "i", False),
        ("é", "e\u0301", False),
        ("a.c", "abc", False),
        ("[x]", "an [X]", True),
    ],
)
def test_keywords_are_found_in_any_case(keyword: str, message: str, found: bool) -> None:
    """Unicode's case folding on both sides, without normalisation; a keyword is text and no expression."""
    for others in ([], ["zzz1"], ["zzz1", "zzz2", "zzz3", "zzz4"]):
        matcher = Matcher(filter_from_json({"keywords": [keyword, *others]}))
        assert matcher.matches(line(message)) is found


@pytest.mark.parametrize("place", [0, 4090, 4095, 4096, 4097, 8191, 20_000])
def test_a_long_message_is_searched_without_a_seam(place: int) -> None:
    """A keyword that lies across two pieces is found; what is nowhere is not."""
    matcher = Matcher(
        filter_from_json({"keywords": ["needle", "bb", "cc", "qq", "a longer keyword than the needle is"]})
    )
    assert matcher.matches(line("x" * place + "Needle" + "x" * 500))
    assert not matcher.matches(line("x" * place + "needl" + "x" * 500))


@pytest.mark.parametrize("others", [0, 2, 3, 7])
@pytest.mark.parametrize("border", [4096, 8192])
def test_a_keyword_is_found_wherever_it_begins(border: int, others: int) -> None:
    """Also the longest one, at every place around the end of a piece, and where the message ends with it."""
    keyword = "a needle"
    matcher = Matcher(filter_from_json({"keywords": [keyword, *(f"q{n}" for n in range(others))]}))
    for place in range(border - len(keyword) - 1, border + 2):
        for behind in ("", "x", "x" * 5000):
            assert matcher.matches(line("x" * place + keyword.upper() + behind)), place
            assert not matcher.matches(line("x" * place + keyword[:-1] + "x" + behind))


def test_nothing_is_decoded_where_everything_passes() -> None:
    """The filter without restrictions hands on the block's own lines, and a range."""
    block = Block("task", 5, [b"no JSON", b"at all"])
    selection = Matcher().select_block(block)
    assert selection.lines is block.lines
    assert selection.sequences == range(5, 7)
    assert Matcher(EVERYTHING).everything


def test_a_block_without_lines_selects_nothing() -> None:
    """Its stretch is empty."""
    for matcher in (Matcher(), Matcher(LogFilter(levels=("ERROR",)))):
        selection = matcher.select_block(Block("task", 5, []))
        assert (selection.start, selection.end, list(selection.lines)) == (4, 4, [])


@given(st.lists(entries("task"), min_size=1, max_size=5))
def test_decoded_entries_match_like_those_that_came(lines: list[LogEntry]) -> None:
    """What is read back from storage is filtered like what is live."""
    matcher = Matcher(filter_from_json({"levels": ["error", "warn"], "keywords": ["a", "ß", "한"]}))
    assert matcher.select(decode_lines(encode_lines(lines))) == matcher.select(lines)


_TEXTS = st.text(alphabet='aAbB"\\\n\x7f/ßſsSKkıİéΣσς한 ', max_size=8)


@given(st.lists(_TEXTS, min_size=1, max_size=5), _TEXTS.filter(str.strip), st.sampled_from(["", "a"]))
def test_encoded_lines_pass_as_their_entries_do(texts: list[str], keyword: str, phrase: str) -> None:
    """Whatever JSON and case folding make of a keyword, no line is lost by not being decoded."""
    entries = [LogEntry("build", "w1", 1, "2026-01-01T00:00:00.000000000Z", "INFO", "stdout", text) for text in texts]
    matcher = Matcher(with_text(LogFilter(keywords=(keyword.casefold(),)), phrase))
    assert matcher.select_lines(encode_lines(entries)) == matcher.select(entries)


@pytest.mark.parametrize(
    ("words", "phrase", "found"),
    [
        ((), "", [0, 1, 2, 3]),
        ((), "Needle", [1, 2]),
        (("error",), "", [2, 3]),
        (("error",), "Needle", [2]),
        (("error", "here"), "NEEDLE", [1, 2]),
        (("error",), "nothing", []),
    ],
)
def test_a_phrase_is_in_a_message_beside_a_keyword(words: tuple[str, ...], phrase: str, found: list[int]) -> None:
    """In any case; entries, encoded lines and blocks agree, and lines are told apart by nothing but their ends."""
    lines = [line("one two"), line("a needle, here"), line("NEEDLE in an error"), line("Error", "ERROR")]
    matcher = Matcher(with_text(LogFilter(keywords=words), phrase))
    block = Block("task", 1, encode_lines(lines), entries=lines)
    assert matcher.select(lines) == found
    assert matcher.select_lines(encode_lines(lines)) == found
    assert list(matcher.select_block(block).sequences) == [index + 1 for index in found]


def test_a_phrase_does_not_stand_in_for_the_other_fields() -> None:
    """What the filter wants beside it counts, with and without keywords."""
    lines = [line("needle"), line("needle error", "ERROR"), line("error", "ERROR")]
    for words in ((), ("error",)):
        assert Matcher(with_text(LogFilter(levels=("ERROR",), keywords=words), "needle")).select(lines) == [1]
