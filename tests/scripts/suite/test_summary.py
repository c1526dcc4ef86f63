"""What a run of all parts says at its end, and its exit code."""

from dataclasses import replace

import pytest

from scripts.suite.outcome import Outcome
from scripts.suite.parts import Part
from scripts.suite.summary import TESTS_SHOWN_MAX, exit_code, summary

LINT = Part("lint", ("ruff", "check", "."))
JAVASCRIPT = Part("js-tests", ("npm", "test", "--prefix", "clients/js"), report="vitest")
PYTHON = Part("pytest", (".venv/bin/pytest", "-n", "4", "tests"), report="pytest")
GREEN = [Outcome(LINT, 0), Outcome(JAVASCRIPT, 0, passed=3), Outcome(PYTHON, 0, passed=40)]


def text(*outcomes: Outcome, may_skip: bool = False) -> str:
    return summary(outcomes, [], may_skip=may_skip)


def test_the_last_line_has_all_numbers() -> None:
    """As CI reads it, whatever tests ran."""
    assert text(*GREEN).splitlines()[-1] == "total: 43 passed, 0 failed, 0 skipped"
    assert exit_code(GREEN, [], may_skip=False) == 0


def test_the_exit_code_is_the_worst() -> None:
    """A later part that passes does not hide one that failed."""
    outcomes = [Outcome(LINT, 1), Outcome(JAVASCRIPT, 4), Outcome(PYTHON, 0)]
    assert exit_code(outcomes, [], may_skip=False) == 4


def test_a_failed_check_is_counted() -> None:
    """It has no tests, and the last line must not say that nothing failed."""
    assert text(Outcome(LINT, 1), *GREEN[1:]).splitlines()[-1] == "total: 43 passed, 1 failed, 0 skipped"


def test_a_failed_part_says_how_to_repeat_it() -> None:
    assert "ruff check .\n" in text(Outcome(LINT, 1), *GREEN[1:])


def test_a_failed_test_says_how_to_repeat_just_that() -> None:
    """Quoted for a shell; pytest's without the options of the whole run."""
    failed = Outcome(PYTHON, 1, failed=(("tests/test_a.py::test_b[x y-'q']",),))
    assert """ .venv/bin/pytest 'tests/test_a.py::test_b[x y-'"'"'q'"'"']'\n""" in text(failed)
    failed = Outcome(JAVASCRIPT, 1, failed=(("tests/a.test.ts", "-t", "a > b"),))
    assert "npm test --prefix clients/js -- tests/a.test.ts -t 'a > b'\n" in text(failed)


def test_many_failed_tests_are_cut_and_counted() -> None:
    failed = Outcome(PYTHON, 1, failed=tuple((f"tests/test_a.py::test_{n}",) for n in range(TESTS_SHOWN_MAX + 5)))
    lines = text(failed).splitlines()
    assert len(lines) < TESTS_SHOWN_MAX + 10
    assert "… and 5 more; all of it: .venv/bin/pytest -n 4 tests" in lines[-2]
    assert lines[-1] == f"total: 0 passed, {TESTS_SHOWN_MAX + 5} failed, 0 skipped"


@pytest.mark.parametrize("may_skip", [False, True])
def test_skipped_tests_are_an_error_without_leave(may_skip: bool) -> None:
    """The reasons are said either way, the most frequent first."""
    outcome = replace(GREEN[2], skipped=("needs gcc", "needs nginx", "needs nginx"))
    assert exit_code([outcome], [], may_skip=may_skip) == (0 if may_skip else 1)
    lines = text(outcome, may_skip=may_skip).splitlines()
    assert lines[-3:] == ["  2 × needs nginx", "  1 × needs gcc", "total: 40 passed, 0 failed, 3 skipped"]
    assert ("ALLOW_SKIPS=1" in text(outcome, may_skip=may_skip)) is not may_skip


def test_what_did_not_run_is_named() -> None:
    """After Ctrl-C; its exit code is Ctrl-C's, even where all that ran passed."""
    assert "not run  pytest" in summary(GREEN[:2], [PYTHON], may_skip=False)
    assert exit_code(GREEN[:2], [PYTHON], may_skip=False) == 130
