from dataclasses import dataclass, field

import hypothesis.strategies as st
from hypothesis import given, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from otto.logs.v1 import logs_pb2
from otto_logs import Level, ProducerLimits, Source
from otto_logs._memory_spool import MemorySpool
from otto_logs._spool import Address, FlushMarker, Request

ADDRESS = Address("t", "w")
OTHER = Address("t", "v")


def add(spool: MemorySpool, text: str, address: Address = ADDRESS, now: float = 0.0) -> None:
    spool.append_line(address, text.encode(), 1, Level.INFO, Source.STDOUT, None, now)


def lines_of(request: Request | None) -> list[str]:
    assert request is not None
    message = logs_pb2.PublishRequest.FromString(request.data)
    assert message.number == request.number
    return [line.message.decode() for line in message.lines.lines]


def test_numbers_start_at_one_and_leave_out_none() -> None:
    """Every request gets the next number, whatever is in it."""
    spool = MemorySpool(ProducerLimits(batch_lines_max=2))
    for index in range(3):
        add(spool, str(index))
    spool.append_item(logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id="t")))

    numbers = [request.number for _ in range(3) if (request := spool.next_request(100))]

    assert numbers == [1, 2, 3]
    assert spool.next_request(100) is None


def test_nothing_overtakes_a_status() -> None:
    """Lines before a status are sent before it, lines after it after it."""
    spool = MemorySpool(ProducerLimits())
    add(spool, "before")
    spool.append_item(logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id="t")))
    add(spool, "behind")

    assert [lines_of(spool.next_request(100)) for _ in range(3)] == [["before"], [], ["behind"]]


def test_workers_that_alternate_share_requests() -> None:
    """Within the linger, each worker's lines gather in one request; its order is kept."""
    spool = MemorySpool(ProducerLimits(linger_seconds=1.0))
    for index in range(4):
        add(spool, f"a{index}")
        add(spool, f"b{index}", OTHER)

    assert lines_of(spool.next_request(100)) == ["a0", "a1", "a2", "a3"]
    assert lines_of(spool.next_request(100)) == ["b0", "b1", "b2", "b3"]


def test_workers_keep_their_order_over_time() -> None:
    """What one wrote long before another is sent before it, also when both waited for the gateway."""
    spool = MemorySpool(ProducerLimits(linger_seconds=1.0))
    add(spool, "a0", now=0.0)
    add(spool, "b0", OTHER, now=0.5)
    add(spool, "a1", now=10.0)

    assert [lines_of(spool.next_request(100)) for _ in range(3)] == [["a0"], ["b0"], ["a1"]]


def test_old_runs_of_one_worker_go_together() -> None:
    """An hour of single lines is caught up with in large requests."""
    spool = MemorySpool(ProducerLimits(linger_seconds=1.0, batch_lines_max=3))
    for index in range(4):
        add(spool, str(index), now=10.0 * index)

    assert lines_of(spool.next_request(100)) == ["0", "1", "2"]
    assert lines_of(spool.next_request(100)) == ["3"]


def test_a_new_request_fits_the_credit() -> None:
    """A request that has no number yet is made as small as the credit is."""
    spool = MemorySpool(ProducerLimits())
    for index in range(5):
        add(spool, str(index))

    assert spool.next_request(0) is None
    assert lines_of(spool.next_request(2)) == ["0", "1"]
    assert lines_of(spool.next_request(100)) == ["2", "3", "4"]


def test_a_request_that_was_sent_is_never_cut() -> None:
    """Number and content belong together: where credit has shrunk, it waits and then goes alone."""
    spool = MemorySpool(ProducerLimits(batch_lines_max=3))
    for index in range(4):
        add(spool, str(index))
    first, second = spool.next_request(100), spool.next_request(100)
    spool.rewind(0)

    assert spool.next_request(0) is None
    assert spool.next_request(1) is first  # alone, as it cannot be made to fit
    assert spool.next_request(0) is None
    assert spool.acknowledge(1) == 3
    assert spool.next_request(1) is second


def test_a_new_connection_sends_what_the_gateway_does_not_have() -> None:
    """Behind the number in its answer, and in the same order."""
    spool = MemorySpool(ProducerLimits(batch_lines_max=1))
    for index in range(4):
        add(spool, str(index))
    for _ in range(4):
        spool.next_request(100)

    assert spool.rewind(2)
    assert [lines_of(spool.next_request(100)) for _ in range(2)] == [["2"], ["3"]]
    assert spool.lines_waiting == 2


def test_numbers_go_on_behind_what_the_gateway_has() -> None:
    """A program that starts again under the same producer id does not use up numbers twice."""
    spool = MemorySpool(ProducerLimits())
    assert spool.rewind(41)
    add(spool, "next")

    request = spool.next_request(100)

    assert request is not None
    assert request.number == 42


def test_a_gateway_with_another_journal_gets_the_rest_under_numbers_from_1() -> None:
    """What was never acknowledged, and nothing before it is known to be meant for it."""
    spool = MemorySpool(ProducerLimits(batch_lines_max=1))
    for index in range(3):
        add(spool, str(index))
    for _ in range(3):
        spool.next_request(100)
    spool.acknowledge(2)

    assert not spool.rewind(1)
    spool.renumber("another")
    assert spool.rewind(0)
    request = spool.next_request(100)
    assert lines_of(request) == ["2"]
    assert request is not None
    assert request.number == 1


def test_numbers_that_there_never_were_are_another_journals() -> None:
    """Before the first answer they may be an earlier life's; after it they are not ours, and acknowledge nothing."""
    spool = MemorySpool(ProducerLimits())
    spool.rewind(3)
    add(spool, "line")
    spool.next_request(100)

    assert not spool.rewind(5)
    assert spool.rewind(4)
    assert spool.is_empty


def test_the_oldest_lines_are_dropped_and_the_log_says_how_many() -> None:
    """In the place of what was dropped stands one line per worker, with the count."""
    limits = ProducerLimits(spool_bytes_max=65536, batch_lines_max=10)
    spool = MemorySpool(limits)
    dropped = 0
    for index in range(100):
        dropped += spool.drop_oldest(1000)
        add(spool, f"{index:01000}")

    request = spool.next_request(1000)
    found = lines_of(request)

    assert dropped > 0
    assert spool.bytes_waiting <= limits.spool_bytes_max
    assert found[0] == f"otto-logs: dropped {dropped} lines here because the spool was full"
    assert int(found[1]) == dropped


def test_what_was_sent_is_never_dropped() -> None:
    """A number that the gateway may have seen keeps its content; half of the spool is for what can still go."""
    limits = ProducerLimits(spool_bytes_max=65536)
    spool = MemorySpool(limits)
    sent = []
    for index in range(200):
        spool.drop_oldest(1000)
        add(spool, f"{index:01000}")
        if (request := spool.next_request(1)) is not None:
            sent.append(lines_of(request))

    spool.rewind(0)
    again = [lines_of(spool.next_request(10)) for _ in sent]

    assert again == sent


def test_a_barrier_is_passed_when_all_before_it_is_stored() -> None:
    """And not earlier, whatever comes after it."""
    spool = MemorySpool(ProducerLimits())
    add(spool, "before")
    barrier = spool.append_barrier()
    add(spool, "behind")
    spool.next_request(100)
    spool.next_request(100)

    assert not barrier.passed
    spool.acknowledge(1)
    assert barrier.passed
    assert spool.append_barrier().passed is False
    spool.acknowledge(2)
    assert spool.append_barrier().passed


@dataclass
class Gateway:
    """Stores each number once, in order, as the contract says."""

    number: int = 0
    lines: dict[Address, list[str]] = field(default_factory=dict)

    def take(self, request: Request) -> None:
        assert request.number <= self.number + 1, "a hole"
        if request.number == self.number + 1:
            self.number = request.number
            message = logs_pb2.PublishRequest.FromString(request.data)
            address = Address(message.lines.task_id, message.lines.worker_id)
            self.lines.setdefault(address, []).extend(line.message.decode() for line in message.lines.lines)


class Spooling(RuleBasedStateMachine):
    """Whatever happens in between, the gateway has every line of every worker once, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.spool = MemorySpool(ProducerLimits(batch_lines_max=4, linger_seconds=2.0))
        self.gateway = Gateway()
        self.given: dict[Address, list[str]] = {}
        self.on_wire: list[Request] = []
        self.barriers: list[tuple[FlushMarker, dict[Address, int]]] = []
        self.credit = 10
        self.now = 0.0
        self.count = 0

    @rule(address=st.sampled_from([ADDRESS, OTHER]), lines=st.integers(1, 6), step=st.sampled_from([0.0, 1.0]))
    def write(self, address: Address, lines: int, step: float) -> None:
        for _ in range(lines):
            self.count += 1
            self.now += step
            add(self.spool, str(self.count), address, self.now)
            self.given.setdefault(address, []).append(str(self.count))

    @rule()
    def report(self) -> None:
        self.spool.append_item(logs_pb2.PublishRequest(end_of_task=logs_pb2.EndOfTask(task_id="t")))

    @rule()
    def flush(self) -> None:
        self.barriers.append((self.spool.append_barrier(), {key: len(value) for key, value in self.given.items()}))

    @rule()
    def send(self) -> None:
        request = self.spool.next_request(self.credit - self.spool.lines_in_flight)
        if request is not None:
            self.on_wire.append(request)
            # What has no lines needs no credit, and goes even where the credit has shrunk below what is in flight.
            assert not request.lines_on_wire or self.spool.lines_in_flight <= max(self.credit, request.lines_on_wire)

    @precondition(lambda self: self.on_wire)
    @rule(acknowledge=st.booleans(), credit=st.integers(1, 10))
    def store(self, acknowledge: bool, credit: int) -> None:
        self.gateway.take(self.on_wire.pop(0))
        if acknowledge:
            self.spool.acknowledge(self.gateway.number)
            self.credit = credit

    @rule(stored=st.integers(0, 3))
    def reconnect(self, stored: int) -> None:
        for request in self.on_wire[:stored]:
            self.gateway.take(request)
        self.on_wire.clear()
        assert self.spool.rewind(self.gateway.number)

    @invariant()
    def flushed_means_stored(self) -> None:
        for barrier, counts in self.barriers:
            if barrier.passed:
                assert all(len(self.gateway.lines.get(key, [])) >= count for key, count in counts.items())

    def teardown(self) -> None:
        self.credit = 100
        self.reconnect(0)
        while (request := self.spool.next_request(100)) is not None:
            self.gateway.take(request)
            self.spool.acknowledge(self.gateway.number)
        assert self.spool.is_empty
        assert self.spool.bytes_waiting == self.spool.lines_waiting == self.spool.lines_in_flight == 0
        assert all(barrier.passed for barrier, _ in self.barriers)
        assert {key: value for key, value in self.gateway.lines.items() if value} == self.given


TestSpooling = Spooling.TestCase
TestSpooling.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=80))
@settings(max_examples=50, deadline=None)
def test_dropped_and_delivered_lines_add_up(sizes: list[int]) -> None:
    """Every line that is not delivered is counted in the log, and the memory stays within its limit."""
    limits = ProducerLimits(spool_bytes_max=65536, batch_lines_max=5)
    spool = MemorySpool(limits)
    for index, size in enumerate(sizes):
        spool.drop_oldest(size)
        add(spool, f"{index}".ljust(size), now=index * 1.0)
        assert spool.bytes_waiting <= limits.spool_bytes_max

    delivered = dropped = 0
    while (request := spool.next_request(100)) is not None:
        for line in logs_pb2.PublishRequest.FromString(request.data).lines.lines:
            count = line.metadata.get("droppedLines")
            dropped += int(count) if count else 0
            delivered += not count
        spool.acknowledge(request.number)

    assert delivered + dropped == len(sizes)
