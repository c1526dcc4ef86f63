"""The documents and their links."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/**/*.md", "clients/*/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)


def links(document: str) -> list[str]:
    """What a document links to, and the pictures in it, in their order."""
    text = re.sub(r"```.*?```", "", (ROOT / document).read_text(encoding="utf-8"), flags=re.DOTALL)
    return re.findall(r'\]\(([^)\s]+)\)|src(?:set)?="([^"]+)"', text)


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
