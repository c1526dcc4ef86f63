"""Reading what a summary is made of: errors from both ends of a task, and its last lines; never all of it."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from filters.entry import LogEntry, decode_lines
from filters.matching import Matcher
from filters.model import LogFilter
from gateway.history.failure.events import Event, events_of
from gateway.history.failure.findings import annotations, cause_of, failed_tests, first_error
from gateway.history.failure.summary import Cause, Line, TaskSummary, places
from gateway.history.labels import pod_labels, reported_labels
from gateway.history.reads import Budget, Reads
from storage.journal.history import WorkerRecord
from storage.journal.interface import TaskState

__all__ = ["read_summary"]

_ERRORS_MAX: Final = 1_000
"""Lines of errors from each end."""
_TAIL_LINES: Final = 2_000
_STEP_BYTES: Final = 1 << 20
_WORKERS_MAX: Final = 200
_CAUSE_LINES_MAX: Final = 40
_LINE_CHARACTERS: Final = 300
_SEVERE: Final = Matcher(LogFilter(levels=("ERROR", "FATAL")))
_EVERYTHING: Final = Matcher()


class _Found(NamedTuple):
    events: list[Event]
    is_complete: bool


async def read_summary(reads: Reads, state: TaskState, budget: Budget) -> TaskSummary:
    """The summary of a task as it is now."""
    workers = await reads.worker_records(state.task_id, count_max=_WORKERS_MAX)
    found = await _errors(reads, state, budget)
    events = _of_failed(found.events, workers)
    first_line = await _line_at(reads, state, state.first)
    last_line = await _line_at(reads, state, state.last)
    # Thousands of lines and a few dozen patterns: some tens of milliseconds, which the event loop does not have.
    return await asyncio.to_thread(
        _summary, state, workers, events, first_line, last_line, is_complete=found.is_complete
    )


async def _errors(reads: Reads, state: TaskState, budget: Budget) -> _Found:
    """The first and the last errors; where no line has such a level, those that the last lines show."""
    head, reached = await _read(reads, state, state.first - 1, _SEVERE, _ERRORS_MAX, budget)
    if not head and reached >= state.last:
        tail, _ = await _read(reads, state, state.last - _TAIL_LINES, _EVERYTHING, _TAIL_LINES, budget)
        return _Found(
            await asyncio.to_thread(events_of, tail, are_levels_known=False),
            is_complete=len(tail) > state.last - state.first,
        )
    if reached >= state.last:
        return _Found(events_of(head, are_levels_known=True), is_complete=True)
    start, left, is_done = state.last, _ERRORS_MAX, False
    while not is_done and start > reached and not budget.is_spent:
        step = await reads.tail_step(state.task_id, left, start, _SEVERE)
        start, left, is_done = step.upto, step.left, step.is_done
    tail, _ = await _read(reads, state, max(start, reached), _SEVERE, _ERRORS_MAX, budget)
    return _Found(events_of([*head, *tail], are_levels_known=True), is_complete=start <= reached)


async def _read(
    reads: Reads, state: TaskState, after: int, matcher: Matcher, count_max: int, budget: Budget
) -> tuple[list[LogEntry], int]:
    """Matching entries, and how far was read."""
    entries: list[LogEntry] = []
    after = max(after, state.first - 1)
    while after < state.last and len(entries) < count_max and not budget.is_spent:
        step = await reads.read(
            state.task_id, after, state.last, matcher, lines_max=count_max - len(entries), bytes_max=_STEP_BYTES
        )
        entries += decode_lines(step.lines) if step.lines else []
        after = step.end
    return entries, after


async def _line_at(reads: Reads, state: TaskState, sequence: int) -> LogEntry | None:
    if state.last < state.first:
        return None
    step = await reads.read(state.task_id, sequence - 1, sequence, _EVERYTHING, lines_max=1, bytes_max=_STEP_BYTES)
    return decode_lines(step.lines)[0] if step.lines else None


def _of_failed(events: list[Event], workers: Sequence[WorkerRecord]) -> list[Event]:
    """The errors of the workers that failed, where one did and has some."""
    failed = {worker.worker_id for worker in workers if worker.status == "FAILED"}
    return [event for event in events if event.worker_id in failed] or events


def _summary(
    state: TaskState,
    workers: Sequence[WorkerRecord],
    events: Sequence[Event],
    first: LogEntry | None,
    last: LogEntry | None,
    *,
    is_complete: bool,
) -> TaskSummary:
    deciding = _deciding(workers)
    said = (deciding.metadata if deciding is not None else None) or {}
    reason = state.ended.reason if state.ended is not None else ""
    started_at = said.get("startedAt") or (first.timestamp if first is not None else None)
    ended_at = said.get("endedAt") or (state.ended.timestamp if state.ended is not None else None)
    until = ended_at or (last.timestamp if last is not None else None)
    exit_code = said.get("exitCode", "")
    found, begun = cause_of(events, state.last), first_error(events)
    tests, noted = failed_tests(events), annotations(events)
    return TaskSummary(
        task_id=state.task_id,
        status=state.ended.status if state.ended is not None else "RUNNING",
        reason=reason[:_LINE_CHARACTERS],
        exit_code=int(exit_code) if exit_code.isdecimal() and len(exit_code) < 10 else None,
        signal=reason.removeprefix("killed by ")[:40] if reason.startswith("killed by ") else None,
        command=said.get("command"),
        directory=said.get("directory"),
        started_at=started_at,
        ended_at=ended_at,
        duration_seconds=_seconds(started_at, until),
        labels=_labels(said, first),
        lines=max(state.last + 1 - state.first, 0),
        last_sequence=state.last,
        first_error=Line(begun.first, begun.worker_id, begun.head[:_LINE_CHARACTERS]) if begun is not None else None,
        cause=None if found is None else _cause(*found),
        failed_tests=places(tests[:50]),
        failed_test_count=len(tests),
        annotations=places(noted[:20]),
        annotation_count=len(noted),
        is_complete=is_complete,
    )


def _deciding(workers: Sequence[WorkerRecord]) -> WorkerRecord | None:
    """The worker that the task failed by; else the first that said what it runs."""
    told = [worker for worker in workers if worker.metadata]
    return next((worker for worker in told if worker.status == "FAILED"), told[0] if told else None)


def _labels(said: Mapping[str, str], first: LogEntry | None) -> dict[str, str]:
    """What a worker was labelled with, and else what is known of its pod."""
    return reported_labels(said) or pod_labels(first)


def _cause(rule: str, event: Event) -> Cause:
    lines = [text[:_LINE_CHARACTERS] for text in event.texts]
    if len(lines) > _CAUSE_LINES_MAX:
        half = _CAUSE_LINES_MAX // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} lines", *lines[-half:]]
    return Cause(rule, event.worker_id, event.first, event.last, lines)


def _seconds(start: str | None, end: str | None) -> float | None:
    """Between two times, to the millisecond; None where one is not known or they are the wrong way round."""
    try:
        seconds = (datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))).total_seconds()
    except (ValueError, TypeError):
        return None
    return round(seconds, 3) if seconds >= 0 else None
