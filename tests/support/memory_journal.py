"""interim"""

import asyncio

from storage.journal import *


class MemoryJournal:
    def __init__(self):
        self.epoch = "00000001"
        self.entries = {}
        self.numbers = {}
        self.items = []
        self.workers = set()
        self.fail = None
        self.paused = False
        self._queue = []
        self._writable = True
        self._event = asyncio.Event()

    def append(self, item):
        f = asyncio.get_running_loop().create_future()
        self._queue.append((item, f))
        if len(self._queue) == 1:
            asyncio.get_running_loop().call_soon(self._commit)
        return f

    def resume(self):
        self.paused = False
        self._commit()

    def _commit(self):
        if self.paused:
            return
        q, self._queue = self._queue, []
        for item, f in q:
            if f.cancelled():
                continue
            if self.fail:
                f.set_exception(JournalUnavailableError(self.fail))
                continue
            p = getattr(item, "producer", None)
            if p and p.number <= self.numbers.get(p.producer_id, 0):
                f.set_result(Receipt(duplicate=True))
                continue
            if p:
                self.numbers[p.producer_id] = p.number
            if isinstance(item, LineBatch):
                if not item.entries:
                    f.set_result(Receipt())
                    continue
                t = self.entries.setdefault(item.task_id, [])
                first = len(t) + 1
                for e in item.entries:
                    t.append(e)
                    e.sequence = len(t)
                self.items.append(item)
                f.set_result(Receipt(first, len(t)))
            elif isinstance(item, WorkerRegistered):
                k = (item.task_id, item.worker_id)
                c = k not in self.workers
                self.workers.add(k)
                self.items.append(item)
                f.set_result(Receipt(created=c))
            else:
                self.items.append(item)
                f.set_result(Receipt())

    @property
    def is_writable(self):
        return self._writable

    async def wait_writable(self):
        while not self._writable:
            self._event.clear()
            await self._event.wait()

    def set_writable(self, v):
        self._writable = v
        if v:
            self._event.set()

    async def last_number(self, p):
        return self.numbers.get(p, 0)

    async def close(self):
        pass

    async def task_state(self, t):
        return TaskState(t, 1, len(self.entries.get(t, [])))

    async def read(self, t, after, upto, matcher, *, lines_max, bytes_max):
        from filters.block import Selection
        from filters.entry import encode_lines

        e = self.entries.get(t, [])[after:upto]
        return Selection(after, upto, range(after + 1, upto + 1), encode_lines(e))
