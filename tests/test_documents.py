"""The documents: their links and their width."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WIDTH = 120
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "clients/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)


def links(document: str) -> list[str]:
    """What a document links to, and the pictures in it, in their order."""
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r'\]\(([^)\s]+)\)|src(?:set)?="([^"]+)"', text)


def prose(document: str) -> Iterator[str]:
    """The lines of paragraphs and lists: no code, tables, headings or pictures."""
    is_code = False
    for line in (ROOT / document).read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            is_code = not is_code
        elif not is_code and not line.lstrip().startswith(("|", "<", "#", "![")):
            yield line


def test_both_readmes_have_the_same_links() -> None:
    """Whatever can be reached from one can be reached from the other; each links to its counterpart."""
    english, korean = links("README.md"), links("README.ko.md")
    assert sorted(set(english) - {("README.ko.md", "")}) == sorted(set(korean) - {("README.md", "")})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_within_the_repository_lead_to_files(document: str) -> None:
    """What a link names is there."""
    targets = [target.partition("#")[0] for pair in links(document) for target in pair if target]
    missing = [
        target
        for target in targets
        if target and "://" not in target and not ((ROOT / document).parent / target).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_prose_wraps_at_one_width(document: str) -> None:
    """Only what cannot be broken, such as an address or a piece of code, is longer."""
    too_long = [line for line in prose(document) if len(line) > WIDTH]
    assert [line for line in too_long if " " in re.sub(r"`[^`]*`", lambda code: "x" * len(code[0]), line.strip())] == []


def test_every_test_of_the_compatibility_table_exists() -> None:
    """Each row names a file, and in it the functions that hold what it says."""
    text = (ROOT / "docs/compatibility.md").read_text(encoding="utf-8").partition("| difference |")[0]
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) > 30
    for behaviour, tests, _ in rows:
        source = ""
        for name in re.findall(r"`([^`]+)`", tests):
            if "/" in name:
                path = ROOT / name if name.startswith("clients/viewer/") else ROOT / "tests" / name
                source = path.read_text(encoding="utf-8")
            else:
                assert f"def {name}(" in source, (behaviour, name)
        assert source, behaviour
