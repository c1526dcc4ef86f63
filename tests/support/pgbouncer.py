"""pgbouncer before a PostgreSQL server of the tests, on a port of its own, as an unprivileged user."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from tests.support.ports import free_port
from tests.support.postgres_server import PostgresServer, unprivileged_user
from tests.support.programs import program, running_program

__all__ = ["running_pgbouncer"]

_CONFIGURATION = """
[databases]
* = host=127.0.0.1 port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = {pool_mode}
default_pool_size = 2
ignore_startup_parameters = {ignored}
"""


@contextlib.asynccontextmanager
async def running_pgbouncer(
    directory: Path, server: PostgresServer, *, pool_mode: str = "transaction", ignored: str = ""
) -> AsyncIterator[int]:
    """Start it; its port.

    Args:
        directory: for its configuration and its log.
        server: whose connections are shared out.
        pool_mode: when another client may have a connection: after a ``transaction``, or after a ``session``.
        ignored: settings that clients may ask for in vain; what it does not know is refused otherwise.
    """
    port = free_port()
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        _CONFIGURATION.format(server_port=server.port, port=port, pool_mode=pool_mode, ignored=ignored)
    )
    command = [program("pgbouncer"), str(configuration)]
    user = unprivileged_user()
    if user is not None:  # it refuses to run as root
        command[1:1] = ["--user", user]
    async with running_program(command, directory, ready_port=port):
        yield port
