"""Several ways to the disk in one gateway, so that commits of different lanes go on at the same time."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from storage.errors import StorageError
from storage.journal.group_commit import GroupCommit, resolve
from storage.journal.interface import Append, Committed, Receipt, Settled, StageProgress
from storage.journal.postgres.lanes import lane_of_item
from storage.journal.statistics import JournalStatistics

__all__ = ["LaneCommits", "Router"]


class _Waiting:
    """Names with the way of their pending appends, and how many those are."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, int]] = {}

    def way(self, name: str) -> int | None:
        found = self._found.get(name)
        return None if found is None else found[0]

    def enter(self, name: str, way: int) -> None:
        way, count = self._found.get(name, (way, 0))
        self._found[name] = way, count + 1

    def leave(self, name: str) -> None:
        way, count = self._found.pop(name)
        if count > 1:
            self._found[name] = way, count - 1


class Router:
    """Decides on which of several ways an append is stored; knows no journal.

    Each lane has its way. But while appends of a producer wait on another one, the next goes there, too: its numbers
    are stored in their order. So it is with a task, as far as that does not contradict: its reports and its end do not
    overtake its lines, and two ways seldom compute on one task. A commit may take several lanes, so any way will do.

    Args:
        lanes: how many there are.
        ways: how many there are.
    """

    def __init__(self, lanes: int, ways: int) -> None:
        self._lanes = lanes
        self._ways = ways
        self._producers = _Waiting()
        self._tasks = _Waiting()

    def __repr__(self) -> str:
        return f"<Router of {self._lanes} lanes to {self._ways} ways>"

    def enter(self, item: Append) -> int:
        """The way of an append, which waits from now on."""
        producer, task = _names(item)
        way = self._producers.way(producer)
        if way is None:
            way = self._tasks.way(task)
        if way is None:
            way = lane_of_item(item, self._lanes) % self._ways
        if producer:
            self._producers.enter(producer, way)
        self._tasks.enter(task, way)
        return way

    def leave(self, item: Append) -> None:
        """An append waits no longer."""
        producer, task = _names(item)
        if producer:
            self._producers.leave(producer)
        self._tasks.leave(task)


def _names(item: Append) -> tuple[str, str]:
    name = f"pipeline {item.pipeline_id}" if isinstance(item, StageProgress) else item.task_id
    return "" if item.producer is None else item.producer.producer_id, name


class LaneCommits:
    """What ``GroupCommit`` is for one way, for several; belongs to the event loop that it was made on."""

    def __init__(self, ways: Sequence[GroupCommit], lanes: int) -> None:
        self._ways = ways
        self._router = Router(lanes, len(ways))
        self._loop = asyncio.get_running_loop()

    def __repr__(self) -> str:
        return f"<LaneCommits {list(self._ways)}>"

    @property
    def is_writable(self) -> bool:
        """Whether producers may continue."""
        return all(way.is_writable for way in self._ways)

    @property
    def fullness(self) -> float:
        """What waits for a commit, as a share of the limit: of the way where it is the most."""
        return max(way.fullness for way in self._ways)

    @property
    def last_record(self) -> int:
        """The id of the newest record."""
        return max(way.last_record for way in self._ways)

    @property
    def statistics(self) -> JournalStatistics:
        """An immutable snapshot of the counters of all ways."""
        each = [way.statistics for way in self._ways]
        return replace(
            each[0],
            waiting_lines=sum(one.waiting_lines for one in each),
            waiting_bytes=sum(one.waiting_bytes for one in each),
            commits=sum(one.commits for one in each),
            lines=sum(one.lines for one in each),
            stored_bytes=sum(one.stored_bytes for one in each),
            duplicates=sum(one.duplicates for one in each),
            last_commit_seconds=max(one.last_commit_seconds for one in each),
            commit_seconds=sum(one.commit_seconds for one in each),
            error=next((one.error for one in each if one.error), ""),
            is_disk_full=any(one.is_disk_full for one in each),
            last_record=self.last_record,
        )

    def set_listener(self, listener: Callable[[Committed], None]) -> None:
        """Set who is notified of every commit."""
        for way in self._ways:
            way.set_listener(listener)

    def set_observer(self, observer: Callable[[float], None]) -> None:
        """Set who is notified how many seconds each commit took."""
        for way in self._ways:
            way.set_observer(observer)

    def append(self, item: Append) -> "asyncio.Future[Receipt]":
        """Queue something for the next commit; see ``Journal.append``."""
        future: asyncio.Future[Receipt] = self._loop.create_future()
        self.submit(item, partial(resolve, future))
        return future

    def submit(self, item: Append, settled: Settled) -> None:
        """Queue something for the next commit; see ``Journal.submit``."""
        way = self._ways[self._router.enter(item)]
        way.submit(item, partial(self._settle, item, settled))

    def _settle(self, item: Append, settled: Settled, answer: Receipt | StorageError) -> None:
        self._router.leave(item)
        settled(answer)

    async def wait_writable(self) -> None:
        """Return once the backlog of each way has drained below half of its limit."""
        for way in self._ways:
            await way.wait_writable()

    def close(self) -> None:
        """See ``GroupCommit.close``."""
        for way in self._ways:
            way.close()

    async def wait_closed(self) -> None:
        """See ``GroupCommit.wait_closed``."""
        for way in self._ways:
            await way.wait_closed()

    def join(self) -> None:
        """See ``GroupCommit.join``."""
        for way in self._ways:
            way.join()
