"""``otto-gateway`` as it is called: one sentence for what is wrong, and no traceback."""

import os
import re
import socket
import sqlite3
import subprocess
from pathlib import Path

import pytest

from tests.support.forked_process import OTTO_GATEWAY, forked
from tests.support.ports import free_port
from tests.support.waiting import WAIT_SECONDS_MAX

SECRET = "correct-horse-battery-staple-0123456789"


def environment(directory: Path, **settings: str) -> dict[str, str]:
    ports = {name: str(free_port()) for name in ("HTTP_PORT", "WEBSOCKET_PORT", "GRPC_PORT")}
    database = {"DATABASE_URL": f"sqlite:///{directory}/otto.db"}
    inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return {**inherited, **ports, **database, **settings}


def call(*arguments: str, directory: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        forked(OTTO_GATEWAY, *arguments),
        cwd=directory,
        env=environment(directory, **settings),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS_MAX,
    )


def complaint(result: subprocess.CompletedProcess[str]) -> str:
    """What it says beside its log; one sentence."""
    assert "Traceback" not in result.stderr
    lines = [line for line in result.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, result.stderr
    return lines[0]


@pytest.mark.parametrize("name", ["HTTP_PORT", "WEBSOCKET_PORT", "GRPC_PORT"])
def test_a_taken_port_is_one_sentence(name: str, tmp_path: Path) -> None:
    """It names the port and the setting, and ends with 1."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = call("serve", directory=tmp_path, **{name: port})
    assert result.returncode == 1
    assert re.search(rf"port {port} of 127.0.0.1 is taken.*{name}", complaint(result))


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("sqlite:///{}/none/otto.db", "there is no folder"),
        ("sqlite:///{}/text.db", "not an SQLite database"),
        ("mysql://db/otto", "must start with sqlite:///"),
        ("sqlite:///{}", "cannot be opened"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(url: str, text: str, tmp_path: Path) -> None:
    """It names the file and what is wrong with it."""
    (tmp_path / "text.db").write_text("this is no database, however long it is " * 100)
    result = call("serve", directory=tmp_path, DATABASE_URL=url.format(tmp_path))
    assert (result.returncode, text in complaint(result)) == (1, True), result.stderr


def test_a_locked_database_is_one_sentence(tmp_path: Path) -> None:
    """Another program that holds the write lock for good is notified of."""
    assert call("migrate", directory=tmp_path).returncode == 0
    holder = sqlite3.connect(tmp_path / "otto.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    result = call("check", directory=tmp_path)
    holder.close()
    assert (result.returncode, complaint(result)) == (
        1,
        f"otto-gateway: {tmp_path}/otto.db is locked by another program",
    )


def test_wrong_settings_are_listed(tmp_path: Path) -> None:
    """One line for each, with the name as it was written, and 2."""
    file = tmp_path / "otto.toml"
    file.write_text("max_conections = 3\n")
    result = call("serve", "--config", str(file), directory=tmp_path, GRPC_PORT="many")
    assert result.returncode == 2
    assert "did you mean max_connections?" in result.stderr
    assert "GRPC_PORT" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_prints_the_settings_without_secrets(tmp_path: Path) -> None:
    """What is set is marked, secrets are hidden, and nothing was made."""
    result = call("check", directory=tmp_path, JWT_SECRET=SECRET, MAX_CONNECTIONS="5")
    assert (result.returncode, result.stderr) == (0, "")
    assert {"* JWT_SECRET=***", "* MAX_CONNECTIONS=5", "  BUFFER_SIZE=1000"} <= set(result.stdout.splitlines())
    assert SECRET not in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_check_names_everything_that_is_wrong(tmp_path: Path) -> None:
    """A taken port and a missing folder are found in one go."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        result = call("check", directory=tmp_path, HTTP_PORT=port, DATABASE_URL=f"sqlite:///{tmp_path}/none/otto.db")
    assert result.returncode == 1
    assert f"port {port}" in result.stderr
    assert "there is no folder" in result.stderr


def test_check_warns_of_a_gateway_that_is_open(tmp_path: Path) -> None:
    """HOST without credentials is allowed, and said aloud."""
    result = call("check", directory=tmp_path, HOST="0.0.0.0")
    assert result.returncode == 0
    assert "whoever can reach the gateway" in complaint(result)


@pytest.mark.parametrize(("mode", "warns"), [(0o600, False), (0o644, True)])
def test_check_warns_of_a_database_that_everybody_may_read(tmp_path: Path, mode: int, warns: bool) -> None:
    """One sentence, and nothing is changed: a polling UI of another user may need it."""
    path = tmp_path / "otto.db"
    path.touch()
    path.chmod(mode)
    result = call("check", directory=tmp_path)
    assert (result.returncode, f"may read {path}" in result.stderr) == (0, warns)
    assert path.stat().st_mode & 0o777 == mode


def test_migrate_makes_the_tables_once(tmp_path: Path) -> None:
    """Calling it again changes nothing."""
    assert call("migrate", directory=tmp_path).returncode == 0
    again = call("migrate", directory=tmp_path)
    assert (again.returncode, "revision" in again.stdout) == (0, True)
    tables = sqlite3.connect(tmp_path / "otto.db").execute("SELECT name FROM sqlite_master").fetchall()
    assert ("job_logs",) in tables


def test_settings_lists_them_all(tmp_path: Path) -> None:
    """The reference is printed by the program that it describes."""
    result = call("settings", directory=tmp_path)
    assert "| `HEARTBEAT_INTERVAL_SECONDS` | `30` |" in result.stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [("JWT_SECRET", "short"), ("JWT_PUBLIC_KEY_FILE", "none.pem"), ("JWKS_URL", "ftp://id.example/keys")],
)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_an_unusable_credential_is_one_sentence(command: str, name: str, value: str, tmp_path: Path) -> None:
    """It is named as it was set, and no gateway runs without it."""
    result = call(command, directory=tmp_path, **{name: value})
    assert result.returncode == (2 if command == "serve" else 1)
    assert complaint(result).startswith(f"otto-gateway: {name} ")
    assert list(tmp_path.iterdir()) == []
