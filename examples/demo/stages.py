"""The stages of the demonstration: a real build of this repository, without the network."""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Stage", "Step", "stages"]

ROOT = Path(__file__).resolve().parents[2]
_PYTHON = sys.executable
_BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Step:
    """One command, run by one worker, in one directory."""

    worker: str
    command: tuple[str, ...]
    directory: Path = ROOT


@dataclass(frozen=True)
class Stage:
    """Steps that run at the same time."""

    name: str
    steps: tuple[Step, ...]


def stages(number: int, output: Path) -> list[Stage]:
    """The stages of the build with this number; every third one ends with an audit that finds something.

    Args:
        number: counts builds, from 1.
        output: an empty directory for what is built.
    """
    cache = f"pycache_prefix={output / 'pycache'}"
    plan = [
        Stage("stubs", (Step("stubs", (_PYTHON, "proto/generate.py", "--check")),)),
        Stage(
            "compile",
            tuple(
                Step(f"compile-{package}", (_PYTHON, "-X", cache, "-m", "compileall", "-f", package))
                for package in ("filters", "sessions", "storage", "gateway")
            ),
        ),
        Stage(
            "wheels",
            (
                Step("wheel-gateway", _wheel(output), ROOT),
                Step("wheel-client", _wheel(output), ROOT / "clients/python"),
                Step("wheel-stubs", _wheel(output), ROOT / "proto/python"),
            ),
        ),
        Stage(
            "tests",
            (
                Step("collect", (_PYTHON, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", "tests")),
                Step("test-filters", (_PYTHON, "-m", "pytest", "-v", "-p", "no:cacheprovider", "tests/filters")),
            ),
        ),
    ]
    if number % 3 == 0:
        audit = (str(_BIN / "ruff"), "check", "--select", "ALL", "--output-format", "concise", "filters", "sessions")
        plan.append(Stage("audit", (Step("audit", audit),)))
    return plan


def _wheel(output: Path) -> tuple[str, ...]:
    """Build a wheel with what is installed, or else with what pip fetches."""
    if importlib.util.find_spec("hatchling") is not None:
        return (_PYTHON, "-m", "hatchling", "build", "-t", "wheel", "-d", str(output))
    return (_PYTHON, "-m", "pip", "wheel", "-v", "--no-deps", "--disable-pip-version-check", "-w", str(output), ".")
