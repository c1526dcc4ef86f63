"""Reading what a summary is made of: errors from both ends of a task, and its last lines; never all of it."""

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from filters.entry import LogEntry, decode_lines
from filters.labels import labels_of_pod
from filters.level_detection import strip_ansi
from filters.matching import Matcher
from filters.model import LogFilter
from gateway.history.failure.comparison import Comparison, GoodRun, RunLines, TaskComparison, compare
from gateway.history.failure.events import Event, events_of
from gateway.history.failure.findings import (
    FIRST_ERROR,
    SUCCESS_WORDS,
    annotations,
    cause_of,
    failed_tests,
    first_error,
    headline,
    is_success,
)
from gateway.history.failure.runs import Covers, Run, last_good_run, read_run, seconds_between
from gateway.history.failure.summary import Cause, Line, TaskSummary, places
from gateway.history.reads import Budget, Reads
from storage.journal.interface import TaskState

__all__ = ["read_comparison", "read_summary"]

_ERRORS_MAX: Final = 1_000
"""Lines of errors from each end."""
_TAIL_LINES: Final = 2_000
_SUCCESS_LINES: Final = 20_000
"""In front of the last error, where a success is looked for."""
_STEP_BYTES: Final = 1 << 20
_COMPARED_LINES: Final = 4_000
"""Of each run for a summary: 30 ms of CPU."""
_COMPARED_LINES_MAX: Final = 20_000
_CAUSE_LINES_MAX: Final = 40
_LAST_LINES: Final = 10
_OUTPUT_LINES: Final = 20
_KINDS: Final = 5
"""Kinds of messages that a summary shows of a comparison."""
_LINE_CHARACTERS: Final = 300
_SEVERE: Final = Matcher(LogFilter(levels=("ERROR", "FATAL")))
_NOTABLE: Final = Matcher(LogFilter(levels=("WARN", "ERROR", "FATAL")))
_SUCCESS: Final = Matcher(LogFilter(keywords=tuple(sorted(SUCCESS_WORDS))))
_EVERYTHING: Final = Matcher()


class _Errors(NamedTuple):
    events: list[Event]
    is_complete: bool


class _Compared(NamedTuple):
    good: GoodRun
    comparison: Comparison


class _Ends(NamedTuple):
    first: LogEntry | None
    last: Sequence[LogEntry]


async def read_summary(reads: Reads, state: TaskState, budget: Budget, covers: Covers) -> TaskSummary:
    """The summary of a task as it is now.

    Args:
        reads: the journal.
        state: the task.
        budget: the time; what is not found by then is left out.
        covers: which tasks it may be compared with.
    """
    run = await read_run(reads, state)
    found = await _errors(reads, state, budget)
    events = _of_failed(found.events, run)
    ends = _Ends(
        next(iter(await _lines(reads, state, state.first - 1, state.first)), None),
        await _lines(reads, state, state.last - _LAST_LINES, state.last),
    )
    compared = None
    if events or run.status == "FAILED":
        compared = await _compare(reads, run, covers, budget, lines_max=_COMPARED_LINES)
    count = compared.good.count_of if compared is not None else lambda _: 0
    # Thousands of lines and a few dozen patterns: some tens of milliseconds, which the event loop does not have.
    cause = await asyncio.to_thread(cause_of, events, state.last, count_in_good=count)
    if cause is not None and cause[0] in {FIRST_ERROR, "new error"}:
        succeeded_at = await _successes(reads, state, events[-1].first, budget)
        cause = await asyncio.to_thread(cause_of, events, state.last, count_in_good=count, succeeded_at=succeeded_at)
    if cause is not None and cause[1].head.startswith("--- FAIL") and len(cause[1].texts) == 1:
        await _add_output_of_test(reads, state, cause[1])
    shown = _cause(*cause) if cause is not None else _cause_without_errors(run, ends, compared)
    return await asyncio.to_thread(_summary, run, events, shown, ends, compared, is_complete=found.is_complete)


async def _add_output_of_test(reads: Reads, state: TaskState, event: Event) -> None:
    """``go test -v`` prints what a test says in front of the line that says that it failed."""
    said: list[str] = []
    for entry in reversed(await _lines(reads, state, event.first - 1 - _OUTPUT_LINES, event.first - 1)):
        if entry.worker_id != event.worker_id or not entry.message.startswith("    "):
            break
        said.append(strip_ansi(entry.message))
    event.texts += reversed(said)


async def read_comparison(
    reads: Reads, state: TaskState, other: TaskState | None, budget: Budget, covers: Covers
) -> TaskComparison:
    """A task beside another one, or beside the last good run of its name."""
    run = await read_run(reads, state)
    good = None if other is None else await read_run(reads, other)
    compared = await _compare(reads, run, covers, budget, lines_max=_COMPARED_LINES_MAX, good=good)
    return TaskComparison(state.task_id, None if compared is None else compared.comparison)


async def _compare(
    reads: Reads, run: Run, covers: Covers, budget: Budget, *, lines_max: int, good: Run | None = None
) -> _Compared | None:
    good = good or await last_good_run(reads, run, covers, budget)
    if good is None:
        return None
    first = next(iter(await _lines(reads, good.state, good.state.first - 1, good.state.first)), None)
    lines = await _run_lines(reads, good.state, budget, lines_max)
    others = await _run_lines(reads, run.state, budget, lines_max)
    return await asyncio.to_thread(_compared, good, lines, first, run, others)


def _compared(good: Run, lines: RunLines, first: LogEntry | None, run: Run, others: RunLines) -> _Compared:
    known = GoodRun(lines)
    started_at = good.reported.get("startedAt") or (first.timestamp if first is not None else None)
    comparison = compare(
        known,
        others,
        task_id=good.state.task_id,
        ended_at=good.ended_at,
        lines=_count(good.state),
        duration_seconds=seconds_between(started_at, good.ended_at),
        labels=(good.labels, run.labels),
    )
    return _Compared(known, comparison)


async def _run_lines(reads: Reads, state: TaskState, budget: Budget, lines_max: int) -> RunLines:
    """All lines, or the first and the last warnings and errors if there are too many lines."""
    if _count(state) <= lines_max:
        entries, reached = await _read(reads, state, state.first - 1, _EVERYTHING, lines_max, budget)
        return RunLines(entries, is_complete=reached >= state.last)
    entries, _ = await _both_ends(reads, state, _NOTABLE, lines_max // 2, budget)
    return RunLines(entries, is_complete=False)


async def _errors(reads: Reads, state: TaskState, budget: Budget) -> _Errors:
    """The first and the last errors. If no line has such a level, errors detected in the last lines."""
    entries, is_complete = await _both_ends(reads, state, _SEVERE, _ERRORS_MAX, budget)
    if not entries and is_complete:
        tail, _ = await _read(reads, state, state.last - _TAIL_LINES, _EVERYTHING, _TAIL_LINES, budget)
        events = await asyncio.to_thread(events_of, tail, are_levels_known=False)
        return _Errors(events, is_complete=len(tail) > state.last - state.first)
    return _Errors(events_of(entries, are_levels_known=True), is_complete)


async def _both_ends(
    reads: Reads, state: TaskState, matcher: Matcher, count_max: int, budget: Budget
) -> tuple[list[LogEntry], bool]:
    """The first and the last matching entries, so many of each, and whether these are all."""
    head, reached = await _read(reads, state, state.first - 1, matcher, count_max, budget)
    if reached >= state.last:
        return head, True
    start, left, is_done = state.last, count_max, False
    while not is_done and start > reached and not budget.is_spent:
        step = await reads.tail_step(state.task_id, left, start, matcher)
        start, left, is_done = step.upto, step.left, step.is_done
    tail, _ = await _read(reads, state, max(start, reached), matcher, count_max, budget)
    return [*head, *tail], start <= reached


async def _successes(reads: Reads, state: TaskState, upto: int, budget: Budget) -> dict[str, int]:
    """By worker, the last line in front of an error that says that something succeeded."""
    entries, _ = await _read(reads, state, upto - _SUCCESS_LINES, _SUCCESS, _SUCCESS_LINES, budget, upto=upto)
    return await asyncio.to_thread(
        lambda: {entry.worker_id: entry.sequence for entry in entries if is_success(entry.message)}
    )


async def _read(
    reads: Reads,
    state: TaskState,
    after: int,
    matcher: Matcher,
    count_max: int,
    budget: Budget,
    *,
    upto: int | None = None,
) -> tuple[list[LogEntry], int]:
    """Matching entries, and how far was read."""
    entries: list[LogEntry] = []
    after = max(after, state.first - 1)
    end = state.last if upto is None else upto
    while after < end and len(entries) < count_max and not budget.is_spent:
        step = await reads.read(
            state.task_id, after, end, matcher, lines_max=count_max - len(entries), bytes_max=_STEP_BYTES
        )
        entries += decode_lines(step.lines) if step.lines else []
        after = step.end
    return entries, after


async def _lines(reads: Reads, state: TaskState, after: int, upto: int) -> list[LogEntry]:
    """A few lines."""
    after = max(after, state.first - 1)
    if upto <= after:
        return []
    step = await reads.read(state.task_id, after, upto, _EVERYTHING, lines_max=upto - after, bytes_max=_STEP_BYTES)
    return decode_lines(step.lines) if step.lines else []


def _of_failed(events: list[Event], run: Run) -> list[Event]:
    """The errors of failed workers; all errors if no failed worker has any."""
    failed = {worker.worker_id for worker in run.workers if worker.status == "FAILED"}
    return [event for event in events if event.worker_id in failed] or events


def _count(state: TaskState) -> int:
    return max(state.last + 1 - state.first, 0)


def _summary(
    run: Run,
    events: Sequence[Event],
    cause: Cause | None,
    ends: _Ends,
    compared: _Compared | None,
    *,
    is_complete: bool,
) -> TaskSummary:
    state, reported = run.state, run.reported
    reason = state.ended.reason if state.ended is not None else ""
    started_at = reported.get("startedAt") or (ends.first.timestamp if ends.first is not None else None)
    until = run.ended_at or (ends.last[-1].timestamp if ends.last else None)
    exit_code = reported.get("exitCode", "")
    begun = first_error(events)
    tests, noted = failed_tests(events), annotations(events)
    return TaskSummary(
        task_id=state.task_id,
        status=run.status,
        reason=reason[:_LINE_CHARACTERS],
        exit_code=int(exit_code) if exit_code.isdecimal() and len(exit_code) < 10 else None,
        signal=reason.removeprefix("killed by ")[:40] if reason.startswith("killed by ") else None,
        command=reported.get("command"),
        directory=reported.get("directory"),
        started_at=started_at,
        ended_at=run.ended_at,
        duration_seconds=seconds_between(started_at, until),
        labels=run.labels or labels_of_pod((ends.first.pod_metadata if ends.first is not None else None) or {}),
        lines=_count(state),
        last_sequence=state.last,
        first_error=Line(begun.first, begun.worker_id, begun.head[:_LINE_CHARACTERS]) if begun is not None else None,
        cause=cause,
        failed_tests=places(tests[:50]),
        failed_test_count=len(tests),
        annotations=places(noted[:20]),
        annotation_count=len(noted),
        comparison=compared.comparison.shortened(_KINDS) if compared is not None else None,
        is_complete=is_complete,
    )


def _cause(rule: str, event: Event) -> Cause:
    lines = [text[:_LINE_CHARACTERS] for text in event.texts]
    if len(lines) > _CAUSE_LINES_MAX:
        half = _CAUSE_LINES_MAX // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} lines", *lines[-half:]]
    return Cause(rule, headline(event)[:_LINE_CHARACTERS], event.worker_id, event.first, event.last, lines)


def _cause_without_errors(run: Run, ends: _Ends, compared: _Compared | None) -> Cause | None:
    """Of a task that failed and says no error: a signal, a new warning, or its last lines."""
    if run.status != "FAILED":
        return None
    if not ends.last:
        return None
    reason = run.state.ended.reason if run.state.ended is not None else ""
    lines = [strip_ansi(entry.message)[:_LINE_CHARACTERS] for entry in ends.last]
    last = ends.last[-1]
    if reason.startswith("killed by "):  # which a program cannot say of itself
        return Cause("signal", reason, last.worker_id, ends.last[0].sequence, last.sequence, lines)
    new = [kind for kind in compared.comparison.appeared if kind.level == "WARN"] if compared is not None else []
    if new:
        return Cause(
            "new warning", new[0].message, new[0].worker_id, new[0].sequence, new[0].sequence, [new[0].message]
        )
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return Cause("last lines", said, last.worker_id, ends.last[0].sequence, last.sequence, lines)
