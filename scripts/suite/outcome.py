"""What became of a part: read from what pytest or vitest has written down."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.suite.parts import Part

__all__ = ["INTERRUPTED", "Outcome", "outcome"]

INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Outcome:
    """The exit code, and of a part with tests how many passed, which failed and what was skipped.

    ``failed`` has what to give the part's command to repeat just that test; ``skipped`` has a reason for each.
    """

    part: Part
    code: int
    seconds: float = 0.0
    passed: int = 0
    failed: tuple[tuple[str, ...], ...] = ()
    skipped: tuple[str, ...] = ()


def outcome(part: Part, code: int, seconds: float, report: Path | None, root: Path) -> Outcome:
    """What became of a part.

    Args:
        part: what has run.
        code: its exit code, as a shell would give it.
        seconds: how long it took.
        report: what was written down of its tests, if it has any.
        root: what its paths are relative to.
    """
    if report is None:
        return Outcome(part, code, seconds)
    try:
        content = json.loads(report.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it ended before it wrote anything
        return Outcome(part, code or 1, seconds)
    if part.report == "pytest":
        failed = tuple((test,) for test in content["failed"])
        return Outcome(part, code, seconds, content["passed"], failed, tuple(content["skipped"]))
    return _of_vitest(part, code, seconds, content, root)


def _of_vitest(part: Part, code: int, seconds: float, content: dict[str, Any], root: Path) -> Outcome:
    package = root / part.command[part.command.index("--prefix") + 1]
    failed: list[tuple[str, ...]] = []
    skipped: list[str] = []
    passed = 0
    for file in content["testResults"]:
        path = str(Path(file["name"]).relative_to(package))
        tests = file["assertionResults"]
        passed += sum(test["status"] == "passed" for test in tests)
        skipped += [f"{path}: {test['fullName']}" for test in tests if test["status"] in ("pending", "skipped", "todo")]
        of_file = [(path, "-t", test["fullName"]) for test in tests if test["status"] == "failed"]
        if file["status"] == "failed" and not of_file:  # it could not be loaded
            of_file.append((path, "", ""))
        failed += [tuple(filter(None, each)) for each in of_file]
    return Outcome(part, code, seconds, passed, tuple(failed), tuple(skipped))
