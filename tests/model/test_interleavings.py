"""Journal, hub, sessions, filters and seam, in any order of events, on each journal that the model can step."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import rule

from storage.errors import StorageError
from storage.journal.interface import Journal
from storage.journal.sqlite import SqliteJournal
from tests.model.interleavings import Interleavings
from tests.support.memory_journal import MemoryJournal

pytestmark = pytest.mark.timeout(900)  # many steps; there is nothing in them that could wait

IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


class MemoryInterleavings(Interleavings):
    """On the journal in memory, whose commits may fail."""

    inner: MemoryJournal | None = None

    async def make_journal(self) -> Journal:
        self.inner = self.inner or MemoryJournal()
        return self.inner

    @rule()
    def fail_to_commit(self) -> None:
        assert self.inner is not None
        self.inner.failure = "the disk is full"
        for _, result in self.run(self.journal.commit()):
            assert isinstance(result, StorageError)
        self.inner.failure = ""
        self.rewind()


class SqliteInterleavings(Interleavings):
    """On the real one, which is closed and opened again."""

    folder = ""
    inner: SqliteJournal | None = None

    async def make_journal(self) -> Journal:
        self.folder = self.folder or tempfile.mkdtemp(prefix="otto-model-")
        self.inner = await SqliteJournal.open(Path(self.folder) / "otto.db", durability="process")
        return self.inner

    async def leave_journal(self) -> None:
        if self.inner is not None:
            await self.inner.close()

    async def dispose(self) -> None:
        await super().dispose()
        await self.leave_journal()
        shutil.rmtree(self.folder, ignore_errors=True)


TestMemoryInterleavings = MemoryInterleavings.TestCase
TestMemoryInterleavings.settings = settings(
    max_examples=4000 if IS_LONG else 150, stateful_step_count=80 if IS_LONG else 40
)
TestSqliteInterleavings = SqliteInterleavings.TestCase
TestSqliteInterleavings.settings = settings(
    max_examples=600 if IS_LONG else 12, stateful_step_count=60 if IS_LONG else 25
)
