"""Asks the advisory services about every locked dependency; ``make audit``.

Exit codes: 0 nothing is known; 1 there are advisories, printed; 75 (EX_TEMPFAIL) a service could not be asked, and
nothing else is known. It is no part of the tests: what is known of a dependency changes without a commit.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ADVISORIES, UNKNOWN = 1, 75
SECONDS_MAX = 120

# Asks osv.dev, with names and versions from the lock file alone: nothing is resolved or installed anew.
PYTHON = ["uvx", "--from", "pip-audit==2.10.1", "pip-audit", "--requirement", "requirements.lock", "--disable-pip"]
PYTHON += [
    "--require-hashes",
    "--vulnerability-service",
    "osv",
    "--format",
    "json",
    "--progress-spinner",
    "off",
    "--timeout",
    "10",
]
NODE = ["npm", "audit", "--json", "--fetch-retries=0", "--prefix"]


def main() -> int:
    """Audit Python and every Node.js package that is not somebody else's."""
    results = [python_advisories()]
    locks = subprocess.run(
        ["git", "ls-files", "*package-lock.json"],  # noqa: S607 - whichever git there is
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    results += [node_advisories((ROOT / lock).parent) for lock in locks.stdout.split()]
    found = [advisory for result in results for advisory in result or ()]
    for advisory in found:
        print(advisory)
    if found:
        return ADVISORIES
    if None in results:
        print("audit: an advisory service cannot be reached from here; what it knows is not known")
        return UNKNOWN
    print("audit: nothing is known against the locked dependencies")
    return 0


def python_advisories() -> list[str] | None:
    """One line for each; None: could not be asked."""
    report = asked(PYTHON)
    if not isinstance(report.get("dependencies"), list):
        return None
    return [
        f"{each['name']} {each['version']}: {advisory['id']}, mended in {', '.join(advisory['fix_versions']) or '-'}"
        for each in report["dependencies"]
        for advisory in each.get("vulns", ())
    ]


def node_advisories(folder: Path) -> list[str] | None:
    """One line for each; None: could not be asked."""
    report = asked([*NODE, str(folder)])
    if not isinstance(report.get("vulnerabilities"), dict):
        return None
    where = folder.relative_to(ROOT)
    return [f"{where}: {name}: {each['severity']}, {each['range']}" for name, each in report["vulnerabilities"].items()]


def asked(command: list[str]) -> dict[str, Any]:
    """The JSON that a tool has printed; both exit with 1 for an advisory and for a service that is away."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=SECONDS_MAX, check=False)  # noqa: S603
        report = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}
    return report if isinstance(report, dict) else {}


if __name__ == "__main__":
    sys.exit(main())
