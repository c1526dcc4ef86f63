"""What docs/architecture.md says of this tree, how large its parts may be, and that import cycles are found."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/architecture.md").read_text()
RACES = [
    line.split(" | ") for line in TEXT.partition("## Races")[2].partition("\n## ")[0].split("\n") if "| **" in line
]


@cache
def functions(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


@pytest.mark.parametrize("row", RACES, ids=[row[0].strip("|* ") for row in RACES])
def test_each_race_names_tests_that_exist(row: list[str]) -> None:
    """One at least, by file and function."""
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", row[-1])
    assert named
    for file, function in named:
        assert function in functions(ROOT / file)


def test_the_table_of_races_is_found() -> None:
    """Or the test above would look at nothing."""
    assert len(RACES) >= 20


MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70


def sources() -> list[Path]:
    """All Python that git knows of and nothing has generated."""
    listed = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    paths = [ROOT / name for name in listed.split() if not name.endswith(("_pb2.py", "_grpc.py"))]
    return [path for path in paths if path.exists()]


def test_no_module_is_longer_than_it_may_be() -> None:
    long = {str(path.relative_to(ROOT)): path.read_text().count("\n") for path in sources()}
    assert len(long) > 1_000
    assert {name: lines for name, lines in long.items() if lines > MODULE_LINES_MAX} == {}


def test_no_function_is_longer_than_it_may_be() -> None:
    """Outside of tests, whose functions may hold a table."""
    found = {}
    for path in sources():
        if path.relative_to(ROOT).parts[0] in {"tests", "benchmarks"}:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    found[f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"] = lines
    assert found == {}


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lint-imports prints of a tree with wrong imports of types alone."""
    tree = tmp_path_factory.mktemp("tree")
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
    for package in packages:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for importer, imported in (
        ("sessions/channel.py", "sessions.hub"),
        ("gateway/http/sockets.py", "gateway.ingest.tls"),
        ("storage/sqlite/schema_version.py", "storage.journal.inventory"),
        ("components/batch_jobs/retries.py", "components.executions.updates"),
        ("gateway/app.py", "components.automation.queue"),
        ("storage/errors.py", "components.executions.updates"),
        ("components/executions/updates.py", "gateway.ingest.limits"),
    ):
        with (tree / importer).open("a") as file:
            file.write(f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import {imported}\n")
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--config", ROOT / "pyproject.toml"]
    done = subprocess.run(command, cwd=tree, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    return done.stdout


@pytest.mark.xdist_group("import contracts")
def test_lint_imports_fails_on_cycles(complaints: str) -> None:
    """Of modules in one package, of modules in two, and of packages whose modules have none."""
    assert sorted(re.findall(r"No cycles are allowed in (\w+)", complaints)) == ["gateway", "sessions", "storage"]


@pytest.mark.xdist_group("import contracts")
def test_lint_imports_fails_on_what_reaches_into_components(complaints: str) -> None:
    """Other components, and the core beyond its lists; and on components that reach into the core."""
    for importer, imported in (
        ("components.executions.updates", "gateway.ingest.limits"),
        ("components.batch_jobs.retries", "components.executions.updates"),
        ("gateway.app", "components.automation.queue"),
        ("storage.errors", "components.executions.updates"),
    ):
        assert f"{importer} -> {imported}" in " ".join(complaints.split())
