"""The engine: follows the journal, a turn for each run of records, and lets time pass between them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from components.alerts.evaluation import Evaluation, LineRules
from components.alerts.incidents import Incident
from components.alerts.messages import incident_event
from components.alerts.rules import Rule
from components.alerts.tables import Act, Repository
from components.alerts.turns import EngineState, Turn
from filters.run_names import run_name
from storage.journal.interface import Journal
from storage.outage import OutageLog
from storage.tables import TableDatabase
from storage.tailing import TailingLoop

__all__ = ["AlertEngine", "AlertStatistics"]

_RECORDS_BYTES: Final = 256 << 10
"""Of one turn; its evaluation keeps a thread busy for some milliseconds."""
_POLL_SECONDS: Final = 0.1
_CHECK_SECONDS: Final = 1.0
_FOLLOWER_SECONDS: Final = 0.5
_KEPT_SECONDS: Final = 90 * 86_400.0
"""How long resolved incidents are kept."""


@dataclass(frozen=True, slots=True)
class AlertStatistics:
    """Counts since the start, and present values."""

    rules: int = 0
    open: int = 0
    lines: int = 0
    matches: int = 0
    notices: int = 0
    suppressed: int = 0
    seconds: float = 0.0
    """Spent on evaluating lines."""
    lag: int = 0
    """Records that were stored and not evaluated."""
    error: str = ""


class _StaleError(Exception):
    """Somebody else has changed what is stored since it was read."""


class AlertEngine:
    """Evaluates every record once; belongs to an event loop.

    Args:
        journal: whose lines are evaluated.
        database: of the tables of alerts.
        rules: at the start.
        notify: called after a turn that has something to send.
        clock: Unix seconds.
        is_leader: whether this gateway is the one that evaluates.
    """

    def __init__(
        self,
        journal: Journal,
        database: TableDatabase,
        rules: Sequence[Rule],
        *,
        notify: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._database = database
        self._notify = notify
        self._clock = clock
        self._is_leader = is_leader
        self._thread = ThreadPoolExecutor(1, "alerts")
        self._state: EngineState | None = None
        self._checked_at = float("-inf")
        self._statistics = AlertStatistics()
        self._turns = asyncio.Lock()
        self._loop = TailingLoop(
            "alerts", self._step, OutageLog("alerts are not evaluated", "alerts are evaluated again")
        )
        self._set(rules)

    def __repr__(self) -> str:
        return f"<AlertEngine {len(self.rules)} rules {self._loop!r}>"

    @property
    def statistics(self) -> AlertStatistics:
        """An immutable snapshot."""
        state = self._state
        if state is None:
            return replace(self._statistics, rules=len(self.rules), error=self._loop.error)
        return replace(
            self._statistics,
            rules=len(self.rules),
            open=len(state.open),
            suppressed=sum(budget.suppressed for budget in state.budgets.values()),
            lag=max(self._journal.statistics.last_record - state.position, 0),
            error=self._loop.error,
        )

    def start(self) -> None:
        """Begin; where nothing is known, with the next record."""
        self._loop.start()

    async def close(self, grace_seconds: float) -> None:
        """Stop after the present turn; idempotent."""
        await self._loop.close(grace_seconds)
        await asyncio.to_thread(self._thread.shutdown)

    def use(self, rules: Sequence[Rule]) -> None:
        """Take other rules, from the next record on."""
        self._set(rules)
        self._loop.wake()

    async def resolve(self, number: int, by: str) -> Incident | None:
        """Resolve an incident; None if it is not open."""
        return await self._change(number, lambda turn, place, _incident: turn.resolve(place, by))

    async def mute(self, number: int, seconds: float, by: str) -> Incident | None:
        """Send nothing about an incident for a while; None if it is not open."""
        return await self._change(number, lambda turn, place, _incident: turn.mute(place, by, seconds))

    def notified_since(self, rule: str, since: float) -> int:
        """How many notifications of a rule were made since a time of the last hour."""
        budget = self._state.budgets.get(rule) if self._state else None
        return sum(at > since for at in budget.times) if budget else 0

    @property
    def open_by_rule(self) -> dict[str, int]:
        """How many incidents of each rule are open."""
        return dict(Counter(rule for rule, _, _ in self._state.open)) if self._state else {}

    def _set(self, rules: Sequence[Rule]) -> None:
        self.rules = {rule.name: rule for rule in rules}
        self._line_rules = LineRules(rules)

    async def _step(self) -> float:
        try:
            return await self._turn_or_wait()
        except _StaleError:
            return 0.0

    async def _turn_or_wait(self) -> float:
        if not self._is_leader():
            self._state = None  # another gateway changes what is stored
            return _FOLLOWER_SECONDS
        async with self._turns:
            state = await self._known()
            now = self._clock()
            if self._journal.statistics.last_record > state.position:
                records = await self._journal.records(state.position, bytes_max=_RECORDS_BYTES)
                if records:
                    begun_at = time.perf_counter()
                    evaluation = await self._run(self._line_rules.evaluate, records)
                    self._count(evaluation, time.perf_counter() - begun_at)
                    turn = self._turn(now)
                    turn.take(evaluation, records[-1].id)
                    await self._store(turn)
                    return 0.0
            if now - self._checked_at >= _CHECK_SECONDS:
                self._checked_at = now
                turn = self._turn(now)
                turn.pass_time()
                if turn.incidents or turn.state.tasks != state.tasks:
                    await self._store(turn)
        return _POLL_SECONDS

    async def _known(self) -> EngineState:
        """The state, read from the database once."""
        if self._state is None:
            newest = self._journal.statistics.last_record

            def read(connection: Any) -> EngineState:
                repository = Repository(connection)
                found = EngineState.of(repository.value, repository.open_incidents(), self.rules.values())
                repository.remove_resolved(self._clock() - _KEPT_SECONDS)
                if found is None:
                    found = EngineState(newest)
                    for name, value in found.documents().items():
                        repository.set_value(name, value)
                return found

            self._state = await self._run(self._database.write, read)
        return self._state

    def _turn(self, now: float) -> Turn:
        assert self._state is not None  # noqa: S101 - ``_known`` was awaited
        return Turn(self._state, self.rules, now, lambda task_id: run_name(task_id, {}))

    async def _store(self, turn: Turn) -> None:
        """Write a turn; only then it is true."""
        state = self._state
        version = turn.state.version
        turn.state.version += 1

        def write(connection: Any) -> None:
            repository = Repository(connection)
            if (repository.value("version") or {}).get("number") != version:
                raise _StaleError
            for place, incident in turn.incidents.items():
                stored = repository.store(incident)
                turn.incidents[place] = stored
                if stored.is_open:
                    turn.state.open[place] = stored
            for place, notice in turn.notices:
                incident = replace(notice.incident, id=turn.incidents[place].id)
                rule = turn.rules[incident.rule]
                for target in rule.notify:
                    key = f"{incident.id}-{incident.notices}-{target}"
                    repository.add_delivery(key, target, incident_event(notice.kind, incident, rule), self._clock())
            for place, by, seconds in turn.mutes:
                act = Act(self._clock(), "muted", by, f"{seconds / 60:.0f}")
                repository.note(turn.incidents[place].id, act)
            before = {} if state is None else state.documents()
            for name, value in turn.state.documents().items():
                if value != before.get(name):
                    repository.set_value(name, value)

        try:
            await self._run(self._database.write, write)
        except _StaleError:
            self._state = None
            raise
        self._state = turn.state
        if turn.notices:
            self._statistics = replace(self._statistics, notices=self._statistics.notices + len(turn.notices))
            self._notify()

    async def _change(self, number: int, change: Callable[[Turn, Any, Incident], None]) -> Incident | None:
        """Change an open incident, also beside the gateway that evaluates: the second of two writers reads again."""
        while True:
            try:
                return await self._changed(number, change)
            except _StaleError:
                continue

    async def _changed(self, number: int, change: Callable[[Turn, Any, Incident], None]) -> Incident | None:
        async with self._turns:
            state = await self._known()
            found = [(place, incident) for place, incident in state.open.items() if incident.id == number]
            if not found:
                return None
            ((place, incident),) = found
            turn = self._turn(self._clock())
            change(turn, place, incident)
            await self._store(turn)
            if not self._is_leader():
                self._state = None
            return turn.incidents[place]

    def _count(self, evaluation: Evaluation, seconds: float) -> None:
        self._statistics = replace(
            self._statistics,
            lines=self._statistics.lines + evaluation.lines,
            matches=self._statistics.matches + sum(found.count for found in evaluation.found.values()),
            seconds=self._statistics.seconds + seconds,
        )

    async def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
