"""Checks of large journals: in several processes, of a sample, and cut off and continued."""

from pathlib import Path

import pytest

from storage.errors import DatabaseError
from storage.polling import PollingTable
from storage.verification import Report, parallel, verify
from storage.verification.parallel import RecordRanges
from tests.storage.verification.conftest import Databases

DAMAGE = "UPDATE journal_records SET payload = zeroblob(9) WHERE record_id IN (2, 9)"
ROWS = "DELETE FROM job_logs WHERE id IN (7, 8); UPDATE job_logs SET log_message = '' WHERE id = 90"


@pytest.fixture
def damaged(databases: Databases, monkeypatch: pytest.MonkeyPatch) -> Databases:
    """Wrong in both databases; the small journal counts as a large one."""
    databases.sql("journal", DAMAGE)
    databases.sql("polling", ROWS)
    monkeypatch.setattr(parallel, "PARALLEL_FROM_RECORDS", 0)
    return databases


def contents(report: Report) -> tuple[object, ...]:
    return report.records, report.lines, report.rows, report.foreign_lines, report.findings


@pytest.mark.slow
def test_processes_find_what_one_finds(damaged: Databases, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same counts and findings, in the same order; also with steps of a record."""
    alone = damaged.verify()
    assert damaged.found(alone)["chunk_damaged"] == 2
    monkeypatch.setattr(parallel, "RANGE_RECORDS", 3)
    assert contents(damaged.verify(jobs=2)) == contents(alone)


@pytest.mark.parametrize("at", range(2, 15, 3))
def test_a_check_that_was_cut_off_continues(
    damaged: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Cut off at any record, both together find what one whole check finds, and the file is gone then."""
    for module in ("parallel", "verifier"):
        monkeypatch.setattr(f"storage.verification.{module}.RANGE_RECORDS", 2)
    monkeypatch.setattr("storage.verification.verifier.PROGRESS_RECORDS", 1)
    whole = damaged.verify()

    def cut_off(reached: int, _last: int) -> None:
        if reached == at:
            raise KeyboardInterrupt

    file = tmp_path / "check.json"
    table = PollingTable(damaged.polling)
    with pytest.raises(KeyboardInterrupt):
        verify(damaged.journal, table, resume=file, on_progress=cut_off)
    seen: list[int] = []
    rest = verify(damaged.journal, table, resume=file, on_progress=lambda reached, _: seen.append(reached))
    assert (contents(rest), file.exists(), seen[0] >= at - 2) == (contents(whole), False, True)


def test_progress_of_another_journal_is_refused(databases: Databases, tmp_path: Path) -> None:
    """So is a file that is none; neither is overwritten."""
    file = tmp_path / "check.json"
    for content in (
        "garbage",
        '{"epoch":"x","record":1,"records":1,"lines":1,"bytes":1,"rows":null,"counts":{},"findings":{}}',
    ):
        file.write_text(content)
        with pytest.raises(DatabaseError, match=r"holds no progress|is of a check of epoch x"):
            databases.verify(resume=file)
        assert file.read_text() == content


def test_a_sample_finds_damage_in_what_it_chose(damaged: Databases) -> None:
    """Of all steps with 100 %, of none with 0 %; rows are not compared, and the report says so."""
    none = damaged.verify(sample=0.0)
    assert (none.records, none.rows, none.findings.is_empty) == (0, 0, True)
    assert "a sample of 0% of the records" in none.notes[0]
    most = damaged.verify(sample=0.9999)
    assert (most.records, most.rows, damaged.found(most)) == (14, 0, {"chunk_damaged": 2})


def test_a_sample_is_spread_over_all_records() -> None:
    """Every record belongs to one step, and a seed chooses the same steps."""
    steps = list(RecordRanges(100, 1_000_000))
    assert [end for _, end in steps[:-1]] == [start for start, _ in steps[1:]]
    assert (steps[0][0], steps[-1][1]) == (100, 1_000_000)
    chosen = list(RecordRanges(100, 1_000_000, 0.1, seed=1))
    assert chosen == list(RecordRanges(100, 1_000_000, 0.1, seed=1))
    assert 0.08 < len(chosen) / len(steps) < 0.12
