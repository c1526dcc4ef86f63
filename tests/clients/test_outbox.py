import time

from otto_logs import Level, ProducerLimits, ProducerState, Source, SpoolPolicy
from otto_logs._memory_spool import MemorySpool
from otto_logs._outbox import Outbox
from otto_logs._spool import Address


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
