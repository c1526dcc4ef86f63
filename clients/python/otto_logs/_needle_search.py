"""Many texts looked for at once, with a regular expression; the gateway does so with an automaton."""

import re
from collections import defaultdict
from collections.abc import Callable, Sequence

__all__ = ["needle_search"]


def needle_search(needles: Sequence[str]) -> Callable[[str], list[tuple[int, int]]]:
    """A function that gives where a text has one of them: begin and end, in order, the longest where several begin."""
    pattern = re.compile(_one_of(needles, 2))

    def search(text: str) -> list[tuple[int, int]]:
        return [found.span() for found in pattern.finditer(text)]

    return search


def _one_of(texts: Sequence[str], depth: int) -> str:
    """A pattern for any of the texts, the longest first; branches by their first characters, which ``re`` does not."""
    if depth == 0 or len(texts) == 1:
        return "|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True))
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for text in texts:
        groups[text[:1]].append(text[1:])
    branches = sorted(groups.items(), reverse=True)  # where a text ends here, the others are longer and come first
    return "|".join(f"{re.escape(first)}(?:{_one_of(rest, depth - 1)})" for first, rest in branches)
