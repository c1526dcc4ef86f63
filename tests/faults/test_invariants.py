"""What the referee must not overlook, and what it must not complain of."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults.environment import TASK, Past
from tests.faults.invariants import Verdict, judge_poller, judge_rows, judge_subscriber, judge_worker
from tests.faults.known_lines import known_line, number_of
from tests.faults.poller import Poller
from tests.faults.producers import Worker
from tests.faults.stored import Line, Stored
from tests.faults.tally import Tally
from tests.support.grep import GrepFiles
from tests.support.subscribers import Received, Subscriber


def stored(numbers: Sequence[int], epoch: str = "0000000a") -> Stored:
    """A task with these lines of worker-1, copied to rows."""
    lines = []
    for sequence, number in enumerate(numbers, 1):
        line = known_line("worker-1", number)
        lines.append(Line(sequence, "worker-1", line.level, line.source, line.message))
    return Stored(epoch, lines, [(line.sequence, line.message) for line in lines])


def worker(directory: Path, wire: str = "native", *, sent: int = 9, acknowledged: int = 9) -> Worker:
    tally = Tally(directory / "worker-1.tally")
    tally.write(sent=sent, acknowledged=acknowledged)
    tally.close()
    return Worker(wire, "worker-1", TASK, "", directory, 1.0, {})


def received(life: Stored, sequences: Sequence[int]) -> list[Received]:
    return [Received(n, "worker-1", life.lines[n - 1].message, life.epoch) for n in sequences]


@pytest.mark.parametrize(
    ("numbers", "found"),
    [
        (range(1, 10), {}),
        ([1, 2, 3, 4, 6, 7, 8, 9], {"acknowledged and missing": 1}),
        ([1, 2, 3, 4, 5, 5, 6, 7, 8, 9], {"stored twice": 1}),
        ([1, 2, 3, 5, 4, 6, 7, 8, 9], {"stored out of order": 1}),
        (range(1, 9), {"sent and missing": 1}),
        (range(1, 11), {"other findings": 1}),
    ],
)
def test_a_native_worker_is_stored_once_and_in_order(
    tmp_path: Path, numbers: Sequence[int], found: dict[str, int]
) -> None:
    """Whatever else there is, is found and named."""
    verdict = Verdict()
    judge_worker(verdict, worker(tmp_path, acknowledged=8), stored(numbers), [])
    assert verdict.counts == found


def test_a_backup_and_a_kill_excuse_what_they_took(tmp_path: Path) -> None:
    """Lines after the backup, and the line that a producer was killed in the middle of accepting; no others."""
    broken = worker(tmp_path)
    broken.kills = 1
    broken.in_doubt.append(range(8, 9))
    past = Past(stored(range(1, 6), "0000000b"), kept=3)
    verdict = Verdict()
    judge_worker(verdict, broken, stored([1, 2, 3, 6, 7, 9]), [past])
    assert verdict.is_good
    assert verdict.in_doubt == 1


def test_a_kill_excuses_one_line(tmp_path: Path) -> None:
    """What a client has accepted is in its spool, and must come."""
    broken = worker(tmp_path)
    broken.kills = 1
    broken.in_doubt.append(range(7, 9))
    verdict = Verdict()
    judge_worker(verdict, broken, stored([1, 2, 3, 4, 5, 6, 9]), [])
    assert verdict.findings == ["worker-1 (native): 1 lines in doubt, more than one for each kill"]


def test_ottos_wire_may_repeat_what_was_sent_again_and_nothing_else(tmp_path: Path) -> None:
    """A line that came after a later one must have been answered with RETRY."""
    (tmp_path / "worker-1.resent").write_text("4 5\n7 0\n7 8\n")
    verdict = Verdict()
    judge_worker(verdict, worker(tmp_path, "otto"), stored([1, 2, 3, 4, 5, 4, 5, 6, 8, 7, 8, 9]), [])
    assert verdict.is_good
    assert (verdict.repeated, verdict.retried) == (3, 1)
    judge_worker(verdict, worker(tmp_path, "otto"), stored([1, 2, 2, 4, 3, 5, 6, 7, 8, 9]), [])
    assert verdict.counts == {"stored twice": 1, "stored out of order": 1}


@pytest.mark.parametrize(
    ("sequences", "found"),
    [
        (range(1, 10), {}),
        (range(1, 9), {"missing at subscribers": 1}),
        ([1, 2, 2, *range(3, 10)], {"twice at subscribers": 1}),
        ([1, 3, 2, *range(4, 10)], {"out of order at subscribers": 1}),
    ],
)
def test_a_subscriber_is_given_what_grep_gives(tmp_path: Path, sequences: Sequence[int], found: dict[str, int]) -> None:
    """All of the last life, a beginning of those before, and no line that is not stored where it says."""
    before, last = stored(range(1, 6), "0000000b"), stored(range(1, 10))
    lives = [(life, GrepFiles(tmp_path / life.epoch, [line.output for line in life.lines])) for life in (before, last)]
    subscriber = Subscriber("sse", {}, [], [*received(before, [1, 2, 3]), *received(last, sequences)])
    verdict = Verdict()
    judge_subscriber(verdict, subscriber, lives)
    assert verdict.counts == found
    subscriber.lines[0] = Received(1, "worker-1", "another", before.epoch)
    judge_subscriber(verdict, subscriber, lives)
    assert verdict.counts["seen and missing"] == 1


def test_rows_and_polls_are_the_journal_once(tmp_path: Path) -> None:
    """A row too few, a row too many, an id twice."""
    life = stored(range(1, 10))
    poller = Poller("", TASK, [*life.rows[:4], *life.rows[3:8]])
    verdict = Verdict()
    judge_poller(verdict, poller, life, [])
    assert verdict.counts == {"rows missing at the poller": 1, "rows twice at the poller": 1}
    life.rows[0] = life.rows[1]
    verdict = Verdict()
    judge_rows(verdict, life)
    assert verdict.counts == {"rows missing": 1, "rows twice": 1}


def test_an_altered_line_has_no_number() -> None:
    """Not even where it only lost its last character."""
    line = known_line("worker-1", 7).message
    assert number_of(line) == 7
    assert number_of(line[:-1]) == number_of("") == number_of(line.replace("7", "8", 1)) == 0
