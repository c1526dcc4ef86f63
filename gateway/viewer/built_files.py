"""The files of the built viewer, as the gateway keeps and sends them."""

import gzip
import hashlib
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Final

__all__ = ["INDEX", "BuiltFile", "built_files", "built_index"]

INDEX: Final = "index.html"

_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
}
_GZIP_BYTES_MIN: Final = 1024
"""Below this a file fits into the packet that its head is in."""


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One file.

    Attributes:
        content: as it is.
        compressed: the same for ``Content-Encoding: gzip``; None if that saves nothing.
        media_type: by the end of its name.
        tag: an entity tag that changes with the content.
    """

    content: bytes = field(repr=False)
    compressed: bytes | None = field(repr=False)
    media_type: str
    tag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "BuiltFile":
        """The file of a name; a ``KeyError`` for a kind that the viewer has no use for."""
        packed = gzip.compress(content, 9, mtime=0) if len(content) >= _GZIP_BYTES_MIN else content
        return cls(
            content=content,
            compressed=packed if len(packed) < len(content) else None,
            media_type=_TYPES[PurePosixPath(name).suffix],
            tag=hashlib.sha256(content).hexdigest()[:16],
        )


def built_files(directory: Traversable | None = None) -> dict[str, BuiltFile]:
    """All files by their path in the build, ``index.html`` and ``assets/*``; empty if it was not built.

    Args:
        directory: that has the build; None is the one beside this module, where ``make setup`` puts it.
    """
    index = built_index(directory)
    if index is None:
        return {}
    assets = _root(directory).joinpath("assets")
    found = {INDEX: index}
    for file in sorted(assets.iterdir(), key=lambda file: file.name) if assets.is_dir() else ():
        if file.is_file() and PurePosixPath(file.name).suffix in _TYPES:
            found[f"assets/{file.name}"] = BuiltFile.of(file.name, file.read_bytes())
    return found


def built_index(directory: Traversable | None = None) -> BuiltFile | None:
    """``index.html`` alone; None if it was not built.

    Args:
        directory: see ``built_files``.
    """
    index = _root(directory).joinpath(INDEX)
    return BuiltFile.of(INDEX, index.read_bytes()) if index.is_file() else None


def _root(directory: Traversable | None) -> Traversable:
    return directory if directory is not None else files(__package__).joinpath("built")
