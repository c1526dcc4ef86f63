"""What docs/architecture.md says of this tree."""

import ast
import re
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
