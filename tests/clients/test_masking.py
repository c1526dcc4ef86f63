import asyncio
import base64
import logging
import sys
import threading
from pathlib import Path

import pytest
from otto.logs.v1 import logs_pb2
from otto_logs import Level, LogProducer, NotDeliveredError, ProducerLimits, Source, SyncLogProducer, WorkerStatus
from otto_logs._masked_spool import masked_spool
from otto_logs._memory_spool import MemorySpool
from otto_logs._secrets import secrets_of
from otto_logs._spool import Address, SpoolUnwritableError

from tests.support.commands import otto_logs
from tests.support.ingest_peer import IngestPeer
from tests.support.waiting import time_limit

SECRET = "hunter-2-secret"


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", SECRET)


def messages(peer: IngestPeer) -> list[str]:
    return peer.lines()


def test_variables_are_known_by_their_names() -> None:
    """The last pattern that matches counts; an empty value is none."""
    environment = {
        "A_TOKEN": "1",
        "A_KEY": "2",
        "PATH": "3",
        "B_TOKEN": "",
        "DSN": "4",
        "OTTO_LOGS_MASK_ENV": "PATH,!A_*",
    }
    assert dict(secrets_of(environment)) == {"PATH": "3"}
    assert dict(secrets_of(environment, ["DSN"])) == {"A_TOKEN": "1", "A_KEY": "2", "DSN": "4"}


async def test_a_producer_masks_what_its_environment_calls_a_secret(peer: IngestPeer) -> None:
    """In lines, metadata and reports, as it is and encoded."""
    async with LogProducer(peer.address) as producer:
        encoded = base64.b64encode(f"user:{SECRET}".encode()).decode()
        await producer.log("t", "w", f"curl -H 'Basic {encoded}'", metadata={"url": f"https://{SECRET}@x"})
        await producer.report_status("t", "w", WorkerStatus.FAILED, f"{SECRET} is wrong", {"command": f"x {SECRET}"})
        await producer.end_task("t", reason=SECRET)

    sent = b"".join(request.SerializeToString() for request in peer.requests)
    assert SECRET.encode() not in sent
    assert encoded[8:-4].encode() not in sent
    (line,) = peer.stored("lines")[0].lines.lines
    assert line.message.startswith(b"curl -H 'Basic ")
    assert line.metadata["url"] == "https://***@x"
    report = peer.stored("worker_status")[0].worker_status
    assert (report.reason, report.metadata["command"]) == ("*** is wrong", "x ***")


async def test_each_line_of_a_secret_is_masked(peer: IngestPeer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a key in a variable; lines that are too short to be found stay."""
    monkeypatch.setenv("SIGNING_KEY", "-----BEGIN\nfirst-line\n==\nlast-line")
    async with LogProducer(peer.address) as producer:
        for text in ("a last-line", "b ==", "c first-line\\n==\\nlast-line"):
            await producer.log("t", "w", text)

    assert messages(peer) == ["a ***", "b ==", "c ***\\n==\\n***"]


async def test_a_secret_over_lines_is_masked_and_the_order_kept(peer: IngestPeer) -> None:
    """A line that may begin a secret waits for the next; a report behind it does not overtake it."""
    async with LogProducer(peer.address) as producer:
        for text in ("a hunter", "-2-secret b", "c hunt"):
            await producer.log("t", "w", text)
        await producer.report_status("t", "w", WorkerStatus.COMPLETED)

    assert messages(peer) == ["a ***", "*** b", "c hunt"]
    assert peer.requests[-1].HasField("worker_status")


async def test_a_held_line_goes_when_nothing_follows(peer: IngestPeer) -> None:
    """After a moment, without a further line, flush or end."""
    async with LogProducer(peer.address) as producer:
        await producer.log("t", "w", "Password: h")
        await peer.until(lambda: messages(peer) == ["Password: h"])


async def test_no_secret_touches_the_disk(peer: IngestPeer, tmp_path: Path) -> None:
    """The files of a spool whose gateway is away have masks in the secrets' places."""
    producer = LogProducer("127.0.0.1:1", spool_directory=tmp_path, limits=ProducerLimits(spool_bytes_max=65_536))
    for number in range(200):
        await producer.log("t", "w", f"line {number} hunter")
        await producer.log("t", "w", f"-2-secret {SECRET}")
    with pytest.raises(NotDeliveredError):
        await producer.close(0)

    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"***" in written
    assert SECRET.encode() not in written
    assert b"-2-secret" not in written


async def test_a_value_that_cannot_be_masked_is_said_and_not_shown(
    peer: IngestPeer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A short one in the environment is a warning, one that the program gives an error."""
    monkeypatch.setenv("DB_PASSWORD", "12345")
    with caplog.at_level(logging.WARNING, "otto_logs"):
        producer = SyncLogProducer(peer.address)
    with pytest.raises(ValueError, match="fewer than 6 characters"):
        producer.mask("54321")
    await asyncio.to_thread(producer.close)
    assert "DB_PASSWORD" in caplog.text
    assert "12345" not in caplog.text


def test_a_spool_that_takes_nothing_gets_each_line_once_when_it_can() -> None:
    """A line is read once, however often it is tried to keep it."""

    class Unwritable(MemorySpool):
        is_full = True

        def append_line(self, *arguments: object, **options: object) -> None:
            if self.is_full:
                raise SpoolUnwritableError
            super().append_line(*arguments, **options)  # type: ignore[arg-type]

    inner = Unwritable(ProducerLimits())
    spool = masked_spool(inner, [SECRET], threading.Condition())
    line = (Address("t", "w"), b"x hunter-2-secret", 1, Level.INFO, Source.STDOUT, None, 0.0)
    spool.append_line(*line)
    with pytest.raises(SpoolUnwritableError):
        spool.append_line(*line)
    assert (spool.lines_waiting, spool.is_empty) == (1, False)
    inner.is_full = False
    spool.append_line(*line)
    request = spool.next_request(10)
    assert request is not None
    lines = logs_pb2.PublishRequest.FromString(request.data).lines.lines
    assert [each.message for each in lines] == [b"x ***", b"x ***"]


async def test_run_masks_by_name_by_file_and_on_request(peer: IngestPeer, tmp_path: Path) -> None:
    """What it learns while it runs, too; of what is too short it says so."""
    file = tmp_path / "secrets"
    file.write_text("first-secret\n123\n")
    mask = f"{sys.executable} -m otto_logs mask"
    script = f"echo $DEPLOY_TOKEN $MINE first-secret; {mask} learnt-secret; echo learnt-secret; echo fourth | {mask}"
    script += "; echo fourth; " + mask + " 123; echo ended $?"
    environment = {"DEPLOY_TOKEN": SECRET, "MINE": "my-secret", "SHORT_KEY": "abc"}
    options = ("--task", "t", "--mask-env", "MINE", "--mask-file", str(file), "--quiet")
    async with time_limit("it ends"):
        ended = await otto_logs(
            "run", "--gateway", peer.address, *options, "--", "sh", "-c", script, environment=environment
        )

    stdout = [line for line in messages(peer) if not line.startswith("otto-logs")]
    assert stdout == ["*** *** ***", "***", "***", "ended 3"]
    assert "not masked: the value of SHORT_KEY, because it has fewer than 6 characters" in ended.stderr
    assert f"not masked: line 2 of {file}" in ended.stderr
    command = peer.stored("worker_status")[0].worker_status.metadata["command"]
    assert "first-secret" not in command


async def test_mask_outside_of_a_run_says_so() -> None:
    """There is nobody who would mask it."""
    ended = await asyncio.wait_for(otto_logs("mask", SECRET), 60)
    assert (ended.code, "not within" in ended.stderr) == (2, True)
