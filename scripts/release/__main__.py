"""Builds the files of a release twice, compares them, lists them with their hashes, and checks them.

The pages have to be built, and the packages of JavaScript installed (``make setup-tests``).
"""

import gzip
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from scripts.release.checks import CHECKS
from scripts.release.provenance import provenance
from scripts.release.sbom import bill_of_materials

ROOT: Final = Path(__file__).parents[2]
_PYTHON: Final = ("proto/python", "clients/python", ".")
_SUMS: Final = "SHA256SUMS"


def main() -> int:
    """Make ``dist/`` and check it; 1: two builds of the same differ, the pages are missing, or a check has failed."""
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
    name, version = _project()
    statement = provenance(first, ROOT, commit=_output("git", "rev-parse", "HEAD"), made_at=made_at)
    (target / f"{name}-{version}.provenance.json").write_text(statement)
    text = "".join(f"{digest}  {name}\n" for name, digest in sorted(sums(target).items()))
    (target / _SUMS).write_text(text)
    print(text, flush=True)
    are_well = [_shown("built twice, compared", True, f"{len(first)} files, the same bytes")]
    are_well += [_shown(*row(name, check, target)) for name, check in CHECKS.items()]
    if _output("git", "status", "--short"):
        print("not committed: what git status shows is in these files; they are no release")
    return 0 if all(are_well) else 1


def _shown(name: str, is_well: bool, saw: str) -> bool:
    print(f"{'ok    ' if is_well else 'FAILED'}  {name:28}{saw}", flush=True)
    return is_well


def row(name: str, check: Callable[[Path], str], folder: Path) -> tuple[str, bool, str]:
    """A row of the table: what was checked, whether it is well, and what was seen."""
    try:
        return name, True, check(folder)
    except RuntimeError as error:
        return name, False, str(error)


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
    name, version = _project()
    (target / "deploy").mkdir()  # in a folder of its own, for the same reason
    archive(ROOT / "deploy", target / "deploy" / f"{name}-deploy-{version}.tar.gz", made_at)
    text = bill_of_materials(ROOT / "requirements.lock", name=name, version=version, made_at=made_at)
    (target / f"{name}-{version}.cdx.json").write_text(text)


def archive(folder: Path, target: Path, made_at: int) -> None:
    """Pack a folder, the same bytes whenever and by whomever."""

    def as_of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = made_at
        member.mode = 0o755 if member.isdir() else 0o644
        return member

    with (
        target.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=made_at) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            tar.add(path, f"{folder.name}/{path.relative_to(folder)}", recursive=False, filter=as_of_nobody)


def sums(folder: Path) -> dict[str, str]:
    """The hash of each file."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _project() -> tuple[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return project["name"], project["version"]


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} in {folder}:\n{done.stdout}{done.stderr}")


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
