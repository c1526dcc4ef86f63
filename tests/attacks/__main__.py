"""``make attack``: every attack on real gateways, and the tests of the threat model; 1 if one came through."""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.__main__ import machine, replace_figures
from tests.attacks.attack import SETTINGS
from tests.attacks.bench import Outcome, attacked, chosen, running_target
from tests.attacks.probe import Probe
from tests.attacks.report import table
from tests.attacks.threat_model import ROOT, named_tests


async def attack_all(names: list[str], *, is_long: bool) -> list[Outcome]:
    """One gateway after the other."""
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="otto-attacks-") as folder:
        async with Probe.running() as probe:
            for door in SETTINGS:
                attacks = [each for each in chosen(door, is_long=is_long) if not names or each.name in names]
                if not attacks:
                    continue
                async with running_target(door, Path(folder), is_long=is_long) as target:
                    for attack in attacks:
                        outcomes.append(await attacked(attack, target, probe))
                        print(f"{attack.name}: {outcomes[-1].seen}", *outcomes[-1].problems, sep="\n  ", flush=True)
    return outcomes


def run_tests() -> int:
    """The tests that the threat model names: of pytest and of vitest; how many programs failed."""
    pytest, vitest = named_tests()
    commands = [([sys.executable, "-m", "pytest", "-q", *pytest], ROOT)]
    for package in sorted({path.parts[:2] for path in vitest}):
        folder = ROOT.joinpath(*package)
        files = [str((ROOT / path).relative_to(folder)) for path in vitest if path.parts[:2] == package]
        commands.append((["npx", "vitest", "run", *files], folder))
    return sum(subprocess.run(command, cwd=folder, check=False).returncode != 0 for command, folder in commands)


def main() -> None:
    """Attack and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the form that runs with the tests")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these attacks, and no tests")
    parser.add_argument("--into", type=Path, nargs="*", default=[], help="documents whose figures are to be replaced")
    options = parser.parse_args()
    outcomes = asyncio.run(attack_all(options.only, is_long=not options.short))
    report = table(outcomes)
    print(f"\n{report}\n")
    for document in options.into:
        replace_figures(document, f"{machine()}.\n\n{report}")
    problems = [f"{each.attack.name}: {problem}" for each in outcomes for problem in each.problems]
    failed = 0 if options.only else run_tests()
    if problems or failed:
        sys.exit("\n".join(["an attack came through", *problems, *["a test of the threat model failed"] * failed]))
    print(f"{len(outcomes)} attacks, none came through")


if __name__ == "__main__":
    main()
