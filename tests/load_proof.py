"""The whole suite again and again beside busy loops, each time in another order: ``python -m tests.load_proof``.

Tests that wait for a time, or for one another, fail here. Prints a table in the end, and how to repeat what failed; the
exit code is 0 where every run was green.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
JAVASCRIPT = ("clients/js", "clients/viewer")
_BUSY = "import os, sys\nparent = int(sys.argv[1])\nwhile os.getppid() == parent:\n    for _ in range(10_000_000): pass"
"""Ends by itself once whoever started it is gone."""


@dataclass(frozen=True)
class Run:
    """One run of the suite."""

    seed: int
    code: int
    minutes: float
    load: float
    counts: str
    failed: Sequence[str]


@contextlib.contextmanager
def busy_loops(count: int) -> Iterator[None]:
    """So many processes that do nothing, as fast as they can."""
    loops = [subprocess.Popen([sys.executable, "-S", "-c", _BUSY, str(os.getpid())]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def python(seed: int, arguments: Sequence[str], workers: str) -> tuple[int, str, list[str]]:
    """Run pytest; its exit code, its counts, and the ids of what failed."""
    with tempfile.TemporaryDirectory() as directory:
        report = Path(directory) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", workers, "--dist", "loadgroup"]
        command += [f"--order-seed={seed}", f"--junitxml={report}", *arguments]
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if not report.exists():
            return code, "no report", []
        suite = ElementTree.parse(report).getroot()[0]
    wrong = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    skipped = int(suite.get("skipped", 0))
    failed = [
        f"{case.get('classname')}::{case.get('name')}"
        for case in suite.iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    ]
    return code, f"{int(suite.get('tests', 0)) - wrong - skipped} passed, {wrong} failed, {skipped} skipped", failed


def javascript(seed: int) -> list[str]:
    """Run the tests of the packages, shuffled; which of them failed."""
    command = ["npx", "vitest", "run", "--reporter=dot", "--sequence.shuffle", f"--sequence.seed={seed}"]
    return [name for name in JAVASCRIPT if subprocess.run(command, cwd=ROOT / name, check=False).returncode]


def main() -> int:
    """See the head of this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--busy", type=int, default=4, help="busy loops beside it")
    parser.add_argument("--cores", type=int, default=2, help="cores that all of it may use")
    parser.add_argument("--workers", default="4", help="processes of pytest")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1_000_000), help="of the first run")
    parser.add_argument("--no-javascript", action="store_true")
    parser.add_argument("arguments", nargs="*", help="for pytest, behind --; nothing: the whole suite")
    given = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: given.cores])
    runs: list[Run] = []
    with busy_loops(given.busy):
        for seed in range(given.seed, given.seed + given.runs):
            began = time.monotonic()
            javascript_failed = [] if given.no_javascript else javascript(seed)
            code, counts, failed = python(seed, given.arguments or ["tests"], given.workers)
            minutes = (time.monotonic() - began) / 60
            runs.append(
                Run(
                    seed,
                    code or len(javascript_failed),
                    minutes,
                    os.getloadavg()[1],
                    counts,
                    javascript_failed + failed,
                )
            )
    print(f"\n{given.busy} busy loops, {given.cores} cores, {given.workers} workers")
    print("| run | order seed | result | minutes | load at its end |\n| --- | --- | --- | --- | --- |")
    for number, run in enumerate(runs, 1):
        result = "green" if run.code == 0 else "red"
        print(f"| {number} | {run.seed} | {result}: {run.counts} | {run.minutes:.1f} | {run.load:.1f} |")
    for run in runs:
        for name in run.failed:
            print(f"seed {run.seed}: {name}")
        if run.code:
            print(f"to repeat it: make test-load LOAD='--runs 1 --seed {run.seed} --busy {given.busy}'")
    return max(run.code for run in runs)


if __name__ == "__main__":
    raise SystemExit(main())
