"""The end of a run: every part with what became of it, how to repeat what failed, and one line with all numbers."""

from collections import Counter
from collections.abc import Sequence

from scripts.suite.outcome import INTERRUPTED, Outcome
from scripts.suite.parts import Part

__all__ = ["exit_code", "summary"]

TESTS_SHOWN_MAX = 20
SKIPPED_WITHOUT_LEAVE = 1


def exit_code(outcomes: Sequence[Outcome], not_run: Sequence[Part], *, may_skip: bool) -> int:
    """The worst of all; skipped tests are an error unless they may be skipped, and so is what did not run."""
    codes = [each.code for each in outcomes]
    codes += [SKIPPED_WITHOUT_LEAVE for each in outcomes if each.skipped and not may_skip]
    codes += [INTERRUPTED for _ in not_run]
    return max(codes, default=0)


def summary(outcomes: Sequence[Outcome], not_run: Sequence[Part], *, may_skip: bool) -> str:
    """What is printed last. Its last line is ``total: N passed, N failed, N skipped``, as test runners close.

    A part without tests counts there as one that failed where it did, so that the line never hides it.
    """
    lines = ["", "── Summary ──"]
    for each in outcomes:
        lines += _lines(each, may_skip=may_skip)
    lines += [f"not run  {part.name}" for part in not_run]
    reasons = Counter(reason for each in outcomes for reason in each.skipped)
    if reasons:
        lines.append("Skipped" + (":" if may_skip else "; that is an error without ALLOW_SKIPS=1:"))
        lines += [f"  {count} × {reason}" for reason, count in reasons.most_common()]
    passed = sum(each.passed for each in outcomes)
    failed = sum(len(each.failed) or bool(each.code) for each in outcomes)
    return "\n".join([*lines, f"total: {passed} passed, {failed} failed, {reasons.total()} skipped"])


def _lines(outcome: Outcome, *, may_skip: bool) -> list[str]:
    part = outcome.part
    counts = f"{outcome.passed} passed, {len(outcome.failed)} failed, {len(outcome.skipped)} skipped, "
    line = f"{part.name:20} {counts if part.report else ''}{outcome.seconds:.0f} s"
    if not outcome.code:
        return [f"{'ok' if may_skip or not outcome.skipped else 'SKIPPED':8} {line}"]
    shown = outcome.failed[:TESTS_SHOWN_MAX]
    again = [part.repeat(*test) if part.report == "vitest" else _pytest(test) for test in shown]
    if len(outcome.failed) > len(shown):
        again.append(f"… and {len(outcome.failed) - len(shown)} more; all of it: {part.repeat()}")
    return [f"FAILED   {line}, exit code {outcome.code}", *(f"           {each}" for each in again or [part.repeat()])]


def _pytest(test: tuple[str, ...]) -> str:
    """One test without the options of the whole: no workers to start, no choice among the tests."""
    return Part("pytest", (".venv/bin/pytest",)).repeat(*test)
