"""The documents as the site's program wants them: all pages in one folder, with links that stay inside it."""

import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from scripts.docs.markdown import title

__all__ = ["Staging", "navigation_pages", "page_of"]

_TARGETS: Final = re.compile(r"(\]\(<?)([^)\s>]+)|((?:src|srcset|href)=\")([^\" ]+)")
_FENCED: Final = re.compile(r"(^ *```.*?^ *```[ ]*$|`[^`\n]+`)", re.DOTALL | re.MULTILINE)
_ELSEWHERE: Final = re.compile(r"^(?:[a-z]+:|#|//)")
_FILES: Final = "files"
"""Where files go that documents link to and that are no pages."""


def page_of(path: str) -> str:
    """Where a file of the repository is in the site's folder; ``README.md`` is the first page of both."""
    if path == "README.md":
        return "index.md"
    return path.removeprefix("docs/")


def navigation_pages(root: Path, entries: list[object]) -> Iterator[str]:
    """The pages of the navigation, with what its patterns stand for."""
    for entry in entries:
        if isinstance(entry, dict):
            for below in entry.values():
                yield from navigation_pages(root, below if isinstance(below, list) else [below])
        elif "*" in str(entry):
            yield from sorted(str(path.relative_to(root / "docs")) for path in (root / "docs").glob(str(entry)))
        else:
            yield str(entry)


@dataclass(frozen=True, slots=True)
class Staging:
    """Copies pages of one language from ``root`` into ``folder``.

    Attributes:
        root: of the repository.
        folder: where the pages go.
        pages: of the site in English, as the navigation names them.
        language: empty for English; other languages are folders of ``docs/``.
    """

    root: Path
    folder: Path
    pages: frozenset[str]
    language: str = ""

    def copy(self, page: str) -> str:
        """Copy one page; its title."""
        source = self.root / "docs" / self.language / page
        if not source.exists():
            source = self.root / page
        text = source.read_text(encoding="utf-8")
        target = self.folder / page
        target.parent.mkdir(parents=True, exist_ok=True)
        pieces = _FENCED.split(text)
        linked = [piece if index % 2 else self._linked(piece, source, page) for index, piece in enumerate(pieces)]
        target.write_text("".join(linked), encoding="utf-8")
        return title(text)

    def _linked(self, text: str, source: Path, page: str) -> str:
        def replace(found: re.Match[str]) -> str:
            return (found[1] or found[3]) + self._target(found[2] or found[4], source, page)

        return _TARGETS.sub(replace, text)

    def _target(self, link: str, source: Path, page: str) -> str:
        """A link as it has to be in the copied page."""
        if _ELSEWHERE.match(link):
            return link
        name, mark, anchor = link.partition("#")
        path = Path(os.path.normpath(source.parent / name)).relative_to(self.root)
        if (self.root / path).is_dir():
            path = path / "README.md"
            if page_of(str(path)) not in self.pages:
                return f"{self._to_root(page)}index.{'html' if self.language else 'md'}"
        staged = page_of(str(path))
        own = f"docs/{self.language}/"
        if self.language and str(path).startswith(own):
            return _relative(str(path).removeprefix(own), page) + mark + anchor
        if staged in self.pages:
            if self.language:
                staged = str(PurePosixPath(staged).with_suffix(".html"))
                staged = re.sub(r"\bREADME\.html$", "index.html", staged)
            return (
                self._to_root(page) + staged + mark + anchor
                if self.language
                else _relative(staged, page) + mark + anchor
            )
        return self._file(path, page)

    def _to_root(self, page: str) -> str:
        """From a page to the root of the site in English."""
        return "../" * (len(PurePosixPath(page).parts) - 1 + bool(self.language))

    def _file(self, path: Path, page: str) -> str:
        """A file that is no page, copied beside the pages."""
        if path.parts[0] == "docs" and path.suffix in (".svg", ".png"):
            place = PurePosixPath(*path.parts[1:])
        else:
            place = PurePosixPath(_FILES, *path.parts)
            if place.suffix in (".md", ".html"):
                place = PurePosixPath(f"{place}.txt")
        target = self.folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.root / path, target)
        return _relative(str(place), page)


def _relative(target: str, page: str) -> str:
    return os.path.relpath(target, os.path.dirname(page) or ".")  # noqa: PTH120 - of links, not of files
