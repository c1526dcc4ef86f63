"""What goes, out of what is there."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.journal.inventory import StoredChunk, StoredTask
from storage.retention.plan import Cut, Plan
from storage.retention.policy import RetentionPolicy
from storage.retention.rules import parse_rules

NOW = 1000.0
EVERYTHING = 1 << 40


class Shelf:
    """An inventory of chunks of ten lines; ``put`` stores one now, at a time that grows by one."""

    def __init__(self) -> None:
        self.chunks: dict[str, list[StoredChunk]] = {}
        self.records = 0

    def put(self, task: str, size: int) -> None:
        self.records += 1
        chunks = self.chunks.setdefault(task, [])
        last = chunks[-1].last if chunks else 0
        chunks.append(StoredChunk(self.records, last + 10, size, float(self.records)))

    @property
    def tasks(self) -> list[StoredTask]:
        return [
            StoredTask(
                *(name, chunks[0].last - 9, chunks[-1].last, sum(chunk.bytes for chunk in chunks)),
                *(chunks[0].stored_at, chunks[-1].stored_at, chunks[-1].record),
            )
            for name, chunks in sorted(self.chunks.items())
            if chunks
        ]

    async def stored_tasks(self, after: str, *, count_max: int) -> Sequence[StoredTask]:
        return [task for task in self.tasks if task.task_id > after][: min(count_max, 2)]

    async def stored_chunks(self, task_id: str, after: int, *, count_max: int) -> Sequence[StoredChunk]:
        return [chunk for chunk in self.chunks[task_id] if chunk.last > after][: min(count_max, 2)]

    def cut(self, cut: Cut) -> None:
        self.chunks[cut.task_id] = [chunk for chunk in self.chunks[cut.task_id] if chunk.last > cut.through]


def shelf(*puts: tuple[str, int]) -> Shelf:
    made = Shelf()
    for task, size in puts:
        made.put(task, size)
    return made


async def cuts(shelf: Shelf, policy: RetentionPolicy, *, now: float = NOW, copied: int = EVERYTHING) -> list[Cut]:
    return [cut async for cut in Plan(shelf, policy, now=now, copied=copied).cuts()]


async def test_old_chunks_go_from_the_first_on() -> None:
    """A task with newer ones keeps these; one without goes whole."""
    made = shelf(("a", 5), ("b", 5), ("a", 7), ("a", 9))
    assert await cuts(made, RetentionPolicy(age_seconds=NOW - 3)) == [
        Cut("a", 10, 10, 5, is_whole=False, is_by_age=True),
        Cut("b", 10, 10, 5, is_whole=True, is_by_age=True),
    ]


async def test_a_rule_goes_before_the_general_age() -> None:
    """Shorter, longer, or for ever."""
    made = shelf(("nightly-1", 1), ("release-1", 1), ("golden", 1), ("other", 1))
    policy = RetentionPolicy(age_seconds=500, rules=parse_rules("nightly-*=1m,release-*=1d,golden=keep"))
    assert [cut.task_id for cut in await cuts(made, policy, now=100)] == ["nightly-1"]
    assert [cut.task_id for cut in await cuts(made, policy, now=1000)] == ["nightly-1", "other"]


async def test_the_idle_longest_go_where_there_are_too_many() -> None:
    """Those with a rule after those without, and what is to be kept not at all."""
    made = shelf(("golden", 1), ("release-1", 1), ("a", 1), ("b", 1), ("a", 1))
    rules = parse_rules("release-*=1d,golden=keep")
    for tasks_max, gone in ((3, ["b"]), (2, ["b", "a"]), (1, ["b", "a", "release-1"])):
        found = await cuts(made, RetentionPolicy(tasks_max=tasks_max, rules=rules), now=6)
        assert [cut.task_id for cut in found] == gone
        assert all(cut.is_whole and not cut.is_by_age for cut in found)


async def test_as_few_bytes_go_as_needed() -> None:
    """The last task to lose lines loses only its first chunks."""
    made = shelf(("a", 50), ("a", 50), ("b", 10), ("b", 10), ("b", 10))
    assert await cuts(made, RetentionPolicy(bytes_max=25)) == [
        Cut("a", 20, 20, 100, is_whole=True, is_by_age=False),
        Cut("b", 10, 10, 10, is_whole=False, is_by_age=False),
    ]
    assert await cuts(made, RetentionPolicy(bytes_max=130)) == []


@pytest.mark.parametrize(
    ("bytes_max", "through"), [(40, None), (39, 10), (30, 10), (29, 20), (20, 20), (19, 30), (10, 30), (9, 40), (0, 40)]
)
async def test_no_chunk_goes_where_the_rest_just_fits(bytes_max: int, through: int | None) -> None:
    """Of four chunks of ten bytes; also if a page of chunks ends just there."""
    made = shelf(*[("a", 10)] * 4)
    found = await cuts(made, RetentionPolicy(bytes_max=bytes_max))
    assert [cut.through for cut in found] == ([] if through is None else [through])


@pytest.mark.parametrize(("now", "through"), [(10.0, None), (11.0, None), (11.5, 10), (12.0, 10), (14.0, 30)])
async def test_a_chunk_goes_once_it_is_older_than_its_age(now: float, through: int | None) -> None:
    """Not in the moment when it has just that age. They were stored at 1, 2, 3 and 4."""
    made = shelf(*[("a", 10)] * 4)
    found = await cuts(made, RetentionPolicy(age_seconds=10.0), now=now)
    assert [cut.through for cut in found] == ([] if through is None else [through])


async def test_what_age_takes_does_not_count_for_the_limits() -> None:
    """Whole tasks and parts of them."""
    made = shelf(("a", 50), ("b", 50), ("b", 10), ("c", 10))
    policy = RetentionPolicy(age_seconds=NOW - 3, bytes_max=20, tasks_max=2)
    assert [(cut.task_id, cut.is_by_age) for cut in await cuts(made, policy)] == [("a", True), ("b", True)]


async def test_what_is_not_copied_stays() -> None:
    """And the plan says that it is held up."""
    made = shelf(("a", 1), ("a", 1), ("b", 1))
    for policy in (RetentionPolicy(age_seconds=1), RetentionPolicy(bytes_max=0)):
        plan = Plan(made, policy, now=NOW, copied=1)
        assert [(cut.task_id, cut.through) async for cut in plan.cuts()] == [("a", 10)]
        assert plan.is_held_up


async def test_a_plan_that_remembers_too_few_is_followed_by_another() -> None:
    """What is remembered is bounded, and nothing is forgotten for good."""
    made = shelf(*[(f"t{n}", 1) for n in range(10)])
    passes = 0
    while True:
        plan = Plan(made, RetentionPolicy(tasks_max=1), now=NOW, copied=EVERYTHING, candidates_max=4)
        async for cut in plan.cuts():
            made.cut(cut)
        passes += 1
        if not plan.is_short:
            break
    assert (passes, [task.task_id for task in made.tasks]) == (3, ["t9"])


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "keep", "old"]), st.integers(1, 50)), max_size=30),
    st.none() | st.integers(1, 40).map(float),
    st.none() | st.integers(0, 500),
    st.none() | st.integers(0, 5),
)
async def test_afterwards_everything_is_within_its_limits(
    puts: list[tuple[str, int]], age: float | None, bytes_max: int | None, tasks_max: int | None
) -> None:
    """As far as something may go, and no chunk more than needed; a second pass finds nothing."""
    made, now = shelf(*puts), float(len(puts))
    policy = RetentionPolicy(age, bytes_max, tasks_max, parse_rules("keep=keep,old=1d"))
    found = await cuts(made, policy, now=now)
    size = sum(task.bytes for task in made.tasks)
    for cut in found:
        before = {task.task_id: task for task in made.tasks}[cut.task_id]
        gone = [chunk for chunk in made.chunks[cut.task_id] if chunk.last <= cut.through]
        assert (cut.lines, cut.bytes) == (10 * len(gone), sum(chunk.bytes for chunk in gone))
        assert cut.is_whole == (cut.through == before.last)
        size -= cut.bytes
        if not cut.is_by_age and tasks_max is None:
            assert bytes_max is not None
            assert size + gone[-1].bytes > bytes_max
        made.cut(cut)
    left = {task.task_id: task for task in made.tasks}
    others = [task for task in left.values() if task.task_id != "keep"]
    if age is not None:
        assert all(task.oldest_at >= now - age for task in others if task.task_id != "old")
    if bytes_max is not None and others:
        assert sum(task.bytes for task in left.values()) <= bytes_max
    if tasks_max is not None and others:
        assert len(left) <= tasks_max
    assert not [cut for cut in found if cut.task_id == "keep"]
    assert await cuts(made, policy, now=now) == []
    if bytes_max is None and tasks_max is None:
        assert all(cut.is_by_age for cut in found)
    assert replace(policy).is_set == (policy != RetentionPolicy())


async def test_a_task_alone_loses_all_of_its_chunks_where_none_fits() -> None:
    """Then it goes whole, with the number of its lines and bytes."""
    made = shelf(*[("a", 5)] * 3)
    assert await cuts(made, RetentionPolicy(bytes_max=1)) == [Cut("a", 30, 30, 15, is_whole=True, is_by_age=False)]
