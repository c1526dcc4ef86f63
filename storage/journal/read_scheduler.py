"""Which read of the journal is next: lookups at once, everything else in fair turns by principal and reader."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

from filters.read_owner import ReadOwner
from storage.errors import StorageClosedError

__all__ = ["FairOrder", "ReadKind", "ReadScheduler"]

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)

_EXPECTED_SECONDS: Final = 0.005
"""What a read is charged while it runs, so that the same reader does not have all threads at once."""

_REMEMBERED_MAX: Final = 64
"""Keys that are remembered also if they have had no more than others."""

_KEYS_MAX: Final = 16_384
"""Keys that are remembered at all; with more, everybody begins anew."""


class ReadKind(Enum):
    """How much work a read may be."""

    LOOKUP = "lookup"
    """A few look-ups in an index; has a thread of its own."""
    PAGE = "page"
    """Reads what it returns."""
    SCAN = "scan"
    """May read megabytes and find nothing; one thread is always left to pages."""


class FairOrder(Generic[K]):
    """Start-time fair queueing: the key with the least work goes first, a new one before all that have had more.

    Work is counted from the moment that a key has something to do: who was idle gets no credit for it. (Goyal, Vin and
    Cheng, "Start-time Fair Queueing", 1996.)
    """

    def __init__(self) -> None:
        self._clock = 0.0
        self._used: dict[K, float] = {}

    def __repr__(self) -> str:
        return f"<FairOrder {len(self._used)} remembered>"

    def first(self, keys: Iterable[K]) -> K:
        """Of some keys that have work, the one whose turn it is; of equal ones the first."""
        chosen = min(keys, key=self._time_of)
        self._clock = self._time_of(chosen)
        return chosen

    def charge(self, key: K, seconds: float) -> None:
        """Count work; less than 0 takes back what was expected."""
        self._used[key] = self._time_of(key) + seconds
        if len(self._used) > _REMEMBERED_MAX:
            self._used = {key: used for key, used in self._used.items() if used > self._clock}
            if len(self._used) > _KEYS_MAX:
                self._used.clear()

    def _time_of(self, key: K) -> float:
        return max(self._used.get(key, 0.0), self._clock)


@dataclass(slots=True, eq=False)
class _Read:
    owner: ReadOwner
    kind: ReadKind
    query: Callable[[], Any]
    future: "asyncio.Future[Any]"


_Waiting = dict[str, dict[str, deque[_Read]]]  # by principal and reader


class ReadScheduler:
    """Runs reads on a few threads. Belongs to an event loop; all methods are called there.

    A read is one small step: a long search is many of them, and between two steps everybody else has a turn. What is
    cancelled before its turn is not run.

    Args:
        threads: for pages and scans, of which scans have all but one. There is one more for lookups.
    """

    def __init__(self, threads: int) -> None:
        self._threads_max = max(threads, 2)
        self._loop = asyncio.get_running_loop()
        self._lookups = ThreadPoolExecutor(1, "journal-lookup")
        self._threads = ThreadPoolExecutor(self._threads_max, "journal-reader")
        self._waiting: dict[ReadKind, _Waiting] = {ReadKind.PAGE: {}, ReadKind.SCAN: {}}
        self._running = {ReadKind.PAGE: 0, ReadKind.SCAN: 0}
        self._principals: FairOrder[str] = FairOrder()
        self._readers: dict[str, FairOrder[str]] = {}
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<ReadScheduler {self._running[ReadKind.PAGE]} pages and {self._running[ReadKind.SCAN]} scans>"

    async def run(self, kind: ReadKind, owner: ReadOwner, query: Callable[[], T]) -> T:
        """Do a read when it is its turn; raises whatever it raises.

        Raises:
            StorageClosedError: the scheduler has been closed.
        """
        if self._is_closed:
            raise StorageClosedError("the journal has been closed")
        if kind is ReadKind.LOOKUP:
            return await self._loop.run_in_executor(self._lookups, query)
        read = _Read(owner, kind, query, self._loop.create_future())
        readers = self._waiting[kind].setdefault(owner.principal, {})
        readers.setdefault(owner.reader, deque()).append(read)
        self._dispatch()
        result: T = await read.future
        return result

    def close(self) -> None:
        """Refuse what has not begun; idempotent."""
        self._is_closed = True
        for waiting in self._waiting.values():
            for readers in waiting.values():
                for read in (read for reads in readers.values() for read in reads):
                    if not read.future.done():
                        read.future.set_exception(StorageClosedError("the journal has been closed"))
            waiting.clear()

    def join(self) -> None:
        """Wait for the threads to end; blocks."""
        self._lookups.shutdown()
        self._threads.shutdown()

    def _dispatch(self) -> None:
        while sum(self._running.values()) < self._threads_max:
            read = self._next()
            if read is None:
                return
            self._running[read.kind] += 1
            self._charge(read.owner, _EXPECTED_SECONDS)
            self._threads.submit(self._run, read)

    def _next(self) -> _Read | None:
        """Take the read whose turn it is; None if no thread may have any of those that wait."""
        may_scan = self._running[ReadKind.SCAN] < self._threads_max - 1
        kinds = (ReadKind.PAGE, ReadKind.SCAN) if may_scan else (ReadKind.PAGE,)
        while principals := {name: None for kind in kinds for name in self._waiting[kind]}:
            principal = self._principals.first(principals)
            names = {name: None for kind in kinds for name in self._waiting[kind].get(principal, ())}
            reader = self._readers.setdefault(principal, FairOrder()).first(names)
            kind = next(kind for kind in kinds if reader in self._waiting[kind].get(principal, ()))
            read = self._take(self._waiting[kind], principal, reader)
            if not read.future.done():  # else who asked has gone
                return read
        return None

    @staticmethod
    def _take(waiting: _Waiting, principal: str, reader: str) -> _Read:
        readers = waiting[principal]
        read = readers[reader].popleft()
        if not readers[reader]:
            del readers[reader]
            if not readers:
                del waiting[principal]
        return read

    def _charge(self, owner: ReadOwner, seconds: float) -> None:
        self._principals.charge(owner.principal, seconds)
        self._readers.setdefault(owner.principal, FairOrder()).charge(owner.reader, seconds)

    def _run(self, read: _Read) -> None:
        """On a thread."""
        started = time.perf_counter()
        result: Any = None
        error: BaseException | None = None
        try:
            result = read.query()
        except BaseException as raised:  # noqa: BLE001 - it is for anyone who asked
            error = raised
        with suppress(RuntimeError):  # the loop is closed, and with it everybody who waited
            self._loop.call_soon_threadsafe(self._done, read, result, error, time.perf_counter() - started)

    def _done(self, read: _Read, result: Any, error: BaseException | None, seconds: float) -> None:
        self._running[read.kind] -= 1
        self._charge(read.owner, seconds - _EXPECTED_SECONDS)
        if not any(self._waiting.values()) and not any(self._running.values()):
            self._principals, self._readers = FairOrder(), {}  # nobody waits, so nobody is owed anything
        if len(self._readers) > _KEYS_MAX:
            self._readers.clear()
        if not read.future.done():
            if error is None:
                read.future.set_result(result)
            else:
                read.future.set_exception(error)
        self._dispatch()
