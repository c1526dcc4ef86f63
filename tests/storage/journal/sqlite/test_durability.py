"""What a power loss spares: an acknowledged line, where ``durability`` is ``full``."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from storage.journal.sqlite import SqliteJournal
from storage.tables import TableDatabase
from tests.support.counted_syncs import CountedSyncs
from tests.support.gateway_process import running_gateway
from tests.support.journal_items import batch
from tests.support.sqlite_connections import writing_connection
from tests.support.worker import publish

COMMITS = 12
FULL, NORMAL = 2, 1
LEVELS = pytest.mark.parametrize(("durability", "level"), [("full", FULL), ("process", NORMAL)])


def synchronous(connection: Any) -> int:
    return int(connection.execute("PRAGMA synchronous").fetchone()[0])


@LEVELS
async def test_the_connection_that_commits_waits_for_the_disk_as_was_asked(
    tmp_path: Path, durability: Literal["full", "process"], level: int
) -> None:
    """Also the one that takes its place after an error of the disk."""
    journal = await SqliteJournal.open(tmp_path / "a.db", durability=durability)
    await journal.append(batch("a"))
    first = writing_connection(journal)
    assert synchronous(first) == level
    first.close()  # the next statement is refused
    with pytest.raises(Exception, match="closed"):
        await journal.append(batch("b"))
    await journal.append(batch("c"))
    assert writing_connection(journal) is not first
    assert synchronous(writing_connection(journal)) == level
    await journal.close()


@LEVELS
def test_records_are_as_durable_as_was_asked(
    tmp_path: Path, durability: Literal["full", "process"], level: int
) -> None:
    """The connection that writes executions and batch jobs, the first one and the next."""
    database = TableDatabase(tmp_path / "a.db", create=lambda _: None, durability=durability)
    for _ in range(2):
        assert database.write(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar()) == level
        database.close()


async def test_full_is_what_nobody_has_to_ask_for(tmp_path: Path) -> None:
    """Everywhere where a durability may be given."""
    journal = await SqliteJournal.open(tmp_path / "a.db")
    assert synchronous(writing_connection(journal)) == FULL
    await journal.close()
    database = TableDatabase(tmp_path / "a.db", create=lambda _: None)
    assert database.write(lambda connection: connection.exec_driver_sql("PRAGMA synchronous").scalar()) == FULL
    database.close()


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["full", "process"])
def test_every_line_is_synchronised_before_it_is_acknowledged(tmp_path: Path, durability: str) -> None:
    """With ``full``, once for each commit at least; with ``process`` not once, but for the head of a new log."""
    syncs = CountedSyncs(tmp_path)
    arguments = (tmp_path / "a.db", durability, syncs.environment["OTTO_SYNCS"], COMMITS)
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.durable_journal", *map(str, arguments)],
        env={**os.environ, **syncs.environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    seen = json.loads(done.stdout)
    assert len(seen) == COMMITS
    if durability == "full":
        assert min(seen) >= 1
    else:
        assert seen[1:] == [0] * (COMMITS - 1)


@pytest.mark.slow
async def test_a_gateway_with_no_settings_synchronises_what_it_acknowledges(tmp_path: Path) -> None:
    """From the setting's default to the disk."""
    syncs = CountedSyncs(tmp_path)
    # The sink's checkpoints synchronise the log of the file that it writes to; here that is another one.
    elsewhere = f"sqlite:///{tmp_path / 'polling.db'}"
    async with running_gateway(tmp_path / "gateway", POLLING_DATABASE_URL=elsewhere, **syncs.environment) as gateway:
        for number in range(3):
            before = syncs.of(Path(f"{gateway.database}-wal"))
            await publish(gateway.grpc_address, "build", [f"line {number}"])
            assert syncs.of(Path(f"{gateway.database}-wal")) > before
