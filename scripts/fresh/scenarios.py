"""What has to go well in an empty Debian, and for whom."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.fresh.root import HOMES, USER, Copy, owned_by_user

__all__ = ["SCENARIOS", "Scenario"]

REFUSED = 2
_ASKED = re.compile(r"^  (apt-get update && apt-get install .*)$", re.MULTILINE)
_RUN = "python3 -B -m scripts.fresh.page"
# Caches of packages, and what was copied there to reach them.
_MAY_BE_AT_HOME = {".cache", ".npm", ".config", ".pip", ".npmrc", ".bashrc", ".profile", ".bash_logout", "otto"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """``rule`` is what is shown by it; ``run`` says whether it went so."""

    rule: str
    home: str
    run: Callable[[Copy], bool]


def _as_root(copy: Copy) -> bool:
    clone = f"{HOMES['root']}/otto"
    return (
        _works(copy, "root", clone, _RUN, "make test-fast", *_all_tests(".ci/run"))
        and not (copy.path / "usr/sbin/policy-rc.d").exists()
        and _nothing_is_left(copy, "root", clone)
    )


def _as_user(copy: Copy) -> bool:
    """What is asked for is typed by root, and nothing else."""
    clone = f"{HOMES[USER]}/otto"
    owned_by_user(copy.path / clone.lstrip("/"))
    for command in ("make run", "make test"):
        refused = copy.run(command, user=USER, directory=clone)
        asked = _ASKED.search(refused.stdout)
        if refused.returncode != REFUSED or asked is None or copy.run(asked[1]).returncode:
            return False
    return _works(copy, USER, clone, _RUN, "make test-fast", *_all_tests("make test")) and _nothing_is_left(
        copy, USER, clone
    )


def _as_sudoer(copy: Copy) -> bool:
    clone = f"{HOMES[USER]}/otto"
    owned_by_user(copy.path / clone.lstrip("/"))
    rule = f"echo '{USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{USER}"
    if copy.run(f"apt-get update -q && apt-get install -qy --no-install-recommends sudo && {rule}").returncode:
        return False
    return _works(copy, USER, clone, _RUN, "make setup-tests", "make test-fast")


def _with_pip_alone(copy: Copy) -> bool:
    """No ensurepip, and nobody who may install it; the system's pip makes the environment whole."""
    clone = f"{HOMES[USER]}/otto"
    owned_by_user(copy.path / clone.lstrip("/"))
    if copy.run("apt-get update -q && apt-get install -qy --no-install-recommends python3-pip").returncode:
        return False
    return _works(copy, USER, clone, _RUN)


def _all_tests(command: str) -> list[str]:
    return [] if os.environ.get("FRESH_QUICK") else [command]


def _works(copy: Copy, user: str, directory: str, *commands: str) -> bool:
    return all(copy.run(command, user=user, directory=directory).returncode == 0 for command in commands)


def _nothing_is_left(copy: Copy, user: str, clone: str) -> bool:
    """After ``make clean`` the clone is as it was, and at home there is nothing but caches."""
    if copy.run("make clean", user=user, directory=clone).returncode:
        return False
    status = copy.run("git status --short --ignored", user=user, directory=clone)
    home = copy.path / HOMES[user].lstrip("/")
    others = {path.name for path in Path(home).iterdir()} - _MAY_BE_AT_HOME
    print(f"  at home, besides the clone and caches: {sorted(others) or 'nothing'}")
    print(f"  in /tmp: {sorted(path.name for path in (copy.path / 'tmp').glob('*')) or 'nothing'}")
    return status.stdout == "" and not others


SCENARIOS = {
    "user": Scenario("an ordinary user is told what root has to install, and that is enough", HOMES[USER], _as_user),
    "sudo": Scenario("a user with sudo without a password needs nothing else", HOMES[USER], _as_sudoer),
    "pip": Scenario(
        "without ensurepip and rights, the system's pip will do for make run", HOMES[USER], _with_pip_alone
    ),
    "root": Scenario("root needs nothing else, and CI runs", HOMES["root"], _as_root),
}
