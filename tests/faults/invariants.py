"""The referee: compares what was sent, acknowledged, stored, delivered and polled, with lists and ``grep`` alone."""

import itertools
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from canary.sequence_check import Arrival, SequenceCheck
from tests.faults.environment import TASK, Environment, Past, Victim
from tests.faults.known_lines import number_of
from tests.faults.poller import Poller
from tests.faults.producers import Worker
from tests.faults.stored import Stored, read_stored
from tests.support.grep import GrepFiles
from tests.support.subscribers import Received, Subscriber

__all__ = ["Verdict", "judge", "judge_poller", "judge_rows", "judge_subscriber", "judge_worker"]


@dataclass
class Verdict:
    """What a run came to. All ``counts``, which have what is wrong by its name, are to be 0, and ``findings`` empty.

    Attributes:
        accepted: lines that were in a client's spool on disk; each is to be stored, whatever became of its producer.
        acknowledged: lines of which their producers know that they are stored; without those that were in doubt.
        taken_back: lines that had been stored and were gone with a backup put back.
        in_doubt: lines that their producer was killed in the middle of accepting, and that are not stored; what it had
            accepted is in its spool and has to be delivered.
        repeated: lines on Otto's wire that were stored again because their answer had been lost.
        retried: lines there that were answered with RETRY and sent again, when later ones were stored already.
        delivered: lines per subscriber in the last life of the database, in the order of the crowd.
        recoveries: seconds from each kill of the gateway to the next new line at a subscriber.
    """

    sent: int = 0
    accepted: int = 0
    acknowledged: int = 0
    stored: int = 0
    taken_back: int = 0
    in_doubt: int = 0
    repeated: int = 0
    retried: int = 0
    delivered: list[int] = field(default_factory=list)
    polled: int = 0
    connections: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    recoveries: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def lost(self) -> int:
        """Lines that somebody should have and has not."""
        return sum(count for name, count in self.counts.items() if "missing" in name)

    @property
    def doubled(self) -> int:
        """Lines that somebody has twice."""
        return sum(count for name, count in self.counts.items() if "twice" in name)

    @property
    def disordered(self) -> int:
        """Lines that came after a later one."""
        return sum(count for name, count in self.counts.items() if "out of order" in name)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.findings or self.counts.total())

    def find(self, where: object, what: str, count: int = 1, note: object = "") -> None:
        """Note what is wrong, if the count is not 0."""
        if count:
            self.counts[what if what in COUNTED else "other findings"] += count
            self.findings.append(f"{where}: {count:,} {what}{f' ({note})' if note else ''}")


COUNTED = frozenset(
    {
        "acknowledged and missing",
        "seen and missing",
        "missing at subscribers",
        "twice at subscribers",
        "out of order at subscribers",
        "stored twice",
        "stored out of order",
        "rows missing",
        "rows twice",
        "rows missing at the poller",
        "rows twice at the poller",
        "sent and missing",
    }
)


def judge(environment: Environment) -> Verdict:
    """Compare everything; the gateway has stopped."""
    verdict = Verdict()
    for finding in environment.findings:
        verdict.find("run", finding)
    stored = read_stored(environment.gateway.database, TASK)
    verdict.stored = len(stored.lines)
    verdict.taken_back = sum(len(past.stored.lines) - past.kept for past in environment.pasts)
    for worker in environment.workers:
        judge_worker(verdict, worker, stored, environment.pasts)
    lives = [past.stored for past in environment.pasts] + [stored]
    with_files = [
        (life, GrepFiles(environment.directory / f"life-{index}", [line.output for line in life.lines]))
        for index, life in enumerate(lives)
    ]
    for subscriber in environment.crowd.subscribers:
        judge_subscriber(verdict, subscriber, with_files)
    judge_rows(verdict, stored)
    judge_poller(verdict, environment.poller, stored, environment.pasts)
    for victim in environment.victims:
        _judge_victim(verdict, victim, environment.gateway.database)
    for killed_at in environment.kills:
        back_at = next((at for at in environment.observer.back_at if at > killed_at), None)
        if back_at is not None:
            verdict.recoveries.append(back_at - killed_at)
    return verdict


def judge_worker(verdict: Verdict, worker: Worker, stored: Stored, pasts: list[Past]) -> None:
    """Every line is stored once and in order, but for those that a kill of its producer or a backup has taken."""
    tally = worker.tally
    verdict.sent += tally.sent
    verdict.accepted += tally.accepted
    in_doubt = set(itertools.chain.from_iterable(worker.in_doubt))
    verdict.find(worker, "lines in doubt, more than one for each kill", max(0, len(in_doubt) - worker.kills))
    verdict.acknowledged += tally.acknowledged - len(in_doubt)
    numbers = [number_of(line.message) for line in stored.lines if line.worker_id == worker.worker_id]
    verdict.find(worker, "lines are not what was sent", numbers.count(0))
    check, arrivals = SequenceCheck(), defaultdict[Arrival, list[int]](list)
    for number in filter(None, numbers):
        arrivals[check.see(number)].append(number)
    missing = set(check.missing(range(1, tally.sent + 1)))
    taken_back = {
        number_of(line.message)
        for past in pasts
        for line in past.stored.lines[past.kept :]
        if line.worker_id == worker.worker_id
    }
    verdict.in_doubt += len(missing & in_doubt - taken_back)
    lost = missing - taken_back - in_doubt
    late = set(arrivals[Arrival.OUT_OF_ORDER])
    verdict.retried += len(worker.retried & late)
    doubles = len(arrivals[Arrival.AGAIN])
    if worker.wire == "otto":
        unasked = set(arrivals[Arrival.AGAIN]).difference(*worker.resent)
        verdict.repeated += doubles - len(unasked)
        doubles = len(unasked)
    acknowledged = {number for number in lost if number <= tally.acknowledged}
    verdict.find(worker, "acknowledged and missing", len(acknowledged), f"the first is {min(acknowledged, default=0)}")
    verdict.find(worker, "sent and missing", len(lost - acknowledged), f"the first is {min(lost, default=0)}")
    verdict.find(worker, "stored twice", doubles)
    verdict.find(worker, "stored out of order", len(late - worker.retried))
    verdict.find(worker, "lines are stored that it has not sent", sum(number > tally.sent for number in {*numbers}))


def judge_subscriber(verdict: Verdict, subscriber: Subscriber, lives: list[tuple[Stored, GrepFiles]]) -> None:
    """In each life of the database it was given what grep gives: all of the last, and a beginning of those before."""
    verdict.connections += subscriber.connections
    verdict.delivered.append(0)
    verdict.find(subscriber, "gaps were announced", len(subscriber.gaps), subscriber.gaps[:3])
    parts = {epoch: list(part) for epoch, part in itertools.groupby(subscriber.lines, lambda line: line.epoch)}
    known = [life.epoch for life, _ in lives]
    if list(parts) != [epoch for epoch in known if epoch in parts]:
        verdict.find(subscriber, f"lives in another order: {list(parts)} of {known}")
    for index, (life, files) in enumerate(lives):
        part = parts.get(life.epoch, [])
        is_last = index == len(lives) - 1
        if is_last:
            verdict.delivered[-1] = len(part)
        _judge_part(verdict, subscriber, part, life, files, is_whole=is_last)


def _judge_part(
    verdict: Verdict, subscriber: Subscriber, part: list[Received], life: Stored, files: GrepFiles, *, is_whole: bool
) -> None:
    check = SequenceCheck(line.sequence for line in part)
    workers = subscriber.filter.get("workerIds")
    numbers = files.numbers({name: words for name, words in subscriber.filter.items() if name != "workerIds"})
    upto = len(life.lines) if is_whole else check.highest
    wanted = {
        number for number in numbers if number <= upto and (not workers or life.lines[number - 1].worker_id in workers)
    }
    strange = [
        line.sequence
        for line in part
        if line.sequence > len(life.lines) or life.lines[line.sequence - 1].message != line.message
    ]
    where = f"{subscriber} in {life.epoch}"
    found = check.verdict(wanted)
    verdict.find(where, "missing at subscribers", found.lost)
    verdict.find(where, "twice at subscribers", found.doubled)
    verdict.find(where, "out of order at subscribers", found.out_of_order)
    verdict.find(where, "seen and missing", len(strange), f"the first is {min(strange, default=0)}")
    unwanted = {line.sequence for line in part}.difference(wanted, strange)
    verdict.find(where, "lines that its filter does not let pass", len(unwanted))


def judge_rows(verdict: Verdict, stored: Stored) -> None:
    """``job_logs`` is the journal, line for line."""
    rows = [message for _, message in stored.rows]
    lines = [line.message for line in stored.lines]
    if rows != lines:
        counted, expected = Counter(rows), Counter(lines)
        verdict.find("job_logs", "rows missing", (expected - counted).total())
        verdict.find("job_logs", "rows twice", (counted - expected).total())
        verdict.find("job_logs", "rows are not in the order of the journal", int(counted == expected))


def judge_poller(verdict: Verdict, poller: Poller, stored: Stored, pasts: list[Past]) -> None:
    """It was given every row of the table as it is now, once; what else it has, a backup has taken back."""
    ids = SequenceCheck(number for number, _ in poller.rows)
    verdict.polled = len(set(poller.rows) & set(stored.rows))
    past_rows = {row for past in pasts for row in past.stored.rows}
    verdict.find("polling", "rows missing at the poller", len(set(stored.rows) - set(poller.rows)))
    verdict.find("polling", "rows twice at the poller", ids.doubled)
    verdict.find("polling", "rows in another order", ids.out_of_order)
    verdict.find("polling", "answers that should not be", len(poller.broken), poller.broken[:3])
    verdict.find("polling", "rows that never were", len(set(poller.rows) - set(stored.rows) - past_rows))


def _judge_victim(verdict: Verdict, victim: Victim, database: Path) -> None:
    """The rows are whole where they were copied before, or have one row in the place of what was damaged."""
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        rows = connection.execute("SELECT log_message FROM job_logs WHERE job_id = ? ORDER BY id", (victim.task_id,))
        found = [message for (message,) in rows]
    first, last = victim.damaged.start, victim.damaged.stop - 1
    if found == victim.messages:
        return
    marked = [*victim.messages[: first - 1], "", *victim.messages[last:]]
    if len(found) != len(marked) or f"lines {first} to {last} are damaged" not in found[first - 1]:
        verdict.find(f"job_logs of {victim.task_id}", f"{len(found)} rows, with {first} to {last} damaged")
