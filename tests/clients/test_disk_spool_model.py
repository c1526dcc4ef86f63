"""Whatever is written, sent, dropped and cut short: each line reaches the gateway once, or a gap counts it."""

import shutil
import tempfile
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from otto.logs.v1 import logs_pb2
from otto_logs import Level, ProducerLimits, Source
from otto_logs._disk_spool import DiskSpool
from otto_logs._spool import Address, FlushMarker, Request

from tests.support.torn_writes import DeadError, TornWrites

ADDRESSES = [Address("t", "w"), Address("t", "v")]
LIMITS = ProducerLimits(
    batch_lines_max=7, linger_seconds=2.0, spool_bytes_max=65_536, spool_disk_bytes_max=262_144, batch_bytes_max=8_192
)


@dataclass
class Gateway:
    """Stores each number once, in order, as the contract says."""

    number: int = 0
    lines: dict[Address, list[logs_pb2.Line]] = field(default_factory=lambda: defaultdict(list))
    items: list[str] = field(default_factory=list)

    def take(self, data: bytes) -> None:
        request = logs_pb2.PublishRequest.FromString(data)
        assert request.number <= self.number + 1, "a hole"
        if request.number == self.number + 1:
            self.number = request.number
            self.lines[Address(request.lines.task_id, request.lines.worker_id)].extend(request.lines.lines)
            if request.HasField("end_of_task"):
                self.items.append(request.end_of_task.reason)


class DyingSpool(RuleBasedStateMachine):
    """A spool whose process dies at any byte that it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.writes = TornWrites()
        self.writes.patch()
        self.gateway = Gateway()
        self.written: dict[Address, int] = defaultdict(int)
        self.uncertain: dict[Address, set[int]] = defaultdict(set)
        self.items: list[str] = []
        self.uncertain_items: set[str] = set()
        self.on_wire: list[bytes] = []
        self.barriers: list[tuple[FlushMarker, dict[Address, int]]] = []
        self.now = 0.0
        self.spool = self.open()

    def open(self) -> DiskSpool:
        return DiskSpool(self.directory, LIMITS, "p", clock=lambda: self.now)

    def living(self, action: Callable[[], None]) -> bool:
        """Do something; where the process dies of it, start the next one."""
        try:
            action()
        except DeadError:
            self.writes.live()
            self.on_wire.clear()
            self.barriers.clear()
            self.spool._log.close()
            self.spool = self.open()
            self.spool.rewind(self.gateway.number)
            return False
        return True

    @rule(address=st.sampled_from(ADDRESSES), lines=st.integers(1, 40), size=st.sampled_from([1, 100, 1000, 6000]))
    def write(self, address: Address, lines: int, size: int) -> None:
        for _ in range(lines):
            number = self.written[address] = self.written[address] + 1
            text = str(number).ljust(size).encode()

            def append(text: bytes = text) -> None:
                self.spool.drop_oldest(len(text))
                assert self.spool.has_room(len(text))
                self.spool.append_line(address, text, 1, Level.INFO, Source.STDOUT, {"k": "v"}, self.now)

            if not self.living(append):
                self.uncertain[address].add(number)

    @rule()
    def report(self) -> None:
        name = str(len(self.items) + len(self.uncertain_items))
        item = logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id="t", reason=name))
        if self.spool.has_room(100):
            if self.living(lambda: self.spool.append_item(item)):
                self.items.append(name)
            else:
                self.uncertain_items.add(name)

    @rule(seconds=st.sampled_from([0.5, 10.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def flush(self) -> None:
        self.barriers.append((self.spool.append_barrier(), dict(self.written)))

    @rule(count=st.integers(1, 30), credit=st.integers(1, 20))
    def send(self, count: int, credit: int) -> None:
        def send() -> None:
            for _ in range(count):
                request: Request | None = self.spool.next_request(credit)
                if request is not None:
                    self.on_wire.append(request.data)

        self.living(send)

    @precondition(lambda self: self.on_wire)
    @rule(count=st.integers(1, 30), acknowledge=st.booleans())
    def store(self, count: int, acknowledge: bool) -> None:
        for data in self.on_wire[:count]:
            self.gateway.take(data)
        del self.on_wire[:count]
        if acknowledge:
            self.living(lambda: void(self.spool.acknowledge(self.gateway.number)))

    @rule()
    def reconnect(self) -> None:
        self.on_wire.clear()
        self.living(lambda: void(self.spool.rewind(self.gateway.number)))

    @rule(size=st.one_of(st.integers(0, 300), st.integers(0, 30_000)))
    def die_after(self, size: int) -> None:
        self.writes.bytes_left = size

    @invariant()
    def files_are_bounded(self) -> None:
        assert self.spool.bytes_waiting <= LIMITS.spool_disk_bytes_max * 1.1
        assert sum(path.stat().st_size for path in self.directory.iterdir()) <= LIMITS.spool_disk_bytes_max * 1.2

    @invariant()
    def flushed_means_stored_or_dropped(self) -> None:
        for barrier, counts in self.barriers:
            if barrier.passed:
                for address, count in counts.items():
                    assert self.seen(address) >= count - len(self.uncertain[address])

    def seen(self, address: Address) -> int:
        """How many lines the gateway has, and how many were dropped that it was not told of yet."""
        state = self.spool._state
        delivered = sum(int(line.metadata.get("droppedLines", "1")) for line in self.gateway.lines[address])
        gap = state.gaps.get(address)
        sent = sum(sealed.mark.dropped for sealed in state.sealed if sealed.mark and sealed.address == address)
        return delivered + sent + (gap.mark.dropped if gap else 0)

    def teardown(self) -> None:
        self.writes.live()
        self.spool._log.close()
        self.spool = self.open()
        self.spool.rewind(self.gateway.number)
        while (request := self.spool.next_request(100)) is not None:
            self.gateway.take(request.data)
            self.spool.acknowledge(self.gateway.number)
        assert self.spool.is_empty
        assert self.spool.lines_waiting == self.spool.lines_in_flight == self.spool.lines_damaged == 0
        assert not self.spool.take_problems()
        for address in ADDRESSES:
            self.check(address)
        assert [item for item in self.gateway.items if item not in self.uncertain_items] == self.items
        assert len(set(self.gateway.items)) == len(self.gateway.items)
        self.spool.close()
        assert not list(self.directory.iterdir())
        shutil.rmtree(self.directory)
        self.writes.restore()

    def check(self, address: Address) -> None:
        """Delivered lines in order, and in each hole gaps that count it."""
        last = missing = 0
        end = self.written[address] + 1
        texts = [(line.metadata.get("droppedLines"), line.message) for line in self.gateway.lines[address]]
        for dropped, text in [*texts, (None, str(end).encode())]:
            if dropped:
                missing += int(dropped)
                continue
            number = int(text)
            hole = set(range(last + 1, number))
            assert number > last
            assert len(hole - self.uncertain[address]) <= missing <= len(hole)
            last, missing = number, 0


def void(_value: object) -> None:
    """For what is done for its effect."""


TestDyingSpool = DyingSpool.TestCase
TestDyingSpool.settings = settings(max_examples=40, stateful_step_count=60, deadline=None)
pytestmark = pytest.mark.xdist_group("torn writes")
