"""The packages of a release in empty environments, used as somebody would who has nothing else of the project."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["try_npm", "try_python"]

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
_SCRIPT = """
import { openLogStream } from 'otto-logs'
for await (const entry of openLogStream({ url: process.argv[2], taskId: 'build-7' })) console.log(entry.message)
"""


@dataclass(frozen=True, slots=True)
class _Gateway:
    url: str
    grpc_address: str


def try_python(folder: Path) -> str:
    """Install the wheels with pip, start a gateway, send a build, read it, and end the gateway.

    Raises:
        RuntimeError: any of it failed.
    """
    with tempfile.TemporaryDirectory() as place:
        venv = Path(place) / "venv"
        _run(sys.executable, "-m", "venv", str(venv))
        packages = ["otto-log-gateway[fast,otlp]", "otto-logs"]
        _run(str(venv / "bin/pip"), "install", "-q", "--find-links", str(folder.resolve()), *packages)
        with _gateway(venv / "bin", Path(place)) as gateway:
            _build(venv / "bin", gateway)
            page = _content(f"{gateway.url}/")
            lines = json.loads(_content(f"{gateway.url}/api/v1/log-streaming/logs/build-7"))["entries"]
        _require("<script" in page, "the page is not there")
        _require([line["message"] for line in lines] == ["hello"], f"these lines came back: {lines}")
        installed = json.loads(_run(str(venv / "bin/pip"), "list", "--format", "json"))
    return f"{len(installed)} packages, a line came back, the page is there"


def try_npm(folder: Path) -> str:
    """Install the npm package, and read a build with it.

    Raises:
        RuntimeError: any of it failed.
    """
    (package,) = (folder / "npm").glob("*.tgz")
    ours = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as place, _gateway(ours, Path(place)) as gateway:
        project = Path(place) / "project"
        project.mkdir()
        (project / "package.json").write_text('{"type": "module"}')
        (project / "read.js").write_text(_SCRIPT)
        _run("npm", "install", "--silent", "--no-audit", "--no-fund", str(package.resolve()), directory=project)
        _build(ours, gateway)
        output = _run("node", "read.js", gateway.url, directory=project)
        _require(output == "hello\n", f"it read {output!r}")
        return f"{len(list((project / 'node_modules').iterdir()))} packages, a line came back"


@contextlib.contextmanager
def _gateway(programs: Path, directory: Path) -> Iterator[_Gateway]:
    http, grpc = _free_port(), _free_port()
    settings = {"HTTP_PORT": str(http), "WEBSOCKET_PORT": str(http), "GRPC_PORT": str(grpc)}
    database = {"DATABASE_URL": f"sqlite:///{directory / 'otto.db'}"}
    gateway = _Gateway(f"http://127.0.0.1:{http}", f"127.0.0.1:{grpc}")
    log = directory / "gateway.log"
    with (
        log.open("wb") as sink,
        subprocess.Popen(  # noqa: S603
            [str(programs / "otto-gateway"), "serve"],
            cwd=directory,
            env=_bare_environment() | settings | database,
            stdout=sink,
            stderr=sink,
        ) as process,
    ):
        try:
            _wait_ready(gateway.url, process, log)
            yield gateway
            process.send_signal(signal.SIGTERM)
            _require(process.wait(STOP_SECONDS_MAX) == 0, f"the gateway did not end well:\n{log.read_text()}")
        finally:
            process.kill()


def _build(programs: Path, gateway: _Gateway) -> None:
    command = [str(programs / "otto-logs"), "run", "--gateway", gateway.grpc_address, "--task", "build-7"]
    _run(*command, "--", "echo", "hello")


def _wait_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            _content(f"{url}/healthz/ready")
            return
        time.sleep(0.2)
    raise RuntimeError(f"the gateway does not answer:\n{log.read_text()}")


def _content(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - our own gateway
        return str(answer.read(), "utf-8")


def _bare_environment() -> dict[str, str]:
    """Without what makes Python find the repository's packages."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "OTTO_"))
    }


def _run(*command: str, directory: Path | None = None) -> str:
    done = subprocess.run(  # noqa: S603
        command, cwd=directory, env=_bare_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise RuntimeError(otherwise)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
