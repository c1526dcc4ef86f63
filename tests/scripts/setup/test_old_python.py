"""The entry of the setup under a Python that is too old for the rest of it."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
ENTRY = ROOT / "scripts/setup/__main__.py"
PRETEND = "import sys; sys.version_info = (3, 10, 4, 'final', 0); sys.argv = ['setup', 'run']; import runpy; "
RUN = PRETEND + "runpy.run_module('scripts.setup', run_name='__main__')"


def test_old_pythons_can_read_the_entry() -> None:
    """What is read before the version is compared has the syntax of Python 3.7."""
    for path in (ENTRY, ENTRY.with_name("__init__.py"), ROOT / "scripts/__init__.py"):
        ast.parse(path.read_text(), feature_version=(3, 7))


def test_an_old_python_is_told_what_is_needed(tmp_path: Path) -> None:
    """One sentence with the version that is here and how to name another one."""
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"Python 3.11 or newer is needed; {sys.executable} is Python 3.10.")
    assert "make PYTHON=" in done.stderr


def test_a_newer_python_beside_it_is_taken(tmp_path: Path) -> None:
    """With the same arguments."""
    newer = tmp_path / "python3.12"
    newer.write_text('#!/bin/sh\necho "newer: $*"\n')
    newer.chmod(0o755)
    path = f"{tmp_path}:/bin"
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=True
    )
    assert done.stdout == "newer: -B -m scripts.setup run\n"
