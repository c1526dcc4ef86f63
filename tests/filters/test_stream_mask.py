import os
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from otto_logs._needles import Needles as ClientNeedles

from filters.needles import Needles
from filters.stream_mask import MaskedLine, StreamMask

COLOUR = "\x1b[31m"
secrets = st.text(alphabet="abcdefABC/+'\"& =é", min_size=6, max_size=40).filter(lambda text: len(text.strip()) >= 6)


def masked(values: Sequence[str], *lines: str, source: str = "stdout") -> list[str]:
    stream: StreamMask[None] = StreamMask(Needles(values))
    out = stream.feed([MaskedLine(None, source, line) for line in lines]) + stream.release()
    return [line.text for line in out]


@settings(max_examples=int(os.environ.get("FUZZ_EXAMPLES", "50")))
@given(st.lists(secrets, min_size=1, max_size=4), st.integers())
def test_no_secret_is_left_and_nothing_else_is_missing(values: list[str], seed: int) -> None:
    """However a text is cut into lines, batches and colours, and whenever lines had to go, the rest is as it was."""
    random = Random(seed)
    needles = Needles(values)
    stream: StreamMask[None] = StreamMask(needles)
    lines, kept = [""], [""]
    for value in random.choices(values, k=8):
        for text, is_secret in ((f"<{random.choice('mnop')}>", False), (value.strip(), True), (">", False)):
            for character in text:
                lines[-1] += character
                kept[-1] += "" if is_secret else character
                if random.random() < 0.1:
                    lines.append("")
                    kept.append("")
                elif random.random() < 0.1:
                    lines[-1] += COLOUR
                    kept[-1] += COLOUR
    shown: list[str] = []
    while lines:
        count = random.randint(1, 4)
        out = stream.feed([MaskedLine(None, "stdout", line) for line in lines[:count]])
        shown += [line.text for line in out]
        lines = lines[count:]
        if not lines or random.random() < 0.2:
            shown += [line.text for line in stream.release()]
    text = "".join(shown).replace(COLOUR, "")
    assert not any(value.strip() in text for value in values)
    for line, rest in zip(shown, kept, strict=True):
        left = iter(line.replace("***", ""))
        assert all(character in left for character in rest)  # what is not secret is there, in its order


def test_a_secret_over_lines_and_colours_is_masked_in_each_line() -> None:
    """Each line with a piece of it has one mask; its colours stay."""
    shown = masked(["hunter-2-secret"], f"a hun{COLOUR}ter", "", f"-2-{COLOUR}secret b", "c")
    assert shown == [f"a ***{COLOUR}", "", f"***{COLOUR} b", "c"]


def test_a_control_sequence_that_eats_the_first_character_hides_nothing() -> None:
    """A secret is found as it stands in the line, whatever a terminal would make of it."""
    assert masked(["hunter-2-secret"], "\x1b[hunter-2-secret") == ["\x1b[***"]


def test_of_two_that_begin_alike_the_longer_is_masked_whole() -> None:
    """Also where the longer one continues in the next line."""
    assert masked(["secret-1", "secret-1-and-more"], "secret-1-and-more", "secret-1", "-and-more") == ["***"] * 3


@pytest.mark.parametrize(("end", "held"), [("hunter", 1), ("nothing", 0)])
def test_only_what_may_be_the_beginning_of_a_secret_is_held(end: str, held: int) -> None:
    """A line whose end no secret begins with goes at once."""
    stream: StreamMask[None] = StreamMask(Needles(["hunter-2-secret"]))
    out = stream.feed([MaskedLine(None, "stdout", "first"), MaskedLine(None, "stdout", end)])
    assert len(out) == 2 - held


def test_what_follows_a_beginning_that_had_to_go_is_masked() -> None:
    """Time was up: the beginning is seen, and never all of it."""
    stream: StreamMask[None] = StreamMask(Needles(["hunter-2-secret"]))
    stream.feed([MaskedLine(None, "stdout", "hunter")])
    assert [line.text for line in stream.release()] == ["hunter"]
    assert [line.text for line in stream.feed([MaskedLine(None, "stdout", "-2-secret!")])] == ["***!"]


def test_sources_are_read_apart_and_given_out_in_order() -> None:
    """A secret on stdout is found with a line of stderr within, which waits with it."""
    stream: StreamMask[None] = StreamMask(Needles(["hunter-2-secret"]))
    assert not stream.feed([MaskedLine(None, "stdout", "hunter"), MaskedLine(None, "stderr", "warning")])
    out = stream.feed([MaskedLine(None, "stdout", "-2-secret")])
    assert [line.text for line in out] == ["***", "warning", "***"]


def test_what_is_sent_again_is_masked_as_before() -> None:
    """Read again from where it was, a stream gives the same."""
    stream: StreamMask[None] = StreamMask(Needles(["hunter-2-secret"]))
    stream.feed([MaskedLine(None, "stdout", "hunter")])
    stream.release()
    before = stream.progress
    for _ in range(2):
        stream.go_on_at(before)
        out = stream.feed([MaskedLine(None, "stdout", "-2-secret hunter")]) + stream.release()
        assert [line.text for line in out] == ["*** hunter"]


@given(st.lists(secrets, min_size=1, max_size=4), st.text(alphabet="abcdefABC/+'\"& =é", max_size=200))
@settings(max_examples=30)
def test_client_and_gateway_find_the_same(values: list[str], text: str) -> None:
    """The client's regular expression and the gateway's automaton give the same places."""
    text += values[0].strip()
    ours, theirs = Needles(values), ClientNeedles(values)
    assert ours.spans(text) == theirs.spans(text)
    assert ours.open_start(text[:-1]) == theirs.open_start(text[:-1])


def test_a_text_of_beginnings_costs_no_more_than_its_length() -> None:
    """Hostile: each of 16,000 characters may begin a secret of 16,000; some of them are compared, and all are kept."""
    needles = Needles(["a" * 15_000 + "b"])
    assert needles.open_start("a" * 14_999 + "c") < 15_000
    stream: StreamMask[None] = StreamMask(needles)
    stream.feed([MaskedLine(None, "stdout", "a" * 14_999 + "c" + "a" * 10_000)])
    out = stream.feed([MaskedLine(None, "stdout", "a" * 5_000 + "b!")]) + stream.release()
    assert [line.text[-4:] for line in out] == ["c***", "***!"]
