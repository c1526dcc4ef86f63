"""pgbouncer between a gateway and PostgreSQL."""

from pathlib import Path

import pytest

from gateway.commands.exit_codes import ExitCode
from storage.errors import DatabaseError
from storage.polling.postgres_table import PostgresPollingTable
from storage.postgres import connections
from tests.support.gateway_process import GatewayProcess
from tests.support.pgbouncer import running_pgbouncer
from tests.support.postgres_server import PostgresServer
from tests.support.psql import database_rows

pytestmark = [pytest.mark.servers, pytest.mark.slow, pytest.mark.xdist_group("postgres")]

IGNORED = ", ".join((*connections.SETTINGS, "search_path", "extra_float_digits"))
REFUSED = "cannot be used through this pooler; connect to the server itself"


@pytest.mark.parametrize(("pool_mode", "ignored"), [("transaction", ""), ("transaction", IGNORED), ("session", "")])
async def test_a_pooler_is_refused_at_the_start(
    postgres: PostgresServer, tmp_path: Path, pool_mode: str, ignored: str
) -> None:
    """In one sentence, before anything is made or taken: also where it ignores what it does not know, and where an
    administrator has given everybody the settings of a gateway.
    """
    url = await postgres.add_schema()
    schema = url.rpartition("=")[2]
    limit = connections.IDLE_SECONDS_MAX
    await postgres.execute(
        f"CREATE ROLE {schema} LOGIN; GRANT CREATE, USAGE ON SCHEMA {schema} TO {schema}; "
        f"ALTER ROLE {schema} SET idle_in_transaction_session_timeout = '{limit}'; "
        f"ALTER ROLE {schema} SET search_path = {schema}"
    )
    async with running_pgbouncer(tmp_path, postgres, pool_mode=pool_mode, ignored=ignored) as port:
        pooled = f"postgresql://{schema}@127.0.0.1:{port}/postgres?search_path={schema}"
        gateway = GatewayProcess(tmp_path / "gateway", DATABASE_URL=pooled)
        gateway.spawn()
        assert await gateway.ended() == ExitCode.FAILED
        said = gateway.log().strip().splitlines()[-1]
        assert f"PostgreSQL at 127.0.0.1:{port}/postgres {REFUSED}" in said, said
        with pytest.raises(DatabaseError, match=REFUSED):
            await PostgresPollingTable.open(pooled)
    tables = f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}'"
    assert database_rows(url, tables) == [(0,)]
