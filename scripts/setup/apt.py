"""Installs Debian packages, with their services kept from starting: the tests start their own, on their own ports."""

import contextlib
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.setup.progress import Amount, Progress

__all__ = ["install"]

POLICY = Path("/usr/sbin/policy-rc.d")
DO_NOT_START = "#!/bin/sh\nexit 101\n"
# Another apt may be at work, as on a machine that has just booted.
WAIT_FOR_LOCK = ("-o", "DPkg::Lock::Timeout=600")
_INSTALLED = Amount(re.compile(r"^Setting up "), re.compile(r"(\d+) newly installed"))


def install(packages: Sequence[str], rights: str, progress: Progress, *, policy: Path = POLICY) -> None:
    """Install the packages and what they depend on.

    Args:
        packages: Debian's names.
        rights: ``root`` or ``sudo``.
        progress: what shows it.
        policy: the file that says whether services may be started.

    Raises:
        StepError: apt cannot; its last words have been shown.
    """
    as_root = ["sudo", "-n"] if rights == "sudo" else []
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", *WAIT_FOR_LOCK]
    with _no_services(as_root, policy):
        progress.run([*apt, "update"])
        progress.run([*apt, "install", "-y", "--no-install-recommends", *packages], amount=_INSTALLED)


@contextlib.contextmanager
def _no_services(as_root: Sequence[str], policy: Path) -> Iterator[None]:
    """Packages start no service meanwhile; a policy that is there already is left as it is."""
    if os.path.lexists(policy):
        yield
        return
    try:
        script = 'cat >"$1" && chmod 755 "$1"'
        command = [*as_root, "sh", "-c", script, "sh", str(policy)]
        subprocess.run(command, input=DO_NOT_START, text=True, check=True)  # noqa: S603
        yield
    finally:
        subprocess.run([*as_root, "rm", "-f", str(policy)], check=True)  # noqa: S603
