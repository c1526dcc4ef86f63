import queue
import threading
import time

from otto.logs.v1 import logs_pb2
from otto_logs import Level, ProducerLimits, ProducerState, Source, SpoolPolicy
from otto_logs._memory_spool import MemorySpool
from otto_logs._outbox import Outbox
from otto_logs._spool import Address

from tests.support.waiting import WAIT_SECONDS_MAX


def accept(outbox: Outbox) -> bool:
    return outbox.try_line(Address("t", "w"), b"." * 900, time.time_ns(), Level.INFO, Source.STDOUT, None)


def test_a_gateway_that_was_there_is_there_until_something_fails() -> None:
    """Between the connection for leftovers and its own, a producer that waits for its gateway continues waiting."""
    limits = ProducerLimits(spool_bytes_max=65_536)
    outbox = Outbox(MemorySpool(limits), SpoolPolicy.BLOCK_WHILE_CONNECTED, limits)
    outbox.follow(ProducerState.CONNECTED, "")
    while accept(outbox):
        pass
    outbox.open_stream()
    assert outbox.statistics.state is ProducerState.CONNECTING
    assert not outbox.wait_changed(lambda: accept(outbox), timeout_seconds=0)

    outbox.away("connection refused")
    assert outbox.wait_changed(lambda: accept(outbox), timeout_seconds=0)
    assert outbox.statistics.lines_dropped > 0


def test_lines_gather_only_while_something_is_unacknowledged() -> None:
    """The first line goes at once; those behind it share a request, which goes with the answer or after the linger."""
    limits = ProducerLimits(linger_seconds=3_600)
    outbox = Outbox(MemorySpool(limits), SpoolPolicy.BLOCK, limits)
    stream = outbox.open_stream()
    outbox.greet(logs_pb2.PublishResponse(credit_lines=100))
    accept(outbox)
    assert lines_of(outbox.next_request(stream)) == 1
    accept(outbox)
    accept(outbox)
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    sender = threading.Thread(target=lambda: waiting.put(outbox.next_request(stream)))
    sender.start()
    assert waiting.empty()
    outbox.answer(logs_pb2.PublishResponse(acknowledged_number=1, credit_lines=100))
    sender.join(WAIT_SECONDS_MAX)
    assert lines_of(waiting.get(timeout=WAIT_SECONDS_MAX)) == 2


def lines_of(request: bytes | None) -> int:
    assert request is not None
    return len(logs_pb2.PublishRequest.FromString(request).lines.lines)
