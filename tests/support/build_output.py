"""Real output of build tools, as much as is asked for, and no line twice."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.programs import program

__all__ = ["OutputLine", "build_output"]

ROOT = Path(__file__).parents[2]
SITE_PACKAGES = Path(sysconfig.get_paths()["purelib"])
LINE_LENGTH_MAX = 4_000
"""Longer lines have tests of their own."""

IMPORTS = "import grpc, sqlalchemy, pydantic, socketio, alembic, playwright.sync_api, hypothesis, msgspec"


@dataclass(frozen=True, slots=True)
class OutputLine:
    """A line as a tool printed it, with the level that a worker would give it."""

    message: str
    level: str
    source: str


def build_output(count: int, scratch: Path) -> list[OutputLine]:
    """The first ``count`` distinct lines of a build on this machine: compiling, importing, listing, disassembling.

    Raises:
        RuntimeError: the machine's tools have less to say.
    """
    seen: dict[str, OutputLine] = {}
    for source, text in _outputs(scratch):
        for raw in text.split(b"\n"):
            message = raw.rstrip(b"\r").replace(b"\0", b"").decode(errors="replace")
            if message in seen or len(message) > LINE_LENGTH_MAX:
                continue
            seen[message] = OutputLine(message, _level(message), source)
            if len(seen) == count:
                return list(seen.values())
    raise RuntimeError(f"only {len(seen):,} distinct lines instead of {count:,}")


def _outputs(scratch: Path) -> Iterator[tuple[str, bytes]]:
    for command in _commands(scratch):
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        if "compileall" in command:  # it shall not touch our own cache, and the imports shall use it
            environment["PYTHONPYCACHEPREFIX"] = str(scratch / "pycache")
        finished = subprocess.run(command, cwd=ROOT, capture_output=True, env=environment, check=False)
        yield "stderr", finished.stderr
        yield "stdout", finished.stdout


def _commands(scratch: Path) -> Iterator[list[str | Path]]:
    python = sys.executable
    for source in sorted((ROOT / "benchmarks" / "native").glob("*.c")):
        yield [
            program("gcc"),
            "-v",
            "-H",
            "-g",
            "-O2",
            "-Wall",
            "-Wextra",
            "-c",
            source,
            "-o",
            scratch / f"{source.stem}.o",
        ]
    yield [python, "-X", "importtime", "-c", IMPORTS]
    yield [python, "-m", "compileall", "-f", *(ROOT / name for name in ("filters", "sessions", "storage", "gateway"))]
    yield [python, "-v", "-c", IMPORTS]
    for source in sorted((ROOT / "benchmarks" / "native").glob("*.c")):
        yield [program("gcc"), "-g", "-O2", "-Wa,-adhlns", "-c", source, "-o", scratch / f"{source.stem}.o"]
    libraries = sorted(SITE_PACKAGES.rglob("*.so"), key=lambda path: (path.stat().st_size, path.name))
    for library in libraries:
        yield ["nm", "-a", "--demangle", library]
    for library in libraries:
        yield ["objdump", "-d", "--no-show-raw-insn", library]


def _level(message: str) -> str:
    lowered = message.lower()
    for word, level in (("error", "ERROR"), ("warn", "WARN"), ("debug", "DEBUG")):
        if word in lowered:
            return level
    return "INFO"
