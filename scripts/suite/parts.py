"""What ``make check``, ``make test-fast`` and ``make test`` consist of."""

import os
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

__all__ = ["ROOT", "Part", "parts"]

ROOT: Final = Path(__file__).resolve().parents[2]
WORKERS: Final = "4"
"""More than cores: most tests wait for sockets and processes."""
FAST: Final = (
    *("filters", "sessions", "storage", "components", "scripts"),
    *("gateway/auth", "gateway/engine_io", "gateway/settings"),
)
"""Where the tests of the inner loop are: those that stay within pytest's own processes and start no gateway there."""
FAST_IGNORED: Final = "tests/components/*/test_routes.py"
"""What of it starts gateways all the same."""
FAST_MARKERS: Final = (
    "not browser and not node and not servers and not slow"
    " and not demonstration and not readers and not automation_faults"
)
"""The last three are left out by default, too, but an expression on the command line takes the default's place."""

Report = Literal["", "pytest", "vitest"]


@dataclass(frozen=True, slots=True)
class Part:
    """One command; ``report`` is which program writes down its tests, empty if there are none.

    ``command`` is relative to ``directory``, and that to the root.
    """

    name: str
    command: tuple[str, ...]
    directory: str = "."
    report: Report = ""

    def repeat(self, *arguments: str) -> str:
        """What runs it again, to be typed in the root: all of it, or just the given tests of it."""
        command = shlex.join([*self.command, *(["--"] if arguments and self.report == "vitest" else []), *arguments])
        if self.command[0] == "npm" and (ROOT / ".venv/bin/npm").exists():
            command = f'PATH="$PWD/.venv/bin:$PATH" {command}'
        return command if self.directory == "." else f"(cd {self.directory} && {command})"


def parts(name: str, environment: Mapping[str, str] = os.environ) -> list[Part]:
    """The parts of ``check``, ``fast`` or ``test``, in their order.

    Args:
        name: one of the three.
        environment: ``TEST_WORKERS`` is how many pytest starts, ``TESTS`` which tests, paths with blanks between them.
    """
    javascript = [
        Part("js-tests", ("npm", "test", "--silent", "--prefix", "clients/js"), report="vitest"),
        Part("viewer-tests", ("npm", "test", "--silent", "--prefix", "clients/viewer"), report="vitest"),
    ]
    tests = shlex.split(environment.get("TESTS", ""))
    if name == "check":
        return _checks()
    if name == "fast":
        python = _pytest(environment.get("TEST_WORKERS", "2"), tests or [f"tests/{name}" for name in FAST])
        options = ("-m", FAST_MARKERS, f"--ignore-glob={FAST_IGNORED}", "--hypothesis-profile=fast")
        return [*javascript, Part("pytest", (*python, *options), report="pytest")]
    if name == "test":
        python = _pytest(environment.get("TEST_WORKERS", WORKERS), tests or ["tests"])
        return [*_checks(), *javascript, Part("pytest", python, report="pytest")]
    raise ValueError(f"no such parts: {name!r}")


def _pytest(workers: str, tests: list[str]) -> tuple[str, ...]:
    return ".venv/bin/pytest", "-n", workers, "--dist", "loadgroup", *tests


def _checks() -> list[Part]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return [
        Part("format", (".venv/bin/ruff", "format", "--check", ".")),
        Part("lint", (".venv/bin/ruff", "check", ".")),
        Part("layers", (".venv/bin/lint-imports",)),
        Part("types", (".venv/bin/mypy",)),
        Part("dependencies", (".venv/bin/deptry", *packages)),
        Part("client-dependencies", ("../../.venv/bin/deptry", "otto_logs"), directory="clients/python"),
        Part("contracts", (".venv/bin/buf", "lint", "proto")),
        Part("contract-changes", (".venv/bin/buf", "breaking", "proto", "--against", "proto/baseline.binpb")),
        Part("stubs", (".venv/bin/python", "proto/generate.py", "--check")),
        Part("sync-producer", (".venv/bin/python", "clients/python/generate.py", "--check")),
        Part("reference", (".venv/bin/python", "-m", "scripts.docs", "reference", "--check")),
        Part("js-check", ("npm", "run", "--silent", "--prefix", "clients/js", "check")),
        Part("viewer-check", ("npm", "run", "--silent", "--prefix", "clients/viewer", "check")),
    ]
