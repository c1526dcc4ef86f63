"""Markdown as the documents use it: headings, links, anchors, and tables for generated pages."""

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

__all__ = ["anchors", "cell", "links", "slug", "table", "title", "wrapped"]

WIDTH: Final = 120
_FENCE: Final = re.compile(r"^( *)(`{3,}|~{3,})[^\n]*\n.*?^\1\2[ ]*$", re.DOTALL | re.MULTILINE)
_CODE: Final = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_HEADING: Final = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_LINK: Final = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)|(?:src(?:set)?|href)=\"([^\" ]+)\"")
_ID: Final = re.compile(r"<a (?:id|name)=\"([^\"]+)\">")
_MARKUP: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|<[^>]+>|[*`]")


def _prose(text: str) -> str:
    """The text without blocks of code."""
    return _FENCE.sub("", text)


def title(text: str) -> str:
    """The first heading, without its markup; empty: there is none."""
    found = _HEADING.search(_prose(text))
    return _plain(found[1]) if found else ""


def slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and the site make it."""
    kept = re.sub(r"[^\w\- ]", "", _plain(heading).strip().lower())
    return kept.replace(" ", "-")


def anchors(text: str) -> set[str]:
    """What links into this document may name."""
    found: set[str] = set()
    prose = _prose(text)
    for heading in _HEADING.findall(prose):
        name = first = slug(heading)
        number = 0
        while name in found:
            number += 1
            name = f"{first}-{number}"
        found.add(name)
    return found | set(_ID.findall(prose))


def links(text: str) -> Iterator[str]:
    """The targets of links and pictures, outside code."""
    for inner, attribute in _LINK.findall(_CODE.sub("`code`", _prose(text))):
        yield inner or attribute


def cell(text: object) -> str:
    """A text for a cell of a table."""
    return " ".join(str(text).split()).replace("|", "\\|")


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[str]:
    """A table, with a blank line behind it."""
    yield f"| {' | '.join(head)} |"
    yield f"| {' | '.join('---' for _ in head)} |"
    for row in rows:
        yield f"| {' | '.join(map(cell, row))} |"
    yield ""


def wrapped(text: str) -> Iterator[str]:
    """The lines of a text, with its paragraphs as wide as the documents are; code, tables and headings as they are."""
    paragraph: list[str] = []
    is_code = False
    for line in [*text.splitlines(), ""]:
        is_fence = line.startswith("```")
        if not is_code and not is_fence and line and not line.startswith(("|", "#", "<", "- ")):
            paragraph.append(line)
            continue
        if paragraph:
            yield from textwrap.wrap(" ".join(paragraph), WIDTH, break_long_words=False, break_on_hyphens=False)
            paragraph = []
        is_code ^= is_fence
        yield line


def _plain(text: str) -> str:
    return _MARKUP.sub(lambda found: found[1] or "", text)
