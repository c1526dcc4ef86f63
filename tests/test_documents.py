"""The documents: their links and their width."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from scripts.docs.markdown import anchors
from scripts.docs.markdown import links as targets_of
from scripts.docs.site import navigation

ROOT = Path(__file__).parents[1]
SOURCES = ("filters", "sessions", "storage", "gateway", "components", "clients/python/otto_logs")
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


@cache
def known_anchors(path: Path) -> set[str]:
    return anchors(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_anchors_of_links_exist(document: str) -> None:
    """A link into a document names one of its headings."""
    path = ROOT / document
    missing = []
    for target in targets_of(path.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        if anchor and "://" not in name:
            into = (path.parent / name).resolve() if name else path
            if into.suffix == ".md" and unquote(anchor) not in known_anchors(into):
                missing.append(target)
    assert missing == []


def test_every_page_is_in_the_navigation() -> None:
    """Of the site: what is in ``docs/`` can be reached, in both languages, and nothing is named twice."""
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    english, korean = navigation(ROOT), navigation(ROOT, "ko")
    assert pages - {*english, *(f"ko/{page}" for page in korean)} == set()
    assert len(english) == len(set(english))
    assert set(korean) <= set(english)


@cache
def texts_of_the_code() -> str:
    """Every text in the code, one a line, with ``…`` for what is filled in."""
    found = []
    for folder in SOURCES:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
                    found.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.append(node.value)
    return "\n".join(found)


def test_messages_in_the_troubleshooting_are_those_of_the_code() -> None:
    """A heading that is a message quotes one that the code has; each has a command or a place to go to."""
    text = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
    symptoms = re.findall(r"^### (.+)\n(.+(?:\n(?!#).*)*)", text, re.MULTILINE)
    assert len(symptoms) >= 50
    assert [heading for heading, help_text in symptoms if "`" not in help_text and "](" not in help_text] == []
    messages = [heading[1:-1] for heading, _ in symptoms if re.fullmatch(r"`[^`]+`", heading)]
    assert len(messages) >= 40
    code = texts_of_the_code()
    pattern = {each: ".*".join(map(re.escape, each.split("…"))) for each in messages}
    assert [each for each in messages if not re.search(pattern[each], code)] == []


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
