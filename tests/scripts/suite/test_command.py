"""Parts that run one after the other, with real programs."""

import os
import re
import sys
import tomllib
from pathlib import Path

import pytest

from scripts.suite.command import run
from scripts.suite.outcome import outcome
from scripts.suite.parts import ROOT, Part

TESTS = """
import pytest

def test_good(): pass
def test_bad(): assert False
@pytest.fixture
def broken():
    yield
    raise RuntimeError
def test_ends_badly(broken): pass
def test_left_out(): pytest.skip("needs rain")
@pytest.mark.xfail(strict=True)
def test_known(): assert False
"""
VITEST = """{"testResults": [
 {"name": "/clone/clients/js/tests/a.test.ts", "status": "failed", "assertionResults": [
  {"status": "passed", "fullName": "one"}, {"status": "failed", "fullName": "two > three"},
  {"status": "pending", "fullName": "four"}]},
 {"name": "/clone/clients/js/tests/b.test.ts", "status": "failed", "assertionResults": []}]}"""


def shell(name: str, script: str) -> Part:
    return Part(name, ("sh", "-c", script))


def test_every_part_runs_whatever_became_of_the_one_before(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Also after one that cannot be started, and one that was killed."""
    parts = [shell("a", "exit 3"), Part("b", ("no-such-program",)), shell("c", "kill -9 $$"), shell("d", "echo last")]
    assert run(parts, may_skip=False, root=tmp_path) == 137
    output = capfd.readouterr().out
    assert "\nlast\n" in output
    assert [f"FAILED   {name}" in output for name in "abcd"] == [True, True, True, False]
    assert output.splitlines()[-1] == "total: 0 passed, 3 failed, 0 skipped"


@pytest.fixture(autouse=True)
def few_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed for the tests here takes seconds to load."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def run_pytest(directory: Path, workers: str = "") -> int:
    program = str(Path(sys.executable).with_name("pytest"))
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(directory), "-c", os.devnull]
    if workers:
        options += ["-p", "xdist", "-n", workers]
    return run([Part("pytest", (program, *options, str(directory)), report="pytest")], may_skip=False)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["", "2"])
def test_pytest_writes_down_what_failed_and_was_skipped(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, workers: str
) -> None:
    """Each test once, also one whose end has failed; with workers as without."""
    (tmp_path / "test_a.py").write_text(TESTS)
    assert run_pytest(tmp_path, workers) == 1
    summary = capfd.readouterr().out.split("── Summary ──")[1]
    again = {line.strip() for line in summary.splitlines() if line.strip().startswith(".venv/bin/pytest")}
    assert again == {f".venv/bin/pytest test_a.py::{name}" for name in ("test_bad", "test_ends_badly")}
    assert "1 × needs rain" in summary
    assert summary.splitlines()[-1] == "total: 1 passed, 2 failed, 1 skipped"


@pytest.mark.slow
def test_a_file_that_cannot_be_imported_is_named(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "test_b.py").write_text("import nothing_of_this_name\n")
    assert run_pytest(tmp_path) == 2
    assert ".venv/bin/pytest test_b.py\n" in capfd.readouterr().out


def test_vitest_s_report_is_read(tmp_path: Path) -> None:
    """A failed test by its file and its name, and a file that could not be loaded."""
    report = tmp_path / "report.json"
    report.write_text(VITEST)
    part = Part("js-tests", ("npm", "test", "--prefix", "clients/js"), report="vitest")
    found = outcome(part, 1, 0.0, report, Path("/clone"))
    assert found.failed == (("tests/a.test.ts", "-t", "two > three"), ("tests/b.test.ts",))
    assert (found.passed, found.skipped) == (1, ("tests/a.test.ts: four",))


def test_a_runner_that_wrote_nothing_has_failed(tmp_path: Path) -> None:
    """Though it may have ended with 0: nobody knows what it tested."""
    part = Part("pytest", ("pytest",), report="pytest")
    assert outcome(part, 0, 0.0, tmp_path / "none", tmp_path).code == 1


def test_every_marker_is_registered() -> None:
    """Without the plugins that bring them, too: plain pytest collects."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    registered = {re.split(r"[:(]", marker)[0] for marker in settings["markers"]}
    of_pytest = {
        "asyncio",
        "filterwarnings",
        "looptime",
        "parametrize",
        "skip",
        "skipif",
        "timeout",
        "usefixtures",
        "xfail",
    }
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    assert set(re.findall(r"pytest\.mark\.(\w+)", text)) - of_pytest == registered
