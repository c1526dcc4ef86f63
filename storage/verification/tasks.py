"""Checking tasks: that their lines are all there, once, and that the table of tasks says the same."""

from typing import Final, NamedTuple

from storage.journal.chunks import ChunkDamagedError, open_payload
from storage.journal.queries import END_KIND, LINES_KIND
from storage.journal.reader import END_DECODER
from storage.polling.interface import SqlConnection
from storage.verification.findings import Finding, Findings, Kind
from storage.verification.snapshot import transaction

__all__ = ["check_producers", "check_tasks"]

_TASKS_PER_QUERY: Final = 100

_TASKS: Final = """
SELECT task_key, task_id, first_sequence, last_sequence, end_status, end_timestamp, end_reason, end_through_status
FROM journal_tasks WHERE task_key > ? ORDER BY task_key LIMIT ?"""

_CHUNKS: Final = """
SELECT first_sequence, last_sequence FROM journal_records WHERE task_key = ? AND kind = ? ORDER BY last_sequence"""

_END_RECORD: Final = """
SELECT last_sequence, codec, raw_size, checksum, payload FROM journal_records WHERE task_key = ? AND kind = ?
ORDER BY last_sequence DESC, record_id DESC LIMIT 1"""


class _Task(NamedTuple):
    key: int
    task_id: str
    first: int
    last: int
    status: str | None
    timestamp: str | None
    reason: str | None
    through_status: int | None


def check_tasks(connection: SqlConnection, findings: Findings) -> int:
    """Check each task against its records, in the order that readers find them in; how many there are.

    A task and its records are of one moment, also beside a gateway that writes.
    """
    count = after = 0
    while True:
        with transaction(connection):
            tasks = [_Task._make(row) for row in connection.execute(_TASKS, (after, _TASKS_PER_QUERY))]
            for task in tasks:
                _check_lines(connection, task, findings)
                _check_end(connection, task, findings)
        if not tasks:
            return count
        count += len(tasks)
        after = tasks[-1].key


def check_producers(
    connection: SqlConnection, findings: Findings, *, wrong: str = "typeof(number) <> 'integer' OR number < 1"
) -> int:
    """Check producers' numbers as far as they can be wrong by themselves; how many there are."""
    for producer_id, number in connection.execute(
        f"SELECT producer_id, number FROM journal_producers WHERE {wrong}"  # noqa: S608 - a constant
    ):
        findings.add(Finding(Kind.PRODUCER_WRONG, f"producer {producer_id!r} has the number {number!r}"))
    return int(connection.execute("SELECT count(*) FROM journal_producers").fetchone()[0])


def _check_lines(connection: SqlConnection, task: _Task, findings: Findings) -> None:
    def wrong(kind: Kind, first: int, last: int, text: str) -> None:
        place = f"task {task.task_id!r}, lines {first} to {last}"
        findings.add(Finding(kind, f"{place}: {text}", task.task_id, first), last - first + 1)

    reached = task.first - 1
    is_first = True
    for first, last in connection.execute(_CHUNKS, (task.key, LINES_KIND)):
        if first > reached + 1:
            wrong(Kind.SEQUENCE_MISSING, reached + 1, first - 1, "they are not stored")
        elif first <= reached and not is_first:  # retention need not cut at the edge of the first one
            wrong(Kind.SEQUENCE_DOUBLED, first, min(last, reached), "they are stored twice")
        reached = max(reached, last)
        is_first = False
    if reached < task.last:
        wrong(Kind.SEQUENCE_MISSING, reached + 1, task.last, "they are not stored")
    elif reached > task.last:
        wrong(Kind.TASK_WRONG, task.last + 1, reached, "they are stored behind what counts as the task's last line")


def _check_end(connection: SqlConnection, task: _Task, findings: Findings) -> None:
    if task.status is None:
        return
    found = connection.execute(_END_RECORD, (task.key, END_KIND)).fetchone()
    if found is None:
        if task.first > 1:
            return  # retention has taken the end with the lines in front of it
        text = "it has ended, and there is no record of that"
    else:
        last, *rest = found
        try:
            stored = END_DECODER.decode(open_payload(*rest, task_id=task.task_id, first=last, last=last)[0])
        except (ChunkDamagedError, ValueError):
            return  # reported when records are checked
        if (last, *stored) == (task.last, task.status, task.timestamp, task.reason, bool(task.through_status)):
            return
        text = f"it ended as {task.status} behind line {task.last}, its record says {stored[0]} behind line {last}"
    findings.add(Finding(Kind.TASK_WRONG, f"task {task.task_id!r}: {text}", task.task_id))
