"""What make runs, and CI."""

import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from scripts.suite.parts import FAST, FAST_IGNORED, FAST_MARKERS, parts

ROOT = Path(__file__).parents[1]
SETUP = "-B -m scripts.setup"


def would_run(goal: str) -> list[str]:
    """The commands, without running them."""
    done = subprocess.run(
        ["make", "--dry-run", "--no-print-directory", goal],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("goal", "setup", "then"),
    [
        ("run", "run", "examples/demo/run.py"),
        ("check", "check", "-m scripts.suite check"),
        ("test-fast", "fast", "-m scripts.suite fast"),
        ("test", "test", "-m scripts.suite test"),
    ],
)
def test_every_command_goes_through_the_same_setup(goal: str, setup: str, then: str) -> None:
    """What is missing is looked for before anything is run, and each command asks for no more than it needs."""
    first, second = would_run(goal)
    assert first == f"python3 {SETUP} {setup}"
    assert second == f".venv/bin/python {then}"


def test_ci_runs_what_anybody_runs() -> None:
    """It installs nothing by itself, and its exit code is that of `make test`."""
    script = (ROOT / ".ci/run").read_text().splitlines()
    assert script[-1] == "exec make test"
    assert not any("apt" in line for line in script)


def test_every_suite_is_part_of_the_tests() -> None:
    """All checks, the JavaScript packages' own tests, and pytest's, which include those in browsers."""
    names = [part.name for part in parts("test")]
    assert names == [part.name for part in parts("check")] + ["js-tests", "viewer-tests", "pytest"]


def test_the_tests_of_the_inner_loop_are_chosen_among_all_tests() -> None:
    """The same parts without the checks; pytest leaves out what needs a browser, other programs or processes."""
    fast, whole = parts("fast"), parts("test")
    assert [part.name for part in fast] == [part.name for part in whole[-3:]]
    assert {"-m", FAST_MARKERS} <= set(fast[-1].command)
    assert all((ROOT / "tests" / folder).is_dir() for folder in FAST)
    assert list(ROOT.glob(FAST_IGNORED))


def test_the_inner_loop_leaves_out_what_all_tests_leave_out() -> None:
    """An expression of markers on the command line takes the place of the one in pyproject.toml."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    whole = re.search(r"-m '(.*)'", options["addopts"])
    assert whole
    assert set(whole[1].split(" and ")) < set(FAST_MARKERS.split(" and "))
