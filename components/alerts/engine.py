"""The engine: follows the journal, a turn for each run of records, and lets time pass between them."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from components.alerts.changes import IncidentChanges
from components.alerts.evaluation import Evaluation, LineRules
from components.alerts.incidents import Incident
from components.alerts.maintenance import Window
from components.alerts.repository import Repository
from components.alerts.rules import Condition, Rule
from components.alerts.stages import StageEvent, StageInbox
from components.alerts.targets import Target
from components.alerts.task_labels import ReadWorkers, TaskLabels
from components.alerts.turn_storage import StaleError, write_digests, write_turn
from components.alerts.turns import PIPELINES_MAX, EngineState, Turn
from filters.run_names import run_name
from sessions.transport import Progress
from storage.journal.interface import Journal, Record
from storage.outage import OutageLog
from storage.tables import TableDatabase
from storage.tailing import TailingLoop

__all__ = ["CHECK_SECONDS", "FOLLOWER_SECONDS", "AlertEngine", "AlertStatistics"]

_RECORDS_BYTES: Final = 256 << 10
"""Of one turn; its evaluation keeps a thread busy for some milliseconds."""
_TURN_SECONDS: Final = 0.02
"""Between the beginnings of two turns at the end of the journal: commits of a steady flow share one."""
CHECK_SECONDS: Final = 1.0
"""Between two looks at what takes time; also how long a position is not stored that nothing else depends on."""
FOLLOWER_SECONDS: Final = 0.5
_DIGEST_LOOK_SECONDS: Final = 60.0
_OLD_STAGE_SECONDS: Final = 86_400.0
"""A stage that failed before that, of a pipeline that is not known any more, is no news at a start."""
_KEPT_SECONDS: Final = 90 * 86_400.0
"""How long resolved incidents are kept, and notifications that were given up."""
_SWEEP_SECONDS: Final = 3_600.0


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
    """Of processor time, for evaluating lines."""
    lag: int = 0
    """Records that were stored and not evaluated."""
    error: str = ""


class AlertEngine:
    """Evaluates every record once; belongs to an event loop.

    Args:
        journal: whose lines are evaluated.
        database: of the tables of alerts.
        rules: at the start.
        targets: by name.
        read_workers: asks what the workers of tasks have reported.
        changes: notifies UIs of changes.
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
        targets: Mapping[str, Target] | None = None,
        read_workers: ReadWorkers | None = None,
        changes: IncidentChanges | None = None,
        notify: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
        is_leader: Callable[[], bool] = lambda: True,
    ) -> None:
        self._journal = journal
        self._database = database
        self._targets = targets or {}
        self._changes = changes or IncidentChanges()
        self._labels = None if read_workers is None else TaskLabels(read_workers)
        self._stages = StageInbox()
        self._digest_at = self._swept_at = 0.0
        self._notify = notify
        self._clock = clock
        self._is_leader = is_leader
        self._thread = ThreadPoolExecutor(1, "alerts")
        self._state: EngineState | None = None
        self._checked_at = self._stored_at = self._turn_at = float("-inf")  # of the loop's clock
        self._stored = EngineState()
        self._statistics = AlertStatistics()
        self._turns = asyncio.Lock()
        self._loop = TailingLoop(
            "alerts", self._step, OutageLog("alerts are not evaluated", "alerts are evaluated again")
        )
        self._set(rules)

    def __repr__(self) -> str:
        return f"<AlertEngine {len(self.rules)} rules {self._loop!r}>"

    @property
    def has_begun(self) -> bool:
        """Whether it has read what was stored, and evaluates what comes."""
        return self._state is not None

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
        """Start; if no position is stored, with the next record."""
        self._loop.start()

    async def close(self, grace_seconds: float) -> None:
        """Stop after the present turn; idempotent."""
        await self._loop.close(grace_seconds)
        await asyncio.to_thread(self._thread.shutdown)

    def use(self, rules: Sequence[Rule], windows: Sequence[Window] = ()) -> None:
        """Take other rules and maintenance windows, from the next record on."""
        self._set(rules, windows)
        self._loop.wake()

    def wake(self) -> None:
        """Something was stored in the journal; cheap, never blocks, and nothing where another gateway evaluates."""
        if self._state is not None:
            self._loop.wake()

    def stages_have_changed(self, progress: Sequence[Progress]) -> None:
        """Transitions of pipelines were stored; never blocks."""
        self._stages.put(progress)
        if self._stages:
            self._loop.wake()

    async def resolve(self, number: int, by: str) -> Incident | None:
        """Resolve an incident; None if it is not open."""
        return await self._change(number, lambda turn, place, _incident: turn.resolve(place, by))

    async def mute(self, number: int, seconds: float, by: str) -> Incident | None:
        """Mute an incident for a time, or unmute it if that is 0. None if the incident is not open."""
        until, who = (self._clock() + seconds, by) if seconds > 0 else (float("-inf"), "")
        return await self._change(
            number,
            lambda turn, place, incident: turn.put(place, replace(incident, muted_until=until, muted_by=who)),
        )

    def notified_since(self, rule: str, since: float) -> int:
        """How many notifications of a rule were made since a time of the last hour."""
        budget = self._state.budgets.get(rule) if self._state else None
        return sum(at > since for at in budget.times) if budget else 0

    async def labels_of(self, task_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """The labels of tasks, each as ``name`` and as ``name=value``; empty if they are unknown."""
        return {} if self._labels is None else await self._labels.of(list(task_ids))

    @property
    def open_by_rule(self) -> dict[str, int]:
        """How many incidents of each rule are open."""
        return dict(Counter(rule for rule, _, _ in self._state.open)) if self._state else {}

    def _set(self, rules: Sequence[Rule], windows: Sequence[Window] = ()) -> None:
        self.rules = {rule.name: rule for rule in rules}
        self.windows = tuple(windows)
        is_about_stages = any(rule.condition is Condition.STAGE_FAILED for rule in rules)
        self._must_read = is_about_stages != self._stages.is_open  # which transitions are known
        self._stages.is_open = is_about_stages
        self._line_rules = LineRules(rules)

    async def _step(self) -> float:
        try:
            return await self._turn_or_wait()
        except StaleError:
            return 0.0

    async def _turn_or_wait(self) -> float:
        if not self._is_leader():
            self._state = None  # another gateway changes what is stored
            found = await self._run(self._database.read, self._changes.read)
            self._changes.publish_stored(found, self.rules)
            return FOLLOWER_SECONDS
        async with self._turns:
            self._changes.forget()
            if self._must_read:
                self._must_read = False
                self._state = None
            state = await self._known()
            now = self._clock()
            if self._stages:
                await self._take_stages(now)
                return 0.0
            newest = self._journal.statistics.last_record
            if newest > state.position:
                if (pause := self._turn_at - asyncio.get_running_loop().time()) > 0 and not self._loop.is_closing:
                    return pause
                if not await self._take_records(state, now, newest):
                    return 0.0
            return await self._let_time_pass(now)

    async def _let_time_pass(self, now: float) -> float:
        """Check timers at the end of the journal, when silent tasks are known. Returns the seconds to the next call."""
        clock = asyncio.get_running_loop().time()
        if clock >= self._checked_at + CHECK_SECONDS:
            self._checked_at = clock
            await self.pass_time(now)
        return self._checked_at + CHECK_SECONDS - clock

    async def _take_records(self, state: EngineState, now: float, newest: int) -> bool:
        """Evaluate a run of records; whether ``newest`` was among them."""
        begun_at = asyncio.get_running_loop().time()
        records = await self._journal.records(state.position, bytes_max=_RECORDS_BYTES)
        if not records:
            return True  # they were removed
        labels = await self._labels_of({record.task_id for record in records})
        turn, evaluation, seconds = await self._run(self._evaluated, records, now, labels)
        self._count(evaluation, seconds)
        if turn.has_effects or begun_at >= self._stored_at + CHECK_SECONDS:
            await self._store(turn)
        else:  # after a kill, the next process evaluates these records again, with the same result
            self._state = turn.state
        is_at_end = records[-1].id >= newest
        if is_at_end:
            self._turn_at = begun_at + _TURN_SECONDS
        return is_at_end

    def _evaluated(
        self, records: Sequence[Record], now: float, labels: Mapping[str, frozenset[str]]
    ) -> tuple[Turn, Evaluation, float]:
        """What records change, and the seconds of the thread that it took: rules may be many."""
        begun_at = time.thread_time()
        turn = self._turn(now, labels)
        evaluation = self._line_rules.evaluate(records, labels)
        turn.take(evaluation, records[-1].id)
        return turn, evaluation, time.thread_time() - begun_at

    async def _take_stages(self, now: float) -> None:
        events = self._stages.snapshot()
        turn = self._turn(now)
        turn.take_stages(events)
        await self._store(turn)
        self._stages.remove(events)

    async def pass_time(self, now: float) -> None:
        """Look at what takes time: silent tasks, incidents that are over, digests, and what is too old to be kept."""
        state = await self._known()
        turn = self._turn(now, await self._labels_of(state.tasks))
        await self._run(turn.pass_time)
        if turn.incidents or turn.state.tasks != state.tasks or state.position != self._stored.position:
            await self._store(turn)
        if now >= self._digest_at:
            await self._send_digests(now)
        if now >= self._swept_at + _SWEEP_SECONDS:
            self._swept_at = now
            old = now - _KEPT_SECONDS
            await self._run(self._database.write, lambda connection: Repository(connection).remove_resolved(old))

    async def _labels_of(self, task_ids: Iterable[str]) -> Mapping[str, frozenset[str]]:
        """The labels of tasks, if a rule asks for some."""
        return await self.labels_of(task_ids) if self._line_rules.chooses_by_labels else {}

    async def _known(self) -> EngineState:
        """The state, read from the database once."""
        if self._state is None:
            newest = self._journal.statistics.last_record
            self._state, stages = await self._run(
                self._database.write, lambda connection: self._read_state(Repository(connection), newest)
            )
            self._stored = self._state
            self._digest_at = 0.0
            self._stages.put_first(stages)
        return self._state

    def _read_state(self, repository: Repository, newest: int) -> tuple[EngineState, list[StageEvent]]:
        """The stored state, and the stages that ended while no gateway evaluated; runs in a thread."""
        state = EngineState.of(repository.value, repository.open_incidents(), self.rules.values())
        now = self._clock()
        if state is None:
            state = EngineState(newest)
            for name, value in state.documents().items():
                repository.set_value(name, value)
        if not self._stages.is_open:
            if state.stages is not None:
                state.stages = None
                repository.set_value("stages", {"known": None})
            return state, []
        stored = repository.stored_stages()
        if state.stages is None:  # the first rule of its kind begins with what fails from now on
            state.stages = {}
            for event in sorted(stored, key=lambda each: each.at)[-PIPELINES_MAX:]:
                state.stages[event.pipeline_id] = max(event.number, state.stages.get(event.pipeline_id, 0))
            repository.set_value("stages", {"known": state.stages})
            return state, []
        known = state.stages
        return state, [
            event
            for event in stored
            if event.number > known.get(event.pipeline_id, 0)
            and (event.pipeline_id in known or event.at >= now - _OLD_STAGE_SECONDS)
        ]

    def _turn(self, now: float, labels: Mapping[str, frozenset[str]] | None = None) -> Turn:
        assert self._state is not None  # noqa: S101 - ``_known`` was awaited
        known = labels or {}
        return Turn(
            self._state,
            self.rules,
            now,
            lambda task_id: run_name(task_id, {}),
            windows=self.windows,
            labels=lambda task_id: known.get(task_id, frozenset()),
        )

    async def _store(self, turn: Turn) -> None:
        """Write a turn; only then it is true."""
        await self._known()
        before = self._stored  # what turns without effects have changed since is written, too
        try:
            due_at = await self._run(
                self._database.write,
                lambda connection: write_turn(connection, before, turn, self._targets, self._clock()),
            )
        except StaleError:
            self._state = None
            raise
        self._state = self._stored = turn.state
        self._stored_at = asyncio.get_running_loop().time()
        if due_at is not None:
            self._digest_at = min(self._digest_at, due_at)
        self._changes.publish(turn.incidents.values(), self.rules)
        if turn.notices:
            self._statistics = replace(self._statistics, notices=self._statistics.notices + len(turn.notices))
            self._notify()

    async def _send_digests(self, now: float) -> None:
        count, next_at = await self._run(self._database.write, lambda connection: write_digests(connection, now))
        self._digest_at = now + _DIGEST_LOOK_SECONDS if next_at is None else next_at
        if count:
            self._notify()

    async def _change(self, number: int, change: Callable[[Turn, Any, Incident], None]) -> Incident | None:
        """Change an open incident, also beside the gateway that evaluates: the second of two writers reads again."""
        while True:
            try:
                return await self._changed(number, change)
            except StaleError:
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
            return turn.incidents[turn.slot(place)]

    def _count(self, evaluation: Evaluation, seconds: float) -> None:
        self._statistics = replace(
            self._statistics,
            lines=self._statistics.lines + evaluation.lines,
            matches=self._statistics.matches + sum(found.count for found in evaluation.found.values()),
            seconds=self._statistics.seconds + seconds,
        )

    async def _run(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)
