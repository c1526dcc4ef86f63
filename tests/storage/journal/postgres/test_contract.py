import pytest

from tests.contracts.journal_contract import JournalContract

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("postgres")]


class TestPostgresJournal(JournalContract):
    """PostgreSQL keeps to the contract."""
