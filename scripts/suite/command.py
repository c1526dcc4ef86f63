"""Runs the parts one after the other, whatever becomes of each."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from scripts.suite.outcome import INTERRUPTED, Outcome, outcome
from scripts.suite.parts import ROOT, Part, parts
from scripts.suite.pytest_report import REPORT
from scripts.suite.summary import exit_code, summary

__all__ = ["main"]


def main(arguments: Sequence[str]) -> int:
    """The exit code: the worst of all parts."""
    (name,) = arguments
    return run(parts(name), may_skip=os.environ.get("ALLOW_SKIPS", "") not in ("", "0"))


def run(all_parts: Sequence[Part], *, may_skip: bool, root: Path = ROOT) -> int:
    """Run them all, and print what became of them; Ctrl-C leaves out what has not begun."""
    outcomes: list[Outcome] = []
    for number, part in enumerate(all_parts, 1):
        print(f"── {number}/{len(all_parts)} {part.name}: {part.repeat()}", flush=True)
        outcomes.append(_run(part, root))
        if outcomes[-1].code == INTERRUPTED:
            break
    not_run = all_parts[len(outcomes) :]
    print(summary(outcomes, not_run, may_skip=may_skip), flush=True)
    return exit_code(outcomes, not_run, may_skip=may_skip)


def _run(part: Part, root: Path) -> Outcome:
    environment = {**os.environ, "PATH": f"{root / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"}
    # Many images of containers set it. Each worker of pytest would then compile every test, in each run: 7 s of CPU.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = list(part.command)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="otto-suite-") as directory:
        report = Path(directory) / "report.json" if part.report else None
        if part.report == "pytest":
            environment[REPORT] = str(report)
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
            command[1:1] = ["-p", "scripts.suite.pytest_report"]
        elif part.report == "vitest":
            command += ["--", "--reporter=dot", "--reporter=json", f"--outputFile.json={report}"]
        code = _exit_code(command, root / part.directory, environment)
        return outcome(part, code, time.monotonic() - started, report, root)


def _exit_code(command: Sequence[str], directory: Path, environment: dict[str, str]) -> int:
    """As a shell would give it. Ctrl-C reaches the command as well: it is given the time to end by itself."""
    try:
        process = subprocess.Popen(command, cwd=directory, env=environment)  # noqa: S603 - our own commands
    except OSError as error:
        print(error, file=sys.stderr)
        return 127
    with process:
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()
            return INTERRUPTED
    return 128 + signal.Signals(-code) if code < 0 else code
