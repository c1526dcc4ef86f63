"""What a filter costs a line: seven fields with 20 keywords beside expressions, live and stored, in one run.

    python -m benchmarks.filter_cost [LINES]

CPU time of the thread, the best of five rounds. *Live* is a block of 100 entries as it was committed, *stored* are the
encoded lines of a chunk. Words and lines are those of a build; one line in 50 has one of the words.
"""

import random
import sys
import time
from collections.abc import Callable
from functools import partial

from filters.block import Block
from filters.entry import LogEntry, encode_lines
from filters.matching import Matcher
from filters.parsing import filter_from_query

ROUNDS = 5
BLOCK_LINES = 100
CHUNK_LINES = 1000
WORDS = (
    "timeout refused unreachable exception traceback panicked segfault aborted undefined unresolved mismatch "
    "overflow deadlock corrupted truncated denied expired unsupported deprecated leaked"
)
TERMS = WORDS.replace(" ", " OR ")
FILTERS = {
    "seven fields, 20 keywords": ("keywords", WORDS.replace(" ", ",")),
    "one word": ("filter", "timeout"),
    "20 terms": ("filter", TERMS),
    "20 terms, 2 exclusions": ("filter", f"({TERMS}) -retry -warning"),
    "20 terms, 2 exclusions, 1 regular expression": (
        "filter",
        f"({TERMS}) -retry -warning /after \\d+ ms/",
    ),
    "regular expression with letters": ("filter", "/after \\d+ ms$/"),
    "regular expression without letters": ("filter", "/\\d{4}-[a-f]{3}/"),
    "2 exclusions": ("filter", "-retry -warning"),
}


def made(lines: int, tail: str) -> list[LogEntry]:
    draw, words = random.Random(7), WORDS.split()
    messages = [
        f"[{number % 900}/900] compiling src/module_{number}/file.cpp with -O2 -Wall {tail}"
        if number % 50
        else f"step {number}: {draw.choice(words)} after {draw.randrange(900)} ms {'(retry)' * draw.randrange(2)}{tail}"
        for number in range(lines)
    ]
    at = "2026-01-01T00:00:00.000000000Z"
    return [LogEntry("build", "w1", n, at, "INFO", "stdout", message) for n, message in enumerate(messages, 1)]


def microseconds(work: Callable[[], int], lines: int) -> tuple[float, int]:
    """The least CPU time of a line, and how many lines passed."""
    best, passed = float("inf"), 0
    for _ in range(ROUNDS):
        started = time.thread_time()
        passed = work()
        best = min(best, time.thread_time() - started)
    return best / lines * 1e6, passed


def live(matcher: Matcher, entries: list[LogEntry], encoded: list[bytes]) -> int:
    """How many lines pass of blocks as they are committed."""
    passed = 0
    for at in range(0, len(entries), BLOCK_LINES):
        block = Block("build", at + 1, encoded[at : at + BLOCK_LINES], entries=entries[at : at + BLOCK_LINES])
        passed += len(matcher.select_block(block).lines)
    return passed


def stored(matcher: Matcher, encoded: list[bytes]) -> int:
    """How many lines pass of chunks as they are opened."""
    passed = 0
    for at in range(0, len(encoded), CHUNK_LINES):
        chunk = encoded[at : at + CHUNK_LINES]
        passed += len(matcher.select_lines(chunk)) if matcher.may_match_text(b"\n".join(chunk)) else 0
    return passed


def main() -> None:
    lines = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    for name, tail in (("ASCII", ""), ("with Korean text in every line", "다시 시도")):
        entries = made(lines, tail)
        encoded = encode_lines(entries)
        print(f"{name:46} {'passed':>7} {'live':>8} {'stored':>8}   µs a line")
        for title, pair in FILTERS.items():
            matcher = Matcher(filter_from_query([pair]))
            in_blocks, passed = microseconds(partial(live, matcher, entries, encoded), lines)
            in_chunks, _ = microseconds(partial(stored, matcher, encoded), lines)
            print(f"  {title:44} {passed:7} {in_blocks:8.2f} {in_chunks:8.2f}")


if __name__ == "__main__":
    main()
