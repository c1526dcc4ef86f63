"""Stores the events of ``task_logs`` in a journal of the same process, each once.

An event's number follows from its row, and is stored with it:

=============  ==========================================
8i             the line of row i
8i + 1 … + 5   the states of up to five stages
8i + 7         the end of the task
=============  ==========================================

So after a crash everything follows from the journal's last number.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from components.automation.task_log_events import RowEvents, StageState
from filters import timestamps
from filters.entry import LogEntry
from filters.messages import cut_message
from storage.journal.interface import Append, Journal, LineBatch, ProducerNumber, StageProgress, TaskEnding

__all__ = ["PRODUCER_ID", "JournalDestination"]

PRODUCER_ID: Final = "automation:task_logs"
"""Whose numbers they are; those of the wires have a ``/`` before any colon."""

_PER_ROW: Final = 8
_END: Final = 7
_LINE_BYTES: Final = 512
"""What an entry counts for while it waits for its commit, beside its message."""


class JournalDestination:
    """Appends with numbers, each refused if the one before it is not stored.

    Args:
        journal: where the events go.
        message_bytes_max: a longer message is cut and marked, as producers' are.
    """

    def __init__(self, journal: Journal, *, message_bytes_max: int = 64 << 10) -> None:
        self._journal = journal
        self._message_bytes_max = message_bytes_max
        self._after = self._stored = 0

    def __repr__(self) -> str:
        return f"<JournalDestination after={self._after}>"

    async def resume(self, noted: int) -> int:
        """The last row that is stored whole.

        The database's note counts as well: a journal forgets the numbers of producers that were silent for months.
        """
        self._stored = await self._journal.last_number(PRODUCER_ID)
        self._after = max(self._stored, noted * _PER_ROW + _END if noted else 0)
        return (self._after + 1) // _PER_ROW - 1

    async def store(self, rows: Sequence[RowEvents]) -> None:
        """Append what is not stored yet and wait for its commit."""
        await self._journal.wait_writable()
        receipts = [self._journal.append(each) for row in rows for each in self._numbered(row)]
        for outcome in await asyncio.gather(*receipts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        if rows:
            self._after = rows[-1].row_id * _PER_ROW + _END

    def _numbered(self, row: RowEvents) -> Iterator[Append]:
        parts: list[tuple[int, Append]] = [(0, _line(row, self._message_bytes_max))]
        parts += [(part, _stage(row, stage)) for part, stage in enumerate(row.stages, start=1)]
        if row.end is not None:
            parts.append((_END, TaskEnding(row.task_id, row.end.failed, _time(row), row.end.reason)))
        for part, append in parts:
            number = row.row_id * _PER_ROW + part
            if number > self._after:
                yield replace(append, producer=ProducerNumber(PRODUCER_ID, number, self._stored))
                self._stored = number


def _line(row: RowEvents, message_bytes_max: int) -> LineBatch:
    message, is_cut, size = cut_message(row.message, message_bytes_max)
    entry = LogEntry(
        row.task_id,
        row.worker_id,
        0,
        _time(row),
        row.level,
        row.source,
        message,
        row.metadata,
        truncated=is_cut,
        original_size=size if is_cut else 0,
    )
    return LineBatch(row.task_id, row.worker_id, [entry], len(message.encode()) + _LINE_BYTES, time.monotonic())


def _stage(row: RowEvents, stage: StageState) -> StageProgress:
    document = {
        "pipelineId": row.task_id,
        "stageId": stage.stage_id,
        "status": f"STAGE_{stage.status}",
        "message": stage.message,
        "workerPodNames": [f"automation-{stage.stage_id}"],
        "progressPercentage": stage.percentage,
        "timestamp": _time(row),
    }
    if stage.is_start:
        document["startedAt"] = document["timestamp"]
    if stage.is_final:
        document["completedAt"] = document["timestamp"]
    if stage.status == "FAILED":
        document["errorMessage"] = stage.message
    return StageProgress(row.task_id, stage.stage_id, msgspec.json.encode(document))


def _time(row: RowEvents) -> str:
    return timestamps.from_nanos(int(row.created_at.timestamp()) * 1_000_000_000)
