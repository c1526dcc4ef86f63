"""Several gateways on one database: what one has cached is compared with what the others have stored."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest

from storage.errors import DatabaseError, DiskFullError, StorageObstructedError, StorageUnavailableError
from storage.journal.interface import Committed, StreamClosed, TaskEnding
from storage.journal.postgres import PostgresJournal, schema
from storage.journal.postgres.written_rows import REMOVED
from storage.postgres import connections
from storage.postgres.connections import Link, Row
from tests.contracts.journal_contract import append, remove
from tests.support.journal_items import AT, batch, messages, number, report
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import WAIT_SECONDS_MAX, until

pytestmark = [pytest.mark.servers, pytest.mark.xdist_group("postgres")]


@pytest.fixture
async def other(url: str) -> AsyncIterator[PostgresJournal]:
    journal = await PostgresJournal.open(url)
    yield journal
    await journal.close()


async def test_a_task_changed_by_another_gateway_is_read_again(
    journal: PostgresJournal, other: PostgresJournal
) -> None:
    """Sequences continue after the other's lines, and its workers count for the end."""
    await append(journal, batch("a", worker="w1"))
    await append(other, batch("b", worker="w2"))
    await append(journal, batch("c", worker="w1"), report("COMPLETED", "w1"))
    assert (await journal.task_state("build")).ended is None
    await append(other, report("FAILED", "w2", reason="exit 1"))
    ended = (await journal.task_state("build")).ended
    assert ended is not None
    assert (ended.last, ended.status, ended.reason) == (3, "FAILED", "exit 1")
    assert await messages(other) == ["a", "b", "c"]


async def test_a_task_removed_through_another_gateway_goes_on_behind_its_numbers(
    journal: PostgresJournal, other: PostgresJournal
) -> None:
    """Also where this gateway remembers its row, or has looked before there was one."""
    await append(journal, batch("a", "b", worker="w1"), report("COMPLETED", "w1"))
    await remove(other, "build", 2)
    assert await other.forget_tasks(time.time(), copied=1 << 40) == 1
    assert (await append(journal, batch("c")))[0].first == 3
    assert (await other.task_state("build")).first == 3
    assert await messages(other, after=2) == ["c"]


async def test_a_removed_task_is_no_new_one_to_a_gateway_that_was_slow(
    journal: PostgresJournal, other: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its look and its commit the task was made, ended and removed; the commit is computed again."""
    loop, fetch = asyncio.get_running_loop(), Link.fetch

    async def live_and_end() -> None:
        await append(journal, batch("a"), report("COMPLETED"))
        await remove(journal, "build", 1)
        assert await journal.forget_tasks(time.time(), copied=1 << 40) == 1

    def looking(link: Link, query: str, *arguments: object) -> Sequence[Row]:
        rows = fetch(link, query, *arguments)
        if query == REMOVED:
            monkeypatch.setattr(Link, "fetch", fetch)
            asyncio.run_coroutine_threadsafe(live_and_end(), loop).result(WAIT_SECONDS_MAX)
        return rows

    monkeypatch.setattr(Link, "fetch", looking)
    assert (await append(other, batch("b", "c")))[0].first == 2


async def test_concurrent_writers_leave_no_hole_and_no_double(
    journal: PostgresJournal, other: PostgresJournal, lanes: int
) -> None:
    """Both write one task at once; each of them loses some races and stores all the same."""
    results = await asyncio.gather(
        *(gateway.append(batch(f"{n}", task=task)) for n in range(10) for task in "xy" for gateway in (journal, other))
    )
    assert sorted(receipt.last for receipt in results) == sorted([*range(1, 21), *range(1, 21)])
    records = await other.records(0, bytes_max=1 << 20)
    ids = [record.id for record in records]
    assert ids == sorted(set(ids))
    assert lanes > 1 or ids == list(range(1, len(ids) + 1))  # a commit that is rolled back gives its numbers up


async def test_a_number_stored_through_another_gateway_is_a_duplicate(
    journal: PostgresJournal, other: PostgresJournal
) -> None:
    """A producer that comes back elsewhere repeats itself without harm."""
    await append(journal, batch("a", producer=number(1)))
    await append(other, batch("b", producer=number(2)))
    (again,) = await append(journal, batch("b", producer=number(2)))
    assert again.duplicate
    assert await messages(journal) == ["a", "b"]


async def test_a_producer_that_comes_back_goes_on_after_what_another_gateway_stored(
    journal: PostgresJournal, other: PostgresJournal
) -> None:
    """What this gateway remembers of its numbers leaves a hole that is none."""
    await append(journal, batch("a", producer=number(1)))
    await append(other, batch("b", producer=number(2)))
    await append(journal, batch("c", producer=number(3)))
    assert await messages(journal) == ["a", "b", "c"]
    with pytest.raises(StorageUnavailableError, match="5 was not stored because 4 was not"):
        await journal.append(batch("e", producer=number(5)))


async def test_an_end_after_lines_of_another_gateway_is_stored(
    journal: PostgresJournal, other: PostgresJournal
) -> None:
    """Also where this gateway remembers that the task has ended, before they opened it again."""
    await append(journal, batch("a"), TaskEnding("build", failed=False, timestamp=AT))
    await append(other, batch("b"))
    await append(journal, TaskEnding("build", failed=True, timestamp=AT))
    ended = (await other.task_state("build")).ended
    assert ended is not None
    assert (ended.last, ended.status) == (2, "FAILED")


async def test_a_closed_stream_ends_a_task_by_reports_that_another_gateway_took(
    journal: PostgresJournal, other: PostgresJournal
) -> None:
    """What this gateway remembers of the workers is looked up again."""
    await append(journal, batch("a", worker="w1"), batch("b", worker="w2"))
    await append(other, report("COMPLETED", "w1"), report("COMPLETED", "w2"))
    await append(other, batch("late", worker="w2"))
    await append(journal, StreamClosed("build"))
    assert (await other.task_state("build")).ended is not None


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_commit_whose_answer_is_lost_is_looked_for(
    url: str, lanes: int, monkeypatch: pytest.MonkeyPatch, *, is_stored: bool
) -> None:
    """The gateway's commit number says exactly whether it is stored; it is stored once either way."""
    journal = await PostgresJournal.open(url, retry_seconds_max=60, lanes=lanes)
    await append(journal, batch("a"))
    heard: list[Committed] = []
    journal.set_commit_listener(heard.append)
    fetch, cut = Link.fetch, []

    def cutting(link: Link, query: str, *arguments: object) -> object:
        if "journal_commit" not in query or cut:
            return fetch(link, query, *arguments)
        cut.append(query)
        if is_stored:
            fetch(link, query, *arguments)
        link.drop()
        raise ConnectionResetError("cut")

    monkeypatch.setattr(Link, "fetch", cutting)
    (receipt,) = await append(journal, batch("b"))
    assert (receipt.first, receipt.last) == (2, 2)
    assert [block.first for committed in heard for block in committed.blocks] == [2]
    assert await messages(journal) == ["a", "b"]
    await append(journal, batch("c"))
    assert await messages(journal) == ["a", "b", "c"]
    await journal.close()


async def test_what_others_commit_is_published_for_watched_tasks(
    journal: PostgresJournal, other: PostgresJournal
) -> None:
    """Lines and ends, in order; what nobody watches is passed over, and own commits are not published again."""
    heard: list[Committed] = []
    journal.follow(heard.append, lambda: ["build"])
    await append(journal, batch("own"))
    await append(other, batch("x", task="unwatched"), batch("a"))
    await append(other, batch("b"), report("COMPLETED"))
    other.follow(lambda _: None, list)
    await until(lambda: any(committed.ended for committed in heard), "the end has come")
    blocks = [block for committed in heard for block in committed.blocks if block.first > 1]
    assert {block.task_id for block in blocks} == {"build"}
    assert [entry.message for block in blocks for entry in block.entries()] == ["a", "b"]
    await until(lambda: journal.follower_statistics.position == journal.statistics.last_record, "it has caught up")
    await until(lambda: journal.figures["role"], "the server was asked")
    figures = {"lag": 0, "listening": True, "role": "primary", "standbys": 0, "synchronous": False}
    assert figures.items() <= journal.figures.items()


async def test_gateways_with_one_name_store_each_line_once(
    journal: PostgresJournal, other: PostgresJournal, caplog: pytest.LogCaptureFixture
) -> None:
    """As of a machine that was copied while it ran: the one whose turn it is not draws another name, and says so."""
    await append(journal, batch("a"))
    for mine, theirs in zip(journal._writers, other._writers, strict=True):
        if mine._number:
            theirs._gateway, theirs._number, theirs._is_registered = mine._gateway, mine._number, True
    for turn in range(3):
        await append(journal, batch(f"{turn} here"))
        await append(other, batch(f"{turn} there"))
    assert await messages(journal) == ["a", *(f"{n} {where}" for n in range(3) for where in ("here", "there"))]
    assert [each.message for each in caplog.records if "another name" in each.message]


async def test_a_gateway_that_was_forgotten_stores_lines(journal: PostgresJournal, url: str) -> None:
    """One that has stored nothing for days has no row any more."""
    await append(journal, batch("a"))
    link = await asyncpg.connect(url)
    await link.execute("DELETE FROM journal_gateways")
    await link.close()
    await append(journal, batch("b"))
    assert await messages(journal) == ["a", "b"]


async def test_another_timeline_begins_a_new_epoch(journal: PostgresJournal, url: str) -> None:
    """A promoted or restored database is another life; where it began is noted, and what is there stays."""
    await append(journal, batch("a"))
    link = await asyncpg.connect(url)
    await link.execute("UPDATE journal_lives SET timeline = 'FFFFFFFF'")
    await link.close()
    after = await PostgresJournal.open(url)
    assert after.epoch != journal.epoch
    assert [(life.epoch, life.record) for life in after.lineage] == [(journal.epoch, 1)]
    with pytest.raises(StorageUnavailableError, match="another life"):
        await journal.append(batch("late"))
    await append(journal, batch("b"))  # it has looked which life it is
    assert journal.epoch == after.epoch
    assert await messages(after) == ["a", "b"]
    await after.close()


async def test_tasks_are_listed_by_activity(journal: PostgresJournal) -> None:
    """As it was when a record was the newest: what is stored later changes neither order nor ends of lines."""
    for task in ("a", "b", "c"):
        await append(journal, batch("1", task=task))
    await append(journal, report("COMPLETED", task="b"))
    snapshot = journal.newest_record
    await append(journal, batch("2", task="a"), batch("1", task="d"))
    tasks = await journal.newest_tasks(snapshot + 1, snapshot, count_max=10)
    assert [(task.task_id, task.last, task.status) for task in tasks] == [
        ("c", 1, "RUNNING"),
        ("b", 1, "COMPLETED"),
        ("a", 1, "RUNNING"),
    ]
    below = await journal.newest_tasks(tasks[0].record, snapshot, status="RUNNING", count_max=1)
    assert [task.task_id for task in below] == ["a"]
    assert await journal.count_tasks(status="RUNNING", count_max=2) == 2
    assert await journal.count_tasks(count_max=10) == 4
    (overview,) = await journal.overviews(["b"], workers_max=5)
    assert (overview.state.last, overview.worker_count) == (1, len(overview.workers))
    assert "COMPLETED" in [worker.status for worker in (await journal.worker_records(["b"], count_max=5))[0]]


async def test_the_first_commit_of_a_day_makes_its_partition(journal: PostgresJournal, url: str) -> None:
    """Where nothing else has made it before."""
    link = await asyncpg.connect(url)
    for (name,) in await link.fetch(
        "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = "
        "inhparent WHERE c.oid = 'journal_records'::regclass"
    ):
        await link.execute(f"DROP TABLE {name}")
    await link.close()
    await append(journal, batch("a"))
    assert await messages(journal) == ["a"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"user": "nobody_here"}, "not let this user in|refuses the user"),
        ({"database": "missing"}, "has no such database"),
        ({"user": "reader"}, "rights that are needed"),
        ({"user": "stranger"}, "refuses the user or the password"),
    ],
)
async def test_a_start_that_cannot_succeed_says_why(
    postgres: PostgresServer, change: dict[str, str], text: str
) -> None:
    """In one sentence that names the server, without waiting."""
    for role in ("reader", "stranger"):
        await postgres.execute(f"DO $$ BEGIN CREATE ROLE {role} LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    with pytest.raises(DatabaseError, match=text) as raised:
        await PostgresJournal.open(postgres.url(**change), on_wait=lambda _: None)
    assert str(raised.value).startswith(f"PostgreSQL at 127.0.0.1:{postgres.port}/")


async def test_a_database_that_cannot_be_written_is_no_journal(postgres: PostgresServer) -> None:
    """A standby, or what looks like one; it may become a primary, and is waited for."""
    await postgres.execute("DO $$ BEGIN CREATE ROLE cautious LOGIN; EXCEPTION WHEN duplicate_object THEN END $$")
    await postgres.execute("ALTER ROLE cautious SET default_transaction_read_only = on")
    with pytest.raises(StorageObstructedError, match="is a read-only standby"):
        await PostgresJournal.open(postgres.url(user="cautious"))


async def test_an_ordinary_role_is_enough(postgres: PostgresServer, url: str) -> None:
    """One that may create tables in its schema, and nothing else."""
    schema = url.rpartition("=")[2]
    await postgres.execute(f"CREATE ROLE {schema} LOGIN; GRANT CREATE, USAGE ON SCHEMA {schema} TO {schema}")
    journal = await PostgresJournal.open(postgres.url(schema, user=schema))
    assert (await append(journal, batch("a")))[0].last == 1
    await journal.close()


@pytest.mark.parametrize("url", ["postgresql://host:port/otto", "postgresql://host:99999/otto", "postgresql://[::1/x"])
async def test_a_url_that_cannot_be_read_is_said(url: str) -> None:
    """In one sentence, before anything is connected."""
    with pytest.raises(DatabaseError, match="the database URL cannot be read: "):
        await PostgresJournal.open(url)


async def test_a_server_that_is_too_old_is_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its version and the one that is needed."""
    monkeypatch.setattr(schema, "SERVER_VERSION_MIN", 99)
    with pytest.raises(DatabaseError, match=r"is version \d+; 99 or newer is needed"):
        await PostgresJournal.open(url)


async def test_limits_of_an_administrator_do_not_cut_commits_off(postgres: PostgresServer, url: str) -> None:
    """A role's own time-out, or commits that do not wait for the disk, are not those of a gateway."""
    schema_name = url.rpartition("=")[2]
    await postgres.execute(
        f"CREATE ROLE {schema_name} LOGIN; GRANT CREATE, USAGE ON SCHEMA {schema_name} TO {schema_name}; "
        f"ALTER ROLE {schema_name} SET statement_timeout = 1; ALTER ROLE {schema_name} SET synchronous_commit = off"
    )
    journal = await PostgresJournal.open(postgres.url(schema_name, user=schema_name))
    psql = await asyncpg.connect(url)
    await psql.execute(
        f"CREATE TABLE seen (sync text, seconds text); GRANT INSERT ON seen TO {schema_name}; "
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES "
        "(current_setting('synchronous_commit'), current_setting('statement_timeout')); RETURN NULL; END $$; "
        "CREATE TRIGGER note AFTER INSERT ON journal_records EXECUTE FUNCTION note()"
    )
    assert (await append(journal, batch("a")))[0].last == 1
    assert [tuple(row) for row in await psql.fetch("SELECT * FROM seen")] == [("on", "0")]
    await psql.close()
    await journal.close()


async def test_a_lane_that_somebody_has_locked_is_said(
    journal: PostgresJournal, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction left open in psql; lines wait as long as they may, and are stored once it ends."""
    monkeypatch.setitem(connections.SETTINGS, "lock_timeout", "20ms")
    psql = await asyncpg.connect(url)
    await psql.execute("BEGIN; SELECT 1 FROM journal_lanes FOR UPDATE")
    with pytest.raises(StorageObstructedError, match="another session has locked a lane"):
        await journal.append(batch("a"))
    await psql.execute("ROLLBACK")
    await psql.close()
    assert (await append(journal, batch("a")))[0].last == 1


async def test_a_full_disk_of_the_server_is_said(journal: PostgresJournal, url: str) -> None:
    """As that, and lines are stored again when there is room."""
    link = await asyncpg.connect(url)
    await link.execute(
        "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$; "
        "CREATE TRIGGER no_room BEFORE INSERT ON journal_records FOR EACH ROW EXECUTE FUNCTION no_room()"
    )
    with pytest.raises(DiskFullError, match="its disk is full"):
        await journal.append(batch("a"))
    assert journal.statistics.is_disk_full
    await link.execute("DROP TRIGGER no_room ON journal_records")
    await link.close()
    assert (await append(journal, batch("a")))[0].last == 1
    assert not journal.statistics.is_disk_full


async def test_a_database_that_is_not_there_yet_is_waited_for(postgres: PostgresServer, url: str) -> None:
    """The reason is said once; the start continues when the server is there."""
    reasons: list[str] = []
    postgres.kill()
    opening = asyncio.create_task(PostgresJournal.open(url, on_wait=reasons.append))
    await until(lambda: reasons, "it waits")
    postgres.start()
    journal = await opening
    assert "cannot be reached" in reasons[0]
    assert (await append(journal, batch("a")))[0].last == 1
    await journal.close()


async def test_a_host_that_does_not_answer_does_not_hide_the_next(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each server has its share of the time; the one that could be written comes first from then on."""
    monkeypatch.setattr(connections, "CONNECT_SECONDS_MAX", 2.0)
    asked: list[object] = []
    silent = await asyncio.start_server(lambda *streams: asked.append(streams), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = f"postgresql://otto@127.0.0.1:{port},127.0.0.1:{postgres.port}/postgres"
    for _ in range(2):
        connection = await connections.connect(url)
        assert await connection.fetchval("SELECT NOT pg_is_in_recovery()")
        await connection.close()
    assert len(asked) == 1
    for _, writer in asked:  # type: ignore[misc]
        writer.close()
    silent.close()
