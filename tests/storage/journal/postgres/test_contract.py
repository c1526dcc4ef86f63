import pytest

from tests.contracts.journal_contract import JournalContract
from tests.contracts.removal_contract import RemovalContract

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("postgres")]


class TestPostgresJournal(JournalContract, RemovalContract):
    """PostgreSQL keeps to the contract."""
