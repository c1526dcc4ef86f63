"""A PostgreSQL server of the tests' own: its data directory, its port, an unprivileged user."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any

import asyncpg

from tests.support.ports import free_port
from tests.support.programs import program
from tests.support.waiting import WAIT_SECONDS_MAX, attempts

__all__ = ["PostgresServer", "unprivileged_user"]

_SETTINGS = {
    "fsync": "off",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "max_wal_size": "256MB",
    "autovacuum": "off",
    "wal_level": "replica",
    "wal_retrieve_retry_interval": "50ms",
    "wal_receiver_status_interval": "1s",
}


class PostgresServer:
    """Started by ``start``; what is stored is not synced to the disk, unless ``durable``.

    It lets everybody in without a password, but for a role ``stranger``, which needs one.

    Args:
        is_durable: as above.
        primary: be a standby of this server, which runs; its name there is ``standby``.

    Attributes:
        port: it stays the same over restarts.
        directory: of its data and its log.
        log: what the server printed.
    """

    def __init__(self, *, is_durable: bool = False, primary: "PostgresServer | None" = None) -> None:
        self._bin = Path(program("postgres")).resolve().parent
        self._user = unprivileged_user()
        self.directory = Path(tempfile.mkdtemp(prefix="otto-postgres-"))
        self._data = self.directory / "data"
        self._process: subprocess.Popen[bytes] | None = None
        self._settings = {**_SETTINGS, "fsync": "on"} if is_durable else _SETTINGS
        self.port = free_port()
        self.log = self.directory / "log"
        if self._user is not None:
            shutil.chown(self.directory, self._user)
        if primary is None:
            self._run("initdb", "-D", str(self._data), "-U", "otto", "-E", "UTF8", "--locale=C", "-A", "trust", "-N")
            rules = self._data / "pg_hba.conf"
            rules.write_text(f"host all stranger 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        else:
            self.copy(primary)

    def __repr__(self) -> str:
        return f"<PostgresServer port={self.port} {self.directory}>"

    def url(self, schema: str = "public", *, user: str = "otto", database: str = "postgres") -> str:
        """The URL of a schema."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}?search_path={schema}"

    def copy(self, primary: "PostgresServer") -> None:
        """Become a standby of another server, with a copy of its data; to be started."""
        shutil.rmtree(self._data, ignore_errors=True)
        source = f"host=127.0.0.1 port={primary.port} user=otto application_name=standby"
        self._run("pg_basebackup", "-d", source, "-D", str(self._data), "-R", "-X", "stream", "-c", "fast", "-N")

    def promote(self) -> None:
        """Make a primary of a standby."""
        self._run("pg_ctl", "promote", "-D", str(self._data), "-w")

    async def wait_for_standby(self, *, is_required: bool = True) -> None:
        """Return once each commit waits for the standby, or none does."""
        value = "ANY 1 (standby)" if is_required else ""
        await self.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{value}'")
        await self.execute("SELECT pg_reload_conf()")
        if is_required:
            async for _ in attempts("the standby is synchronous", shown=self.log.read_text):
                if await self.value("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'"):
                    return

    def start(self) -> None:
        """Start it; ``wait_ready`` says when it answers."""
        settings = {
            **self._settings,
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self.directory),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._bin / "postgres", "-D", self._data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                **self._as_user(),
            )

    def wait_ready(self) -> None:
        """Return once it takes connections."""
        command = [self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        for _ in attempts("PostgreSQL answers", shown=self.log.read_text):
            if subprocess.run(command, check=False).returncode == 0:
                return

    async def add_schema(self) -> str:
        """A new schema; its URL."""
        name = f"test_{uuid.uuid4().hex[:12]}"
        await self.execute(f"CREATE SCHEMA {name}")
        return self.url(name)

    async def execute(self, statement: str) -> None:
        """Execute a statement as the owner of everything."""
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def value(self, query: str) -> Any:
        """The first value of a query."""
        connection = await asyncpg.connect(self.url())
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    def kill(self) -> None:
        """End it at once, as a crash does; ``start`` recovers."""
        self._stop(signal.SIGQUIT)

    def close(self) -> None:
        """End it, and remove its data; idempotent."""
        self._stop(signal.SIGQUIT)
        shutil.rmtree(self.directory, ignore_errors=True)

    def _stop(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(WAIT_SECONDS_MAX)

    def _run(self, name: str, *arguments: str) -> None:
        subprocess.run([self._bin / name, *arguments], check=True, capture_output=True, cwd="/", **self._as_user())

    def _as_user(self) -> dict[str, object]:
        return {} if self._user is None else {"user": self._user, "extra_groups": []}


def unprivileged_user() -> str | None:
    """Who runs servers that refuse to run as root. None: the user who runs the tests."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name).pw_name
        except KeyError:
            continue
    raise RuntimeError("there is neither a user postgres nor nobody")
