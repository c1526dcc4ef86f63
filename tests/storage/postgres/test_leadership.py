"""Which of several gateways leads."""

import asyncpg

from storage.postgres.leadership import Leadership
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until


async def test_one_leads_and_another_one_follows_it(postgres: PostgresServer) -> None:
    """One at a time: when the leader's connection is cut, as by a kill, and when it stops."""
    url = await postgres.add_schema()
    first, second = Leadership(url), Leadership(url)
    first.start()
    await until(first.is_leader, "the first one leads")
    second.start()
    connection = await asyncpg.connect(url)
    held = "FROM pg_locks WHERE locktype = 'advisory' AND classid = hashtext('otto leader')::oid AND granted"
    assert await connection.fetchval(f"SELECT count(*) {held} AND objid = hashtext(current_schema())::oid") == 1
    await second.close()
    second.start()
    await first.close()
    await until(second.is_leader, "the second one leads")
    assert not first.is_leader()
    first.start()
    await connection.execute(f"SELECT pg_terminate_backend(pid) {held} AND objid = hashtext(current_schema())::oid")
    await until(lambda: first.is_leader() != second.is_leader(), "one of them leads")
    await connection.close()
    await first.close()
    await second.close()


async def test_gateways_of_another_schema_have_a_leader_of_their_own(postgres: PostgresServer) -> None:
    """A database may have several journals."""
    both = [Leadership(await postgres.add_schema()) for _ in range(2)]
    for each in both:
        each.start()
    await until(lambda: all(each.is_leader() for each in both), "both lead")
    for each in both:
        await each.close()
