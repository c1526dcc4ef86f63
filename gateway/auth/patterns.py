"""Names that a token covers: exact ones, and patterns with ``*`` and ``?``."""

import re
from collections.abc import Iterable
from typing import Self

__all__ = ["NamePatterns"]


class NamePatterns:
    """A set of names, given by patterns in which ``*`` stands for any text and ``?`` for any one character.

    Every other character stands for itself, brackets too, case counts, and a pattern covers the whole name. Only what
    the token's issuer wrote is ever a pattern; the names that are looked up are not.

    A name with a step ``.`` or ``..`` between slashes, like ``build-1/../deploy``, is covered by its exact text alone:
    to us it is a name like any other, but a proxy or a program that takes it for a path ends up elsewhere.
    """

    __slots__ = ("_exact", "_globs")

    def __init__(self, patterns: Iterable[str]) -> None:
        exact, globs = set(), {}
        for pattern in patterns:
            if "*" in pattern or "?" in pattern:
                globs[pattern] = _compile(pattern)
            else:
                exact.add(pattern)
        self._exact = frozenset(exact)
        self._globs = globs

    @classmethod
    def only(cls, *names: str) -> Self:
        """The set of exactly these names; no character in them has a special meaning."""
        patterns = cls(())
        patterns._exact = frozenset(names)
        return patterns

    @property
    def parts(self) -> tuple[list[str], list[str]]:
        """Exact names, and patterns."""
        return sorted(self._exact), sorted(self._globs)

    @classmethod
    def of(cls, exact: Iterable[str], globs: Iterable[str]) -> Self:
        """The set with these ``parts``."""
        patterns = cls(globs)
        patterns._exact = frozenset(exact)
        return patterns

    def __repr__(self) -> str:
        return f"<NamePatterns {len(self._exact)} names, {len(self._globs)} patterns>"

    def __contains__(self, name: str) -> bool:
        if name in self._exact:
            return True
        return any(glob.match(name) for glob in self._globs.values()) and _DOT_STEP.search(name) is None


_DOT_STEP = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|\Z)")


def _compile(pattern: str) -> re.Pattern[str]:
    """A pattern as an expression; the groups are atomic, so that a name costs no more than its length per ``*``."""
    first, *rest = (_one_or_literal(part) for part in pattern.split("*"))
    if not rest:
        return re.compile(first + r"\Z", re.DOTALL)
    *middle, last = rest
    return re.compile(first + "".join(f"(?>.*?{part})" for part in middle) + f".*{last}" + r"\Z", re.DOTALL)


def _one_or_literal(part: str) -> str:
    return ".".join(map(re.escape, part.split("?")))
