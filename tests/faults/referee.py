"""The referee: compares what was sent, acknowledged, stored, delivered and polled, with lists and ``grep`` alone."""

import itertools
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.known_lines import number_of
from tests.faults.poller import Poller
from tests.faults.scene import TASK, Past, Scene, Victim
from tests.faults.stored import Stored, read_stored
from tests.faults.workforce import Worker
from tests.support.crowd import Received, Subscriber
from tests.support.grep import GrepFiles

__all__ = ["Verdict", "judge"]


@dataclass
class Verdict:
    """What a run came to. ``lost``, ``doubled`` and ``disordered`` are to be 0 and ``findings`` empty.

    Attributes:
        taken_back: lines that had been stored and were gone with a backup put back.
        in_doubt: lines that were not acknowledged when their producer was killed, and are not stored.
        repeated: lines on Otto's wire that were stored again because their answer had been lost.
        delivered: lines per subscriber in the last life of the database, in the order of the crowd.
        recoveries: seconds from each kill of the gateway to the next new line at a subscriber.
    """

    sent: int = 0
    acknowledged: int = 0
    stored: int = 0
    taken_back: int = 0
    in_doubt: int = 0
    repeated: int = 0
    delivered: list[int] = field(default_factory=list)
    polled: int = 0
    connections: int = 0
    lost: int = 0
    doubled: int = 0
    disordered: int = 0
    recoveries: list[float] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.disordered or self.findings)

    def find(self, where: object, *, lost: int = 0, doubled: int = 0, disordered: int = 0, what: str = "") -> None:
        """Note what is wrong, if anything is."""
        self.lost += lost
        self.doubled += doubled
        self.disordered += disordered
        counts = {"lost": lost, "doubled": doubled, "out of order": disordered}
        texts = [f"{count:,} {name}" for name, count in counts.items() if count]
        if texts or what:
            self.findings.append(f"{where}: {', '.join(texts) or what}{f' ({what})' if texts and what else ''}")


def judge(scene: Scene) -> Verdict:
    """Compare everything; the gateway has stopped."""
    verdict = Verdict(findings=list(scene.findings))
    stored = read_stored(scene.gateway.database, TASK)
    verdict.stored = len(stored.lines)
    verdict.taken_back = sum(len(past.stored.lines) - past.kept for past in scene.pasts)
    for worker in scene.workers:
        _judge_worker(verdict, worker, stored, scene.pasts)
    lives = [past.stored for past in scene.pasts] + [stored]
    with_files = [
        (life, GrepFiles(scene.directory / f"life-{index}", [line.output for line in life.lines]))
        for index, life in enumerate(lives)
    ]
    for subscriber in scene.crowd.subscribers:
        _judge_subscriber(verdict, subscriber, with_files)
    _judge_rows(verdict, stored)
    _judge_poller(verdict, scene.poller, stored, scene.pasts)
    for victim in scene.victims:
        _judge_victim(verdict, victim, scene.gateway.database)
    for killed_at in scene.kills:
        back_at = next((at for at in scene.observer.back_at if at > killed_at), None)
        if back_at is not None:
            verdict.recoveries.append(back_at - killed_at)
    return verdict


def _judge_worker(verdict: Verdict, worker: Worker, stored: Stored, pasts: list[Past]) -> None:
    """Every line is stored once and in order, but for those that a kill of its producer or a backup has taken."""
    tally = worker.tally
    verdict.sent += tally.sent
    verdict.acknowledged += tally.acknowledged
    numbers = [number_of(line.message) for line in stored.lines if line.worker_id == worker.worker_id]
    if altered := numbers.count(0):
        verdict.find(worker, what=f"{altered:,} lines are not what was sent")
    known = set(numbers)
    missing = set(range(1, tally.sent + 1)) - known
    taken_back = {
        number_of(line.message)
        for past in pasts
        for line in past.stored.lines[past.kept :]
        if line.worker_id == worker.worker_id
    }
    in_doubt = set(itertools.chain.from_iterable(worker.in_doubt))
    verdict.in_doubt += len(missing & in_doubt - taken_back)
    lost = missing - taken_back - in_doubt
    seen: set[int] = set()
    firsts = [number for number in numbers if not (number in seen or seen.add(number))]  # type: ignore[func-returns-value]
    disordered = sum(a > b for a, b in itertools.pairwise(firsts))
    doubles = len(numbers) - len(known)
    if worker.wire == "otto":
        resent = set(itertools.chain.from_iterable(worker.resent))
        unasked = [number for number in known if numbers.count(number) > 1 and number not in resent] if doubles else []
        verdict.repeated += doubles - len(unasked)
        doubles = len(unasked)
    example = f"such as {min(lost)}" if lost else ""
    verdict.find(worker, lost=len(lost), doubled=doubles, disordered=disordered, what=example)
    if not known <= set(range(1, tally.sent + 1)):
        verdict.find(worker, what="lines are stored that it has not sent")


def _judge_subscriber(verdict: Verdict, subscriber: Subscriber, lives: list[tuple[Stored, GrepFiles]]) -> None:
    """In each life of the database it was given what grep gives: all of the last, and a beginning of those before."""
    verdict.connections += subscriber.connections
    verdict.delivered.append(0)
    if subscriber.gaps:
        verdict.find(subscriber, what=f"gaps were announced: {subscriber.gaps[:3]}")
    parts = {epoch: list(part) for epoch, part in itertools.groupby(subscriber.lines, lambda line: line.epoch)}
    known = [life.epoch for life, _ in lives]
    if list(parts) != [epoch for epoch in known if epoch in parts]:
        verdict.find(subscriber, what=f"lives {list(parts)} of {known}")
    for index, (life, files) in enumerate(lives):
        part = parts.get(life.epoch, [])
        is_last = index == len(lives) - 1
        if is_last:
            verdict.delivered[-1] = len(part)
        _judge_part(verdict, subscriber, part, life, files, is_whole=is_last)


def _judge_part(
    verdict: Verdict, subscriber: Subscriber, part: list[Received], life: Stored, files: GrepFiles, *, is_whole: bool
) -> None:
    sequences = [line.sequence for line in part]
    workers = subscriber.filter.get("workerIds")
    numbers = files.numbers({name: words for name, words in subscriber.filter.items() if name != "workerIds"})
    upto = len(life.lines) if is_whole else max(sequences, default=0)
    wanted = {
        number for number in numbers if number <= upto and (not workers or life.lines[number - 1].worker_id in workers)
    }
    altered = sum(
        line.sequence > len(life.lines) or life.lines[line.sequence - 1].message != line.message for line in part
    )
    verdict.find(
        f"{subscriber} in {life.epoch}",
        lost=len(wanted - set(sequences)),
        doubled=len(sequences) - len(set(sequences)),
        disordered=sum(a > b for a, b in itertools.pairwise(sequences)),
        what=f"{altered:,} lines that are not in the journal there" if altered else "",
    )
    if not set(sequences) <= wanted:
        verdict.find(subscriber, what=f"{len(set(sequences) - wanted):,} lines that its filter does not let pass")


def _judge_rows(verdict: Verdict, stored: Stored) -> None:
    """``job_logs`` is the journal, line for line."""
    rows = [message for _, message in stored.rows]
    lines = [line.message for line in stored.lines]
    if rows != lines:
        lost, doubled = len(set(lines) - set(rows)), max(0, len(rows) - len(set(rows)))
        where = next(
            (n for n, (a, b) in enumerate(zip(rows, lines, strict=False), 1) if a != b), min(len(rows), len(lines))
        )
        verdict.find(
            "job_logs", lost=lost, doubled=doubled, what=f"{len(rows):,} rows, different from row {where:,} on"
        )


def _judge_poller(verdict: Verdict, poller: Poller, stored: Stored, pasts: list[Past]) -> None:
    """It was given every row of the table as it is now, once; what else it has, a backup has taken back."""
    ids = [number for number, _ in poller.rows]
    verdict.polled = len(set(poller.rows) & set(stored.rows))
    past_rows = {row for past in pasts for row in past.stored.rows}
    verdict.find(
        "polling",
        lost=len(set(stored.rows) - set(poller.rows)),
        doubled=len(ids) - len(set(ids)),
        disordered=sum(a > b for a, b in itertools.pairwise(ids)),
        what="; ".join(poller.broken[:3]),
    )
    if strange := set(poller.rows) - set(stored.rows) - past_rows:
        verdict.find("polling", what=f"{len(strange):,} rows that never were")


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
        verdict.find(f"job_logs of {victim.task_id}", what=f"{len(found)} rows, with {first} to {last} damaged")
