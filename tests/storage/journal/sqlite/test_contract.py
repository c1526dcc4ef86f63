from tests.contracts.journal_contract import JournalContract


class TestSqliteJournal(JournalContract):
    """SQLite keeps to the contract."""
