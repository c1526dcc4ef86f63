from tests.contracts.journal_contract import JournalContract
from tests.contracts.removal_contract import RemovalContract


class TestSqliteJournal(JournalContract, RemovalContract):
    """SQLite keeps to the contract."""
