"""Many texts looked for at once, with an automaton; the Python client does so with a regular expression."""

from collections.abc import Callable, Sequence

from ahocorasick_rs import AhoCorasick, Implementation, MatchKind

__all__ = ["needle_search"]


def needle_search(needles: Sequence[str]) -> Callable[[str], list[tuple[int, int]]]:
    """A function that gives where a text has one of them: begin and end, in order, the longest where several begin.

    Raises:
        ValueError: one is empty.
    """
    automaton = AhoCorasick(
        needles,
        matchkind=MatchKind.LeftmostLongest,
        store_patterns=False,
        implementation=Implementation.ContiguousNFA,
    )

    def search(text: str) -> list[tuple[int, int]]:
        return [(start, end) for _, start, end in automaton.find_matches_as_indexes(text)]

    return search
