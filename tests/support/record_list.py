"""Records in memory, in the place of a journal: what a sink reads, and nothing else."""

from collections.abc import Sequence

from filters.entry import LogEntry, encode_lines
from storage.errors import StorageError
from storage.journal.interface import Record, TaskEnded
from storage.journal.statistics import JournalStatistics

FIRST_SECOND = "2025-01-02T03:04:05.123456789Z"


class RecordList:
    """Give it lines and ends; it numbers the records from 1 and each task's lines from 1."""

    def __init__(self, epoch: str = "0000000a") -> None:
        self.epoch = epoch
        self.all: list[Record] = []
        self.error: StorageError | None = None
        self.reads = 0
        self._lines: dict[str, int] = {}

    def add(self, task_id: str, *messages: str, timestamp: str = FIRST_SECOND) -> None:
        first = self._lines.get(task_id, 0) + 1
        entries = [
            LogEntry(task_id, "worker-1", first + index, timestamp, "INFO", "stdout", message)
            for index, message in enumerate(messages)
        ]
        self._lines[task_id] = first + len(messages) - 1
        self.all.append(Record(len(self.all) + 1, task_id, first, encode_lines(entries)))

    def add_raw(self, task_id: str, *lines: bytes) -> None:
        self.all.append(Record(len(self.all) + 1, task_id, 1, lines))

    def end(self, task_id: str, status: str = "COMPLETED", reason: str = "", *, through_status: bool = True) -> None:
        ended = TaskEnded(
            task_id, self._lines.get(task_id, 0), status, "2025-01-02T03:04:09.000000000Z", reason, through_status
        )
        self.all.append(Record(len(self.all) + 1, task_id, ended=ended))

    @property
    def statistics(self) -> JournalStatistics:
        return JournalStatistics(last_record=len(self.all))

    async def settled_record(self) -> int:
        return len(self.all)

    async def records(self, after: int, *, bytes_max: int) -> Sequence[Record]:
        self.reads += 1
        if self.error is not None:
            raise self.error
        found: list[Record] = []
        size = 0
        for record in self.all[after:]:
            found.append(record)
            size += sum(map(len, record.lines))
            if size >= bytes_max:
                break
        return found
