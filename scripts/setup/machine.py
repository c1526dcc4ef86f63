"""What is on this machine: every program is asked for its version, because a name says little."""

import contextlib
import ctypes
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.setup.needs import CHROMIUM, NODE, NPM, Need, Version, needs_of
from scripts.setup.plan import Machine

__all__ = ["ROOT", "VENV", "examine", "find", "machine_python"]

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PROBE_SECONDS_MAX = 60
_VERSION = re.compile(r"\d+(?:\.\d+)*")


def examine(goal: str) -> Machine:
    """What the plan for ``goal`` is made from."""
    found = {need.name: find(need)[0] for need in (*needs_of(goal), NODE, NPM)}
    has_venv = _is_usable(VENV)
    has_apt = _which("apt-get") is not None
    return Machine(
        programs=found,
        venv_tools=() if has_venv else tuple(_venv_tools()),
        has_venv=has_venv,
        has_apt=has_apt,
        rights=_rights() if has_apt else "",
        chromium_in_apt=CHROMIUM.is_met(found.get(CHROMIUM.name)) or (has_apt and _has_real_chromium()),
    )


def machine_python() -> str:
    """The Python that a virtual environment is made from, never one that is in such an environment."""
    return getattr(sys, "_base_executable", None) or sys.executable


def find(need: Need) -> tuple[Version | None, str]:
    """Version and path of the first of its commands that is new enough, or of the last one that answers at all.

    ``None`` and an empty path where nothing is there.
    """
    if need.library:
        return (() if _loads(need.library) else None), ""
    best: tuple[Version | None, str] = (None, "")
    for name, *arguments in _commands(need):
        path = _which(name)
        if path is None:
            continue
        output = _output([path, *arguments])
        if output is None:
            continue
        match = _VERSION.search(output)
        version = tuple(map(int, match.group().split("."))) if match else ()
        best = version, path
        if need.is_met(version):
            break
    return best


def _commands(need: Need) -> Iterator[Sequence[str]]:
    yield from need.commands
    if need is CHROMIUM:
        cache = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache/ms-playwright"
        for pattern in ("chromium_headless_shell-*/chrome-*/*headless*shell", "chromium-*/chrome-*/chrome"):
            for path in sorted(Path(cache).glob(pattern), reverse=True):
                yield str(path), "--version"


def _which(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _output(command: Sequence[str]) -> str | None:
    """What it prints; None if it fails, as a stub does that only says what to install."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(  # noqa: S603 - a fixed list of commands
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_SECONDS_MAX,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode == 0:
            return done.stdout or done.stderr
    return None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _rights() -> str:
    if os.geteuid() == 0:
        return "root"
    sudo = shutil.which("sudo")
    return "sudo" if sudo and _output([sudo, "-n", "true"]) is not None else ""


def _venv_tools() -> Iterator[str]:
    """What can make a virtual environment that has pip."""
    if importlib.util.find_spec("ensurepip") is not None:
        yield "ensurepip"
    if shutil.which("uv"):
        yield "uv"
    if importlib.util.find_spec("virtualenv") is not None or shutil.which("virtualenv"):
        yield "virtualenv"
    version = _output([machine_python(), "-m", "pip", "--version"])
    match = re.search(r"pip (\d+)\.(\d+)", version or "")
    if match and (int(match[1]), int(match[2])) >= (22, 3):  # the first with --python
        yield "pip"


def _is_usable(venv: Path) -> bool:
    """Whether it runs where it is: not moved, not copied, and its Python not replaced by another version."""
    question = "import sys, pip; print(sys.prefix, sys.version_info >= (3, 11))"
    if _output([str(venv / "bin" / "python"), "-c", question]) != f"{venv} True\n":
        return False
    with contextlib.suppress(OSError):
        return str(venv).encode() in (venv / "bin" / "pip").read_bytes()[:1024]
    return False


def _has_real_chromium() -> bool:
    """Whether apt would install a browser, and not a package that leads to a snap."""
    policy = _output(["apt-cache", "policy", *CHROMIUM.packages])
    candidate = re.search(r"Candidate: (\S+)", policy or "")
    # Without lists nothing is known yet: it will be after apt-get update, and is looked at again then.
    if candidate is None:
        return not any(Path("/var/lib/apt/lists").glob("*_Packages*"))
    return candidate[1] != "(none)" and "snap" not in candidate[1]
