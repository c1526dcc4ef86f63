"""Builds the files of a release twice, compares them, and lists them with their hashes.

The pages have to be built, and the packages of JavaScript installed (``make setup-tests``).
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from scripts.release.sbom import bill_of_materials

ROOT: Final = Path(__file__).parents[2]
_PYTHON: Final = ("proto/python", "clients/python", ".")
_SUMS: Final = "SHA256SUMS"


def main() -> int:
    """Make ``dist/``; 1: two builds of the same differ, or the pages are missing."""
    target = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "dist")
    if not (ROOT / "gateway" / "viewer" / "built" / "index.html").exists():
        print("the pages are not built: make setup", file=sys.stderr)
        return 1
    if target.exists() and any(target.iterdir()):
        print(f"{target} is not empty", file=sys.stderr)
        return 1
    made_at = int(os.environ.get("SOURCE_DATE_EPOCH") or _output("git", "log", "-1", "--format=%ct"))
    build(target, made_at)
    with tempfile.TemporaryDirectory() as again:
        build(Path(again), made_at)
        first, second = sums(target), sums(Path(again))
    differing = sorted(name for name in first.keys() | second.keys() if first.get(name) != second.get(name))
    if differing:
        print(f"two builds differ: {', '.join(differing)}", file=sys.stderr)
        return 1
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(first.items()))
    (target / _SUMS).write_text(text)
    print(text, end="")
    return 0


def build(target: Path, made_at: int, *, has_javascript: bool = True) -> None:
    """Put the packages and the bill of materials into a folder."""
    target.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(made_at)}
    for folder in _PYTHON:
        command = [sys.executable, "-m", "hatchling", "build", "-d", str(target.resolve())]
        _run(command, ROOT / folder, environment)
    if has_javascript:  # what it packs it builds before
        # In a folder of its own: pip takes a file of this name for the source archive of Python's package.
        (target / "npm").mkdir()
        command = ["npm", "pack", "--silent", "--pack-destination", str(target.resolve() / "npm")]
        _run(command, ROOT / "clients" / "js", environment)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    name, version = project["name"], project["version"]
    text = bill_of_materials(ROOT / "requirements.lock", name=name, version=version, made_at=made_at)
    (target / f"{name}-{version}.cdx.json").write_text(text)


def sums(folder: Path) -> dict[str, str]:
    """The hash of each file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {folder}:\n{done.stdout}{done.stderr}")


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
