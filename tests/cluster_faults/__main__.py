"""``make cluster-faults``: run the long form, and print what was found; 1 if a promise was broken."""

import argparse
import asyncio
import dataclasses
import secrets
import sys
import tempfile
from pathlib import Path

from tests.cluster_faults.bench import run, summary
from tests.cluster_faults.plan import LONG, SHORT
from tests.support.told_to_end import until_told


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster_faults", description=__doc__)
    parser.add_argument("--seed", type=int, help="repeat the run of this seed; by default a new one")
    parser.add_argument("--kills", type=int, help="how often to kill a gateway")
    parser.add_argument("--lanes", type=int, help="of the journal")
    parser.add_argument("--short", action="store_true", help="the form that runs with the tests")
    parser.add_argument("--keep", type=Path, help="keep logs in this folder, which must not exist yet")
    options = parser.parse_args()
    plan = SHORT if options.short else LONG
    if options.kills is not None:
        plan = dataclasses.replace(plan, deeds={**plan.deeds, "kill": options.kills})
    if options.lanes is not None:
        plan = dataclasses.replace(plan, lanes=options.lanes)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    with tempfile.TemporaryDirectory(prefix="otto-cluster-faults-") as scratch:
        directory = options.keep or Path(scratch) / str(seed)
        directory.mkdir(parents=True)
        print(f"seed {seed}, in {directory}", flush=True)
        result = asyncio.run(until_told(run(plan, seed, directory)))
    print(summary(result))
    if not result.verdict.is_good:
        sys.exit("a promise was broken")
    print("every promise was kept")


if __name__ == "__main__":
    main()
