import asyncio
import logging
import subprocess
import sys
from collections.abc import Callable, Iterator

import grpc
import pytest
from otto_logs import Level, OttoHandler, ProducerLimits, SyncLogProducer

from tests.support.ingest_peer import IngestPeer, Script


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.handler")
    logger.setLevel(1)
    logger.propagate = False
    yield logger
    logger.handlers.clear()


async def logged(logger: logging.Logger, handler: OttoHandler, work: Callable[[], None]) -> None:
    """Log from another thread, as the peer lives on this one, then close the handler."""
    logger.addHandler(handler)
    await asyncio.to_thread(work)
    await asyncio.to_thread(handler.close)


async def test_a_record_becomes_a_line(peer: IngestPeer, logger: logging.Logger) -> None:
    """With its level, time, logger, thread and exception."""
    handler = OttoHandler("t", "w", gateway=peer.address)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))

    def work() -> None:
        logger.warning("disk %d%% full", 91)
        try:
            raise ValueError("broken")
        except ValueError:
            logger.exception("it failed")

    await logged(logger, handler, work)

    warning, error = (line for request in peer.stored("lines") for line in request.lines.lines)
    assert (warning.message, warning.level) == (b"WARNING disk 91% full", Level.WARN)
    assert warning.metadata["logger"] == "tests.handler"
    assert warning.metadata["thread"]
    assert error.message.startswith(b"ERROR it failed\nTraceback")
    assert (error.level, error.metadata["exception"]) == (Level.ERROR, "ValueError")


@pytest.mark.parametrize(
    ("number", "level"),
    [(5, Level.TRACE), (10, Level.DEBUG), (25, Level.INFO), (30, Level.WARN), (45, Level.ERROR), (99, Level.FATAL)],
)
async def test_levels_are_mapped_downwards(peer: IngestPeer, logger: logging.Logger, number: int, level: Level) -> None:
    """A level between two standard ones counts as the lower."""
    await logged(logger, OttoHandler("t", gateway=peer.address), lambda: logger.log(number, "text"))

    assert peer.requests[0].lines.lines[0].level == level


async def test_a_record_that_cannot_be_formatted_stays_here(
    peer: IngestPeer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Logging reports it on stderr as it always does; the program continues."""
    handler = OttoHandler("t", gateway=peer.address)
    record = logging.LogRecord("program", logging.INFO, __file__, 1, "%d", ("no number",), None)

    handler.handle(record)
    await asyncio.to_thread(handler.close)

    assert "Logging error" in capsys.readouterr().err
    assert peer.lines() == []


async def test_a_refusal_is_said_once(
    peer: IngestPeer, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    """A gateway that does not want us costs one line on stderr, however much is logged."""
    peer.scripts.append(Script(refuse=(grpc.StatusCode.PERMISSION_DENIED, "not yours")))
    handler = OttoHandler("t", gateway=peer.address)

    def work() -> None:
        logger.info("first")
        handler.flush()
        logger.info("second")
        logger.info("third")

    await logged(logger, handler, work)

    assert capsys.readouterr().err.count("not yours") == 1


def test_a_gateway_that_is_away_does_not_hold_up_the_program(logger: logging.Logger) -> None:
    """However much is logged, nothing waits, and the memory stays within its limit."""
    limits = ProducerLimits(spool_bytes_max=65536)
    with_own = SyncLogProducer("127.0.0.1:1", policy="drop_oldest", limits=limits, on_problem=lambda _: None)
    handler = OttoHandler("t", producer=with_own)
    logger.addHandler(handler)
    for index in range(2_000):
        logger.info("%01000d", index)

    statistics = handler.producer.statistics
    assert statistics.bytes_waiting <= limits.spool_bytes_max
    assert statistics.lines_dropped > 1_000
    handler.close()  # the producer is not its own, and stays open
    with_own.log("t", "w", "still open")
    with pytest.raises(Exception, match="has not acknowledged"):
        with_own.close(0)


async def test_its_own_reports_are_not_sent(peer: IngestPeer, quick: ProducerLimits) -> None:
    """The producer logs that it has lost the gateway; on the root logger, that must not feed itself."""
    peer.scripts.append(Script(cut_before=1))
    root = logging.getLogger()
    handler = OttoHandler("t", gateway=peer.address, limits=quick)
    await logged(root, handler, lambda: logging.getLogger("program").warning("line"))
    root.removeHandler(handler)

    assert peer.lines() == ["line"]


async def test_a_program_that_ends_has_sent_its_records(peer: IngestPeer) -> None:
    """`logging.shutdown`, at exit, delivers what is pending."""
    code = """
import logging, sys
from otto_logs import OttoHandler
logging.basicConfig(level="INFO", format="%(message)s", handlers=[OttoHandler("t", "w", gateway=sys.argv[1])])
for index in range(100): logging.info("%d", index)
"""
    ended = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", code, peer.address],
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert peer.lines() == [str(index) for index in range(100)]
