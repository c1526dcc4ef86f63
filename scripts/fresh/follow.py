"""``make follow``: what the documentation says, letter by letter, in an empty Debian.

Blocks of shell commands with a line ``<!-- follow: TITLE -->`` in front of them are run in their order by one shell,
which ends at the first command that fails. The files of a release are in its working directory. Exit codes: 0, all
went well; 1, a command failed; 2, this machine cannot do it.
"""

import os
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.fresh.root import Copy, EmptyDebian, UnableError

__all__ = ["blocks", "script"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("FRESH_FOLDER", "/tmp/otto-fresh"))  # noqa: S108 - named in the documentation
SUITE = os.environ.get("FRESH_SUITE", "bookworm")
PAGE = ROOT / "docs" / "deployment.md"
_BLOCK = re.compile(r"^<!-- follow: ([^\n]+) -->\n```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FETCHES = 2
"""So many blocks install packages; the others run without a network, so that they take no port of this machine."""
_STEP = re.compile(r"^@@ (\d+) ([\d.]+)$", re.MULTILINE)


def blocks(text: str) -> list[tuple[str, str]]:
    """Titles and commands, in the order of the page."""
    return _BLOCK.findall(text)


def script(commands: Sequence[str]) -> str:
    """One that runs them all; after each it says how many seconds it took."""
    lines = ["set -eu", "seconds() { cut -d ' ' -f 1 /proc/uptime; }", "from=$(seconds)"]
    for number, command in enumerate(commands):
        lines += [command.rstrip("\n")]
        lines += ["to=$(seconds); echo", f'echo "@@ {number} $(awk "BEGIN {{ print $to - $from }}")"; from=$to']
    return "\n".join(lines) + "\n"


def main(release: Path) -> int:
    """The exit code.

    Args:
        release: the folder that ``make release`` has made.
    """
    found = blocks(PAGE.read_text())
    try:
        debian = EmptyDebian(FOLDER, SUITE)
        debian.make()
    except UnableError as error:
        print(f"make follow: {error}", file=sys.stderr)
        return 2
    with debian.copy("follow") as copy:
        shutil.copytree(release, copy.path / "root/release")
        # Services start when they are told to, not when they are unpacked: there is no init here.
        (copy.path / "usr/sbin").mkdir(parents=True, exist_ok=True)
        (copy.path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (copy.path / "usr/sbin/policy-rc.d").chmod(0o755)
        seconds = _run(copy, [command for _, command in found[:_FETCHES]], has_network=True)
        if len(seconds) == _FETCHES:
            seconds += _run(copy, [command for _, command in found[_FETCHES:]], has_network=False)
    print("| step | seconds |\n| --- | --- |")
    for (title, _), took in zip(found, seconds, strict=False):
        print(f"| {title} | {took:.1f} |")
    print(f"| all | {sum(seconds):.1f} |")
    if len(seconds) < len(found):
        print(f"FAILED: {found[len(seconds)][0]}")
    return 0 if len(seconds) == len(found) else 1


def _run(copy: Copy, commands: Sequence[str], *, has_network: bool) -> list[float]:
    (copy.path / "root/follow.sh").write_text(script(commands))
    done = copy.run("bash ../follow.sh", directory="/root/release", has_network=has_network)
    return [float(took) for _, took in _STEP.findall(re.sub(r"^  ", "", done.stdout, flags=re.MULTILINE))]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")))
