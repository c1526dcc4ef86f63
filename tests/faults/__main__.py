"""``make faults``: run the fault bench in its long form, and print what was found; 1 if a promise was broken."""

import argparse
import asyncio
import dataclasses
import secrets
import sys
import tempfile
from pathlib import Path

from benchmarks.__main__ import machine, replace_figures
from tests.faults.bench import Run, run
from tests.faults.plan import LONG, SHORT
from tests.faults.report import summary, tables
from tests.support.told_to_end import until_told


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat the run of this seed; by default a new one")
    parser.add_argument("--kills", type=int, help="how often to kill the gateway")
    parser.add_argument("--runs", type=int, default=1, help="how many runs, each with a seed of its own")
    parser.add_argument("--short", action="store_true", help="the form that runs with the tests")
    parser.add_argument("--into", type=Path, nargs="*", default=[], help="documents whose figures are to be replaced")
    parser.add_argument("--keep", type=Path, help="keep logs and databases in this folder, which must not exist yet")
    options = parser.parse_args()
    plan = SHORT if options.short else LONG
    if options.kills is not None:
        plan = dataclasses.replace(plan, deeds={**plan.deeds, "kill": options.kills})
    results: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="otto-faults-") as scratch:
        for number in range(options.runs):
            seed = secrets.randbits(32) if options.seed is None else options.seed + number
            directory = (options.keep or Path(scratch)) / str(seed)
            directory.mkdir(parents=True)
            print(f"seed {seed}, in {directory}", flush=True)
            results.append(asyncio.run(until_told(run(plan, seed, directory))))
            print(summary(results[-1]), flush=True)
    report = f"{machine()}.\n\n{tables(results)}"
    for document in options.into:
        replace_figures(document, report)
    if not all(each.verdict.is_good for each in results):
        sys.exit("a promise was broken")
    print("every promise was kept")


if __name__ == "__main__":
    main()
