"""The site's copies of the documents, and the check of what was built."""

from pathlib import Path

import pytest

from scripts.docs.markdown import anchors, slug, wrapped
from scripts.docs.site import broken_links
from scripts.docs.staging import Staging

PAGES = frozenset({"index.md", "api.md", "how-to/operator.md", "clients/python/README.md"})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in (
        "docs/api.md",
        "docs/how-to/operator.md",
        "docs/ko/index.md",
        "clients/python/README.md",
        "deploy/x.yml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("# Title\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("page", "link", "staged"),
    [
        ("how-to/operator.md", "../api.md#errors", "../api.md#errors"),
        ("how-to/operator.md", "../../clients/python/README.md", "../clients/python/README.md"),
        ("how-to/operator.md", "../../clients/python", "../clients/python/README.md"),
        ("how-to/operator.md", "../../deploy/x.yml", "../files/deploy/x.yml"),
        ("clients/python/README.md", "../../docs/api.md", "../../api.md"),
        ("api.md", "https://example.com/x.md", "https://example.com/x.md"),
        ("api.md", "#errors", "#errors"),
    ],
)
def test_links_of_a_copied_page_stay_in_the_site(root: Path, page: str, link: str, staged: str) -> None:
    """To pages as to pages, to other files as to copies of them; code is left as it is."""
    source = root / "docs" / page if (root / "docs" / page).exists() else root / page
    source.write_text(f"# Title\n[text]({link}) `[code]({link})`\n", encoding="utf-8")
    assert Staging(root, root / "out", PAGES).copy(page) == "Title"
    assert (root / "out" / page).read_text() == f"# Title\n[text]({staged}) `[code]({link})`\n"


def test_a_korean_page_links_to_english_ones(root: Path) -> None:
    """Which are in the site above its own."""
    (root / "docs/ko/index.md").write_text("[a](../api.md#errors) [b](index.md)\n", encoding="utf-8")
    Staging(root, root / "out", PAGES, "ko").copy("index.md")
    assert (root / "out/index.md").read_text() == "[a](../api.html#errors) [b](index.md)\n"


def test_broken_and_foreign_links_of_a_site_are_found(tmp_path: Path) -> None:
    """Missing pages and anchors, and scripts from elsewhere; links to other sites are not followed."""
    (tmp_path / "a.html").write_text('<h1 id="top"></h1><a href="b.html#x"></a><a href="https://example.com"></a>')
    (tmp_path / "b.html").write_text(
        '<a href="a.html#top"></a><a href="c.html"></a><script src="https://e.com/s.js"></script>'
    )
    assert broken_links(tmp_path) == ["a.html → b.html#x", "b.html fetches https://e.com/s.js", "b.html → c.html"]


def test_headings_have_the_anchors_of_the_forge() -> None:
    """Punctuation and markup go, a repeated heading has a number."""
    assert slug("`GET …/logs/{taskId}/counts`") == "get-logstaskidcounts"
    assert anchors("# A b\n## A b\n```\n# no\n```\n") == {"a-b", "a-b-1"}


def test_paragraphs_of_generated_pages_have_the_width_of_documents() -> None:
    """Tables and code are as wide as they are."""
    text = f"{'word ' * 40}\n| {'cell ' * 40}|\n```\n{'code ' * 40}\n```"
    assert [len(line) > 120 for line in wrapped(text)] == [False, False, True, False, True, False, False]
