"""``make clean``: removes what the other commands made, and says what else git ignores here, because it may be dear."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from scripts.setup.steps import PAGES

__all__ = ["clean", "main"]

ROOT = Path(__file__).resolve().parents[1]
ANYWHERE = frozenset(
    {
        "__pycache__",
        "node_modules",
        ".pytest_cache",
        ".mypy_cache",
        ".ruff_cache",
        ".hypothesis",
        ".import_linter_cache",
    }
)
"""Directories that only tools make, wherever they are."""
HERE = (PAGES, "clients/js/dist", "benchmarks/build", "build", "dist", "var", ".coverage", ".venv", ".venv-docs")


def main() -> int:
    """The exit code."""
    clean(ROOT)
    for path in _ignored(ROOT):
        print(f"left alone, though git ignores it: {path}")
    return 0


def clean(root: Path) -> None:
    """Remove what was made in the clone at ``root``; another clone inside it is left as it is."""
    for path in [*(root / name for name in HERE), *_caches(root)]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _caches(root: Path) -> Iterator[Path]:
    for directory, names, _ in os.walk(root):
        here = Path(directory)
        for name in ANYWHERE.intersection(names):
            yield here / name
        names[:] = [
            name for name in names if not (name in ANYWHERE or name == ".git" or (here / name / ".git").exists())
        ]


def _ignored(root: Path) -> list[str]:
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return []
    command = [git, "ls-files", "--others", "--ignored", "--exclude-standard", "--directory"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False).stdout.splitlines()  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
