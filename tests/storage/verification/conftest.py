"""Sound databases, made once for the module and copied for each test."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from storage.polling import ClosingRows, PollingTable
from storage.verification import Report, repair_rows, verify
from tests.support.filled_databases import fill
from tests.support.job_logs import sqlite


@dataclass(frozen=True)
class Databases:
    journal: Path
    polling: Path

    def sql(self, database: str, statement: str) -> str:
        return sqlite(self.journal if database == "journal" else self.polling, statement)

    def verify(self, **options: object) -> Report:
        return verify(self.journal, PollingTable(self.polling), **options)  # type: ignore[arg-type]

    @staticmethod
    def found(report: Report) -> dict[str, int]:
        """The counts of what was found, by the names of the kinds."""
        return {kind.value: count for kind, count in report.findings.counts.items()}

    def repair(self) -> Report:
        return repair_rows(self.journal, PollingTable(self.polling), closing_rows=ClosingRows.ALWAYS)

    def rows(self) -> str:
        return self.sql("polling", "SELECT job_id, log_message, created_at FROM job_logs ORDER BY job_id, id")


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("sound")
    asyncio.run(fill(directory / "journal.db", directory / "polling.db"))
    return directory


@pytest.fixture
def databases(sound: Path, tmp_path: Path) -> Databases:
    for name in ("journal.db", "polling.db"):
        shutil.copy(sound / name, tmp_path / name)
    return Databases(tmp_path / "journal.db", tmp_path / "polling.db")
