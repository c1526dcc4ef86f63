from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from otto_logs import LogProducer, NotDeliveredError, ProducerLimits, Tls

from gateway.ingest.server import GrpcServer
from gateway.ingest.tls import Tls as GatewayTls
from storage.journal.sqlite import SqliteJournal
from tests.support.certificates import Authority
from tests.support.commands import otto_logs
from tests.support.tokens import WordAuthenticator


@dataclass
class SecureGateway:
    """The real gateway's port, with mutual TLS."""

    address: str
    authority: Authority
    journal: SqliteJournal


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[SecureGateway]:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("localhost")
    journal = await SqliteJournal.open(tmp_path / "journal.db", durability="process")
    tls = GatewayTls.from_files(certificate, key, authority.certificate)
    server = GrpcServer(journal, WordAuthenticator(), port=0, tls=tls)
    yield SecureGateway(f"localhost:{await server.start()}", authority, journal)
    await server.stop(0.5)
    await journal.close()


async def test_both_sides_show_certificates(secure: SecureGateway) -> None:
    """With the authority and a certificate of its own, a producer gets in."""
    certificate, key = secure.authority.issue("worker")
    tls = Tls(ca_file=secure.authority.certificate, certificate_file=certificate, key_file=key)
    async with LogProducer(secure.address, tls=tls) as producer:
        await producer.log("t", "w", "line")

    assert (await secure.journal.task_state("t")).last == 1


async def test_an_unknown_gateway_gets_nothing(secure: SecureGateway, quick: ProducerLimits) -> None:
    """A certificate of an authority that was not given is not trusted; the reason is told."""
    producer = LogProducer(secure.address, tls=True, limits=quick)
    await producer.log("t", "w", "line")

    with pytest.raises(NotDeliveredError, match="has not acknowledged 1 line"):
        await producer.close(0.5)
    assert (await secure.journal.task_state("t")).last == 0


async def test_commands_take_certificates(secure: SecureGateway) -> None:
    """--ca, --certificate and --key."""
    certificate, key = secure.authority.issue("worker")
    ended = await otto_logs(
        *("send", "--task", "t", "--gateway", secure.address, "--ca", str(secure.authority.certificate)),
        *("--certificate", str(certificate), "--key", str(key)),
        input=b"one\ntwo\n",
    )

    assert ended.code == 0, ended.stderr
    assert (await secure.journal.task_state("t")).last == 2
