"""Alerts as one thing: rules, engine and outbox on one database."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from components.alerts.book import RuleBook
from components.alerts.changes import IncidentChanges
from components.alerts.delivery import Outbox
from components.alerts.engine import AlertEngine
from components.alerts.evaluation import Found, LineRules
from components.alerts.incidents import Incident, NoticeKind, Sample
from components.alerts.messages import incident_event
from components.alerts.repository import Delivered, Delivery, Gathered, MarkedIncident, Repository
from components.alerts.rules import Condition, Rule
from components.alerts.sending import Sender, send
from components.alerts.tables import create_tables
from components.alerts.targets import Target
from components.alerts.task_labels import ReadWorkers
from components.alerts.turns import EngineState, Turn
from filters.model import EVERYTHING
from filters.run_names import run_name
from sessions.updates import IncidentUpdate
from storage.journal.interface import Journal
from storage.tables import DatabaseLocation, TableDatabase

__all__ = ["Alerts", "Tried"]

_NOTIFICATIONS_MAX: Final = 100
_TRIED_RECORDS: Final = 20_000
_EXAMPLES_MAX: Final = 10
_TRIED_LINES: Final = 500_000
_TRIED_SECONDS: Final = 5.0
_TRIED_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Tried:
    """What a rule would have found in stored lines."""

    incidents: int
    matches: int
    lines: int
    samples: tuple[Sample, ...]
    is_complete: bool
    since: float | None
    """Unix seconds of the first line that was looked at."""


class Alerts:
    """Belongs to an event loop.

    Args:
        journal: whose lines are evaluated.
        location: the journal's database.
        rules_path: the file of rules.
        targets: by name.
        durability: of what is stored.
        sender: sends a notification.
        clock: Unix seconds.
        is_leader: whether this gateway is the one that evaluates and sends.
        publish: takes updates of incidents for UIs.
        read_workers: asks what the workers of tasks have reported, for rules that choose by labels.

    Raises:
        RuleError: the file of rules cannot be used.
    """

    def __init__(
        self,
        journal: Journal,
        location: DatabaseLocation,
        rules_path: Path,
        targets: Mapping[str, Target],
        *,
        durability: Any = "full",
        sender: Sender = send,
        clock: Callable[[], float] = time.time,
        is_leader: Callable[[], bool] = lambda: True,
        publish: Callable[[IncidentUpdate], None] = lambda _: None,
        read_workers: ReadWorkers | None = None,
    ) -> None:
        self._journal = journal
        self._database = TableDatabase(location, create=create_tables, durability=durability, name="alerts")
        self._send = sender
        self._clock = clock
        self.targets = targets
        self.book = RuleBook(rules_path, targets, self._database)
        self.outbox = Outbox(self._database, targets, sender=sender, clock=clock, is_leader=is_leader)
        self.engine = AlertEngine(
            journal,
            self._database,
            self.book.rules,
            targets=targets,
            read_workers=read_workers,
            changes=IncidentChanges(publish, clock),
            notify=self.outbox.wake,
            clock=clock,
            is_leader=is_leader,
        )

    def __repr__(self) -> str:
        return f"<Alerts {self.engine!r}>"

    async def open(self) -> None:
        """Make the tables that are missing, and read the stored rules."""
        await self.book.open()
        self.engine.use(self.book.rules, self.book.windows)

    def start(self) -> None:
        """Begin to evaluate and to send."""
        self.book.start(self.engine.use)
        self.engine.start()
        self.outbox.start()

    async def close(self, grace_seconds: float) -> None:
        """Stop; idempotent. What was not evaluated or sent is, after the next start."""
        await self.book.close()
        await self.engine.close(grace_seconds)
        await self.outbox.close(grace_seconds)
        await asyncio.to_thread(self._database.close)

    async def page(
        self, *, is_open: bool | None, rule: str, task: str, below: int | None, limit: int
    ) -> list[Incident]:
        """Incidents, the newest first; see ``Repository.page``."""
        found: list[Incident] = await self._read(
            lambda repository: repository.page(is_open=is_open, rule=rule, task=task, below=below, limit=limit)
        )
        return found

    async def of_task(self, task_id: str, *, is_open: bool | None, limit: int) -> list[MarkedIncident]:
        """Incidents with lines of a task, the newest first."""
        found: list[MarkedIncident] = await self._read(
            lambda repository: repository.of_task(task_id, is_open=is_open, limit=limit)
        )
        return found

    async def open_by_task(self, limit: int) -> list[tuple[str, int]]:
        """How many open incidents tasks have."""
        found: list[tuple[str, int]] = await self._read(lambda repository: repository.open_by_task(limit))
        return found

    async def find(self, number: int) -> Incident | None:
        """One incident."""
        found: Incident | None = await self._read(lambda repository: repository.find(number))
        return found

    async def notifications(self, number: int) -> tuple[list[Gathered], list[Delivery], list[Delivered]]:
        """Those of an incident; see ``Repository.notifications``."""
        found: tuple[list[Gathered], list[Delivery], list[Delivered]] = await self._read(
            lambda repository: repository.notifications(number, _NOTIFICATIONS_MAX)
        )
        return found

    async def notified_at(self) -> dict[str, float]:
        """The time of the last notification by rule, in Unix seconds."""
        found: dict[str, float] = await self._read(lambda repository: repository.notified_at())
        return found

    def notified_last_hour(self, rule: str) -> int:
        """How much of its budget a rule has used."""
        return self.engine.notified_since(rule, self._clock() - 3600)

    async def undelivered(self, limit: int) -> list[Delivery]:
        """Notifications that were given up, the newest first."""
        found: list[Delivery] = await self._read(lambda repository: repository.undelivered(limit))
        return found

    async def test(self, name: str) -> None:
        """Send a test to a target, at once and once.

        Raises:
            KeyError: there is no such target.
            SendError: it was not taken.
        """
        now = self._clock()
        rule = Rule(name="test", condition=Condition.LINE, filter=EVERYTHING, tasks=("*",), description="A test.")
        sample = Sample("build-7", 1, "worker-1", "ERROR", "this is a test of the target")
        incident = Incident(
            rule="test",
            key="build-7",
            template="",
            count=1,
            opened_at=now,
            first_at=now,
            last_at=now,
            changed_at=now,
            samples=(sample,),
        )
        await self._send(self.targets[name], f"test-{now:.6f}", incident_event(NoticeKind.TEST, incident, rule))

    async def preview(self, rule: Rule) -> Tried:
        """What a rule would have found in the newest records, for as long as that takes some seconds at most."""
        newest = self._journal.statistics.last_record
        start = position = max(0, newest - _TRIED_RECORDS)
        rules = LineRules([rule])
        labels: dict[str, frozenset[str]] = {}
        turn = Turn(
            EngineState(),
            {rule.name: rule},
            self._clock(),
            lambda task_id: run_name(task_id, {}),
            labels=lambda task_id: labels.get(task_id, frozenset()),
        )
        lines = matches = 0
        since: float | None = None
        opened: set[Any] = set()
        samples: list[Sample] = []
        deadline = time.monotonic() + _TRIED_SECONDS
        while position < newest and lines < _TRIED_LINES and time.monotonic() < deadline:
            records = await self._journal.records(position, bytes_max=_TRIED_BYTES)
            if not records:
                position = newest
                break
            if rule.labels:
                labels.update(await self.engine.labels_of({record.task_id for record in records}))
            evaluation = await asyncio.to_thread(rules.evaluate, records, labels)
            turn.take(evaluation, records[-1].id)
            opened.update(turn.incidents)
            position = records[-1].id
            lines += evaluation.lines
            matches += sum(found.count for found in evaluation.found.values())
            samples += _samples(evaluation.found.values())
            times = [first for first, _ in evaluation.activity.values()]
            since = min([*times, *([] if since is None else [since])], default=None)
        is_complete = start == 0 and position >= newest
        return Tried(len(opened), matches, lines, tuple(samples[:_EXAMPLES_MAX]), is_complete, since)

    async def _read(self, query: Callable[[Repository], Any]) -> Any:
        return await asyncio.to_thread(self._database.read, lambda connection: query(Repository(connection)))


def _samples(found: Iterable[Found]) -> list[Sample]:
    return [Sample.of(match) for each in found for match in each.samples]
