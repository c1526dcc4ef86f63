"""How much work a commit is, counted and not timed."""

import asyncio

from filters.entry import LogEntry
from storage.journal.interface import LineBatch, ProducerNumber
from tests.support import journal_items
from tests.support.sqlite_connections import writing_connection

STATEMENTS_PER_COMMIT = 5
"""BEGIN, the chunk, the task, the producer's number, COMMIT."""

STATEMENTS_FOR_NEW_TASKS = 4
"""Look-up, removed tasks of the same names, the tasks, their workers."""


def batch(number, lines, *, task="build", producer="p"):
    entries = [LogEntry(task, "w", 0, "2026-01-01T00:00:00.000000000Z", "INFO", "stdout", "m") for _ in range(lines)]
    return LineBatch(task, "w", entries, 100 * lines, 0.0, ProducerNumber(producer, number))


async def statements_of(journal, *batches):
    statements = []
    connection = writing_connection(journal)
    connection.set_trace_callback(statements.append)
    await asyncio.gather(*(journal.append(item) for item in batches))
    connection.set_trace_callback(None)
    return statements


async def test_statements_of_a_commit_do_not_grow_with_its_lines(journal):
    """A thousand lines are one chunk, and as many statements as one line."""
    await journal.append(batch(1, 1))
    assert len(await statements_of(journal, batch(2, 1))) == STATEMENTS_PER_COMMIT
    assert len(await statements_of(journal, batch(3, 1000))) == STATEMENTS_PER_COMMIT


async def test_appends_of_one_turn_are_one_commit_and_one_chunk_a_task(journal):
    """Fifty appends to one task cost what one does; another task costs a row in the same statements."""
    await journal.append(batch(1, 1))
    assert len(await statements_of(journal, *(batch(n, 10) for n in range(2, 52)))) == STATEMENTS_PER_COMMIT
    await journal.append(batch(52, 1, task="other"))
    commits = journal.statistics.commits
    both = await statements_of(journal, batch(53, 10), batch(54, 10, task="other"))
    assert len(both) == STATEMENTS_PER_COMMIT
    assert journal.statistics.commits == commits + 1


async def test_tasks_that_begin_together_cost_four_statements(journal):
    """Fifty workers that connect at once, as after a restart of their network; the second line of each adds none."""
    await journal.append(journal_items.batch("m", task="known"))
    tasks = [f"task-{number}" for number in range(50)]
    began = await statements_of(journal, *(journal_items.batch("m", task=task) for task in tasks))
    went_on = await statements_of(journal, *(journal_items.batch("m", task=task) for task in tasks))
    assert len(began) == len(went_on) + STATEMENTS_FOR_NEW_TASKS
