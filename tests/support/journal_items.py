"""Things to append to a journal, and reading it whole."""

import time
from collections.abc import Sequence

from filters.entry import LogEntry, decode_lines
from filters.matching import Matcher
from storage.journal.interface import Journal, LineBatch, ProducerNumber, WorkerReport

__all__ = ["AT", "batch", "entry", "messages", "number", "report"]

AT = "2026-01-01T00:00:00.000000000Z"
EVERYTHING = Matcher()


def entry(message: str, *, task: str = "build", worker: str = "w1", level: str = "INFO", at: str = AT) -> LogEntry:
    return LogEntry(task, worker, 0, at, level, "stdout", message)


def batch(
    *texts: str,
    task: str = "build",
    worker: str = "w1",
    level: str = "INFO",
    at: str = AT,
    producer: ProducerNumber | None = None,
) -> LineBatch:
    entries = [entry(text, task=task, worker=worker, level=level, at=at) for text in texts]
    return LineBatch(task, worker, entries, sum(map(len, texts)) + 64 * len(texts), time.monotonic(), producer)


def number(value: int, producer_id: str = "p") -> ProducerNumber:
    return ProducerNumber(producer_id, value)


def report(status: str, worker: str = "w1", *, task: str = "build", reason: str = "", at: str = AT) -> WorkerReport:
    return WorkerReport(task, worker, status, at, reason)


async def messages(
    journal: Journal, task: str = "build", matcher: Matcher = EVERYTHING, *, lines_max: int = 1000, after: int = 0
) -> list[str]:
    """The messages of a task, read page by page; checks that sequences have no holes on the way."""
    found: list[str] = []
    state = await journal.task_state(task)
    while after < state.last:
        selection = await journal.read(task, after, state.last, matcher, lines_max=lines_max, bytes_max=1 << 20)
        assert after <= selection.start <= selection.end <= state.last
        assert selection.end > after
        entries: Sequence[LogEntry] = decode_lines(selection.lines) if selection.lines else []
        assert [entry.sequence for entry in entries] == list(selection.sequences)
        if matcher.everything:
            assert selection.sequences == range(selection.start + 1, selection.end + 1)
        found += [entry.message for entry in entries]
        after = selection.end
    return found
