"""What is done with the files of a release before anybody else gets them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from scripts.release.trial import try_npm, try_python

__all__ = ["CHECKS"]

ROOT: Final = Path(__file__).parents[2]
_PYTHON_TOOLS: Final = Path(sys.executable).parent
_NODE_TOOLS: Final = ROOT / "tests" / "node" / "node_modules" / ".bin"


def _twine(folder: Path) -> str:
    files = [*folder.glob("*.whl"), *folder.glob("*.tar.gz")]
    return _run(_PYTHON_TOOLS / "twine", "check", "--strict", *files) and f"{len(files)} files"


def _wheels(folder: Path) -> str:
    # W009: several packages at the top are intended
    wheels = list(folder.glob("*.whl"))
    return _run(_PYTHON_TOOLS / "check-wheel-contents", "--ignore", "W009", *wheels) and f"{len(wheels)} wheels"


def _publint(folder: Path) -> str:
    (package,) = (folder / "npm").glob("*.tgz")
    _run(_NODE_TOOLS / "publint", "--strict", package)
    return package.name


def _types(folder: Path) -> str:
    (package,) = (folder / "npm").glob("*.tgz")
    # It has no CommonJS, by intention.
    _run(_NODE_TOOLS / "attw", package, "--profile", "esm-only", "--no-color")
    return package.name


def _run(*command: Path | str) -> str:
    """Its output.

    Raises:
        RuntimeError: it failed; the text is its output.
    """
    done = subprocess.run([str(each) for each in command], capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


CHECKS: Final[dict[str, Callable[[Path], str]]] = {
    "twine check --strict": _twine,
    "check-wheel-contents": _wheels,
    "publint --strict": _publint,
    "arethetypeswrong": _types,
    "installed by pip, and used": try_python,
    "installed by npm, and used": try_npm,
}
"""A check takes the folder and returns what it saw, for the table; it raises RuntimeError where something is wrong."""
