"""An expression made ready to be applied to many entries: one pass over what is left for each term."""

from collections.abc import Callable, Sequence
from itertools import compress
from typing import Final, Protocol

from filters.entry import LogEntry, level_mask
from filters.expressions.nodes import TRACE_FIELDS, All, AnyOf, Node, Regex, Text, Values
from filters.expressions.regex import compiled, instructions, literals_of
from filters.keyword_search import keyword_search

__all__ = ["Batch", "Test", "cost_of", "levels_of", "literals", "most_selective", "test_of"]

_FIRST: Final = (Values, Text, AnyOf, All, Regex)
"""Kinds of terms, the cheapest first."""


class Batch:
    """Entries, and their messages case-folded where a test has asked for them."""

    __slots__ = ("_folded", "_is_folded", "entries")

    def __init__(self, entries: Sequence[LogEntry], folded: Sequence[str] | None = None) -> None:
        self.entries = entries
        self._is_folded = folded is not None
        self._folded: list[str | None] = list(folded) if folded is not None else [None] * len(entries)

    def __repr__(self) -> str:
        return f"<Batch of {len(self.entries)}>"

    def folded(self, left: Sequence[int]) -> Sequence[str]:
        """The case-folded messages of some entries."""
        known, entries = self._folded, self.entries
        if not self._is_folded:
            for index in left:
                if known[index] is None:
                    known[index] = entries[index].message.casefold()
        return [known[index] for index in left]  # type: ignore[misc]


class Test(Protocol):
    """Says which of the entries with some indices pass; ascending, as the indices are."""

    def __call__(self, batch: Batch, left: list[int]) -> list[int]:
        """The indices that pass."""
        ...


def test_of(node: Node) -> Test:
    """The test of a tree without labels, which are of tasks and not of entries."""
    match node:
        case Text(text, is_negated):
            return _texts((text,), is_wanted=not is_negated)
        case Regex(pattern, any_case, is_negated):
            return _regex(pattern, any_case=any_case, is_wanted=not is_negated)
        case Values(field, chosen, is_negated):
            return _values(field, chosen, is_wanted=not is_negated)
        case All(terms):
            return _all_of(_tests(terms, is_negated=True))
        case AnyOf(terms):
            return _any_of(_tests(terms, is_negated=False))


def _tests(terms: Sequence[Node], *, is_negated: bool) -> list[Test]:
    """Tests, the cheapest first; texts of which none, or one, has to be there are looked for together."""
    joined = tuple(term.text for term in terms if isinstance(term, Text) and term.is_negated == is_negated)
    others = [term for term in terms if not (isinstance(term, Text) and term.is_negated == is_negated)]
    tests = [(_FIRST.index(type(term)), test_of(term)) for term in others]
    if joined:
        tests.append((_FIRST.index(Text), _texts(joined, is_wanted=not is_negated)))
    return [test for _, test in sorted(tests, key=lambda each: each[0])]


def _texts(texts: tuple[str, ...], *, is_wanted: bool) -> Test:
    have_one = keyword_search(texts)

    def test(batch: Batch, left: list[int]) -> list[int]:
        found = have_one(batch.folded(left))
        return list(compress(left, found)) if is_wanted else [i for i, has in zip(left, found, strict=True) if not has]

    return test


def _regex(pattern: str, *, any_case: bool, is_wanted: bool) -> Test:
    search = compiled(pattern, any_case=any_case)
    may_be_in: Callable[[Sequence[str]], list[bool]] | None = None
    if known := literals_of(pattern):
        may_be_in = keyword_search(known)

    def test(batch: Batch, left: list[int]) -> list[int]:
        looked_at = left if may_be_in is None else list(compress(left, may_be_in(batch.folded(left))))
        entries = batch.entries
        found = [i for i in looked_at if search(entries[i].message.encode()) is not None]
        return found if is_wanted else _without(left, found)

    return test


def _values(field: str, chosen: tuple[str, ...], *, is_wanted: bool) -> Test:
    wanted = frozenset(chosen)

    def of_level(batch: Batch, left: list[int]) -> list[int]:
        entries = batch.entries
        return [i for i in left if (entries[i].level in wanted) is is_wanted]

    def of_source(batch: Batch, left: list[int]) -> list[int]:
        entries = batch.entries
        return [i for i in left if (entries[i].source in wanted) is is_wanted]

    def of_worker(batch: Batch, left: list[int]) -> list[int]:
        entries = batch.entries
        return [i for i in left if (entries[i].worker_id in wanted) is is_wanted]

    def of_metadata(batch: Batch, left: list[int]) -> list[int]:
        entries = batch.entries
        return [i for i in left if ((entries[i].metadata or {}).get(field, "").lower() in wanted) is is_wanted]

    if field in TRACE_FIELDS:
        return of_metadata
    return {"level": of_level, "source": of_source, "worker": of_worker}[field]


def _all_of(tests: Sequence[Test]) -> Test:
    def test(batch: Batch, left: list[int]) -> list[int]:
        for each in tests:
            left = each(batch, left)
            if not left:
                break
        return left

    return test


def _any_of(tests: Sequence[Test]) -> Test:
    def test(batch: Batch, left: list[int]) -> list[int]:
        rest = left
        for each in tests:
            rest = _without(rest, each(batch, rest))
            if not rest:
                break
        return _without(left, rest)

    return test


def _without(indices: list[int], dropped: Sequence[int]) -> list[int]:
    if not dropped:
        return indices
    gone = frozenset(dropped)
    return [index for index in indices if index not in gone]


def levels_of(node: Node) -> int:
    """The bits of the levels of which an entry may pass."""
    match node:
        case Values("level", chosen, is_negated):
            return 0 if is_negated else level_mask(chosen)
        case All(terms):
            mask = ~0
            for term in terms:
                mask &= levels_of(term)
            return mask
        case AnyOf(terms):
            mask = 0
            for term in terms:
                mask |= levels_of(term)
            return mask
        case _:
            return ~0


def literals(node: Node) -> tuple[str, ...]:
    """Case-folded texts, of which every encoded entry that passes has one; none where that is not known."""
    match node:
        case Text(text, False):
            return (text,)
        case Values(field, chosen, False) if field in TRACE_FIELDS:
            return chosen
        case Regex(pattern, _, False):
            return literals_of(pattern)
        case All(terms):
            return most_selective([literals(term) for term in terms])
        case AnyOf(terms):
            each = [literals(term) for term in terms]
            return tuple(sorted({text for texts in each for text in texts})) if all(each) else ()
        case _:
            return ()


def most_selective(candidates: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Of several sets of texts the one that fewest lines will have, by its number of texts and the shortest one."""
    known = [texts for texts in candidates if texts]
    return max(known, key=lambda texts: (min(min(map(len, texts)), 4), -len(texts)), default=())


def cost_of(node: Node) -> int:
    """The instructions of all regular expressions: what a byte may cost grows with them."""
    match node:
        case Regex(pattern, any_case, _):
            return instructions(pattern, any_case=any_case)
        case All(terms) | AnyOf(terms):
            return sum(map(cost_of, terms))
        case _:
            return 0
