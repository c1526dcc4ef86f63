"""Records and the summary of the run-all that they belong to."""

import pytest

from components.executions.tables import RunAllSummary
from components.executions.tables.run_all import recorded_of

TEN = [(str(number), number < 3) for number in range(10)]


@pytest.mark.parametrize(
    ("summary", "records", "expected"),
    [
        (RunAllSummary(10, 3), TEN, (10, 3)),
        (RunAllSummary(10, 3), [], (0, 0)),
        (RunAllSummary(10, 3), TEN[:8], (8, 3)),
        (RunAllSummary(10, 3), [*TEN, ("alone", False), ("alone", True)], (10, 3)),
        (RunAllSummary(3, 0), [("a", False), ("b", False), ("a", False)], (2, 0)),
        (RunAllSummary(3, 0), [("a", False), ("b", True), ("c", False)], (1, 0)),
        (RunAllSummary(3, 3), [("a", True), ("b", False)], (1, 1)),
        (RunAllSummary(0, 0), TEN, (0, 0)),
    ],
)
def test_a_summary_takes_the_records_before_it(
    summary: RunAllSummary, records: list[tuple[str, bool]], expected: tuple[int, int]
) -> None:
    """The newest ones, one of each script, and no more successes and failures than it counts."""
    assert recorded_of(summary, records) == expected
