"""``make follow``: what the documentation says, letter by letter, in an empty Debian.

Blocks of shell commands with a line ``<!-- follow: TITLE -->`` in front of them are run in their order by one shell,
which ends at the first command that fails. The files of a release are in its working directory. Exit codes: 0, all
went well; 1, a command failed; 2, this machine cannot do it.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.fresh.root import IN_NETWORK, Copy, EmptyDebian, UnableError, own_network

__all__ = ["blocks", "script"]

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("FRESH_FOLDER", "/tmp/otto-fresh"))  # noqa: S108 - named in the documentation
SUITE = os.environ.get("FRESH_SUITE", "bookworm")
PAGE = ROOT / "docs" / "deployment.md"
_BLOCK = re.compile(r"^<!-- follow: ([^\n]+) -->\n```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FETCHES = 2
"""So many blocks install packages; the others run without a network, so that they take no port of this machine."""
_HANDED_OVER = "root/.cache/first-build"
"""Where the last step hands over its token, below the folder of caches: the one place that both sides see at once."""
_SEEN = (
    f'echo "$OTTO_TOKEN" > /{_HANDED_OVER}.new; mv /{_HANDED_OVER}.new /{_HANDED_OVER}'
    f"; until [ -e /{_HANDED_OVER}.seen ]; do sleep 0.2; done"
)
KEPT = FOLDER / "caches"
PICTURE = FOLDER / "first-build.png"
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
    steps = [*blocks(PAGE.read_text()), ("the build in the page, in Chromium", _SEEN)]
    is_seen = False
    try:
        debian = EmptyDebian(FOLDER, SUITE)
        debian.make()
    except UnableError as error:
        print(f"make follow: {error}", file=sys.stderr)
        return 2
    for left in (KEPT / _HANDED_OVER).parent.glob(f"{Path(_HANDED_OVER).name}*"):
        left.unlink()
    with debian.copy("follow") as copy:
        shutil.copytree(release, copy.path / "root/release")
        # Services start by a command, not when they are unpacked: there is no init here.
        (copy.path / "usr/sbin").mkdir(parents=True, exist_ok=True)
        (copy.path / "usr/sbin/policy-rc.d").write_text("#!/bin/sh\nexit 101\n")
        (copy.path / "usr/sbin/policy-rc.d").chmod(0o755)
        seconds = _run(copy, [command for _, command in steps[:_FETCHES]], has_network=True)
        if len(seconds) == _FETCHES:
            with own_network(), ThreadPoolExecutor(1) as beside:
                witness = beside.submit(_seen_in_browser)
                seconds += _run(copy, [command for _, command in steps[_FETCHES:]], has_network=False)
                (KEPT / _HANDED_OVER).touch()  # where no command has come so far
                is_seen = witness.result()
    print("| step | seconds |\n| --- | --- |")
    for (title, _), took in zip(steps, seconds, strict=False):
        print(f"| {title} | {took:.1f} |")
    print(f"| all | {sum(seconds):.1f} |")
    if len(seconds) < len(steps) or not is_seen:
        print(f"FAILED: {steps[min(len(seconds), len(steps) - 1)][0]}")
        return 1
    return 0


def _seen_in_browser() -> bool:
    """Whether this machine's Chromium, in the copy's network, shows a line of the build; the picture is kept."""
    token = KEPT / _HANDED_OVER
    while not token.exists() or not token.stat().st_size:
        if token.exists():
            return False
        time.sleep(0.2)
    arguments = ["https://logs.example.com/logs/build-1", token.read_text().strip(), "checking", str(PICTURE)]
    command = [*IN_NETWORK, str(ROOT / ".venv/bin/python"), "-m", "tests.screenshots.first_build", *arguments]
    done = subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603
    token.with_name(f"{token.name}.seen").touch()
    print(f"  the page: {PICTURE}" if done.returncode == 0 else "  the page does not show the build", flush=True)
    return done.returncode == 0


def _run(copy: Copy, commands: Sequence[str], *, has_network: bool) -> list[float]:
    (copy.path / "root/follow.sh").write_text(script(commands))
    done = copy.run("bash ../follow.sh", directory="/root/release", has_network=has_network)
    return [float(took) for _, took in _STEP.findall(re.sub(r"^  ", "", done.stdout, flags=re.MULTILINE))]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")))
