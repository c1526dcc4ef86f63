from collections.abc import AsyncIterator

import pytest

from storage.errors import StorageUnavailableError
from storage.journal.interface import Journal
from tests.contracts.journal_contract import JournalContract
from tests.contracts.removal_contract import RemovalContract
from tests.support.journal_items import batch, messages
from tests.support.memory_journal import MemoryJournal


@pytest.fixture
async def journal() -> AsyncIterator[Journal]:
    journal = MemoryJournal()
    yield journal
    await journal.close()


class TestMemoryJournal(JournalContract, RemovalContract):
    """The fake of other tests keeps to the contract."""


async def test_a_failing_commit_stores_nothing() -> None:
    """What was refused may be sent again and gets the sequences that it would have had."""
    journal = MemoryJournal()
    journal.failure = "the disk is full"
    with pytest.raises(StorageUnavailableError, match="disk is full"):
        await journal.append(batch("a"))
    journal.failure = ""
    assert (await journal.append(batch("a"))).last == 1
    assert await messages(journal) == ["a"]
