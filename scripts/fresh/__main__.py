"""Makes the empty Debian once, and runs each scenario on a copy of it.

The copy is an overlay that is thrown away. Packages are fetched from where this machine fetches them (its sources,
proxies and certificates are copied), and kept between runs in ``FRESH_FOLDER``. Exit codes: 0, every scenario went as
it should; 1, one did not; 2, this machine cannot do it.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.fresh.root import EmptyDebian, UnableError
from scripts.fresh.scenarios import SCENARIOS

FOLDER = Path(os.environ.get("FRESH_FOLDER", "/tmp/otto-fresh"))  # noqa: S108 - named in the documentation
SUITE = os.environ.get("FRESH_SUITE", "bookworm")
ROOT = Path(__file__).resolve().parents[2]


def main(names: Sequence[str]) -> int:
    """The exit code."""
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        print(f"no such scenario: {', '.join(unknown)}; there are {', '.join(SCENARIOS)}", file=sys.stderr)
        return 2
    try:
        debian = EmptyDebian(FOLDER, SUITE)
        debian.make()
    except UnableError as error:
        print(f"make fresh: {error}", file=sys.stderr)
        return 2
    results = {name: _went_well(name, debian) for name in names or SCENARIOS}
    for name, went_well in results.items():
        print(f"{'ok    ' if went_well else 'FAILED'} {name}: {SCENARIOS[name].rule}")
    return 0 if all(results.values()) else 1


def _went_well(name: str, debian: EmptyDebian) -> bool:
    scenario = SCENARIOS[name]
    print(f"\n━━ {name}: {scenario.rule}", flush=True)
    with debian.copy(name) as copy:
        clone = copy.path / scenario.home.lstrip("/") / "otto"
        git = shutil.which("git") or "git"
        # What is committed: a clone has nothing else.
        subprocess.run([git, "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)  # noqa: S603
        return scenario.run(copy)


sys.exit(main(sys.argv[1:]))
