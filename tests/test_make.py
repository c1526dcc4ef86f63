"""What `make test` runs, and what it says where something is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def would_run(goal: str, **environment: str) -> str:
    """What make would run and say."""
    command = [shutil.which("make") or pytest.skip("make is not installed"), "--dry-run", goal]
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": "", **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@pytest.mark.node
def test_every_suite_is_part_of_make_test() -> None:
    """The JavaScript packages' own tests before pytest's, which include those in browsers and with real clients."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    output = would_run("test")
    suites = ["--prefix clients/js check", "--prefix clients/js\n", "--prefix clients/viewer\n", ".venv/bin/pytest"]
    assert [output.index(suite) for suite in suites] == sorted(output.index(suite) for suite in suites)


def test_without_node_the_rest_is_tested_and_it_is_said(tmp_path: Path) -> None:
    """What is left out has its line with the version that is needed; where CI is set it fails."""
    for name in ("sh", "find", "awk", "python3"):
        (tmp_path / name).symlink_to(shutil.which(name) or pytest.skip(f"{name} is not installed"))
    output = would_run("test", PATH=str(tmp_path))
    assert "npm test" not in output
    assert "left out of 'test-javascript': it wants npm and Node 20.19 or newer; here is no node." in output
    assert "pages are not built: they want npm and Node 20.19" in output
    assert 'test -z "$CI"' in output
    assert ".venv/bin/pytest" in output
