"""What an expression says, as a tree in one canonical form, and that as text again.

Negation stands at the leaves alone, ``All`` and ``AnyOf`` take turns, and their terms are sorted and different: what
says the same in another order is the same tree.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from filters.entry import LEVELS, SOURCES

__all__ = [
    "TRACE_FIELDS",
    "All",
    "AnyOf",
    "Node",
    "Regex",
    "Text",
    "Values",
    "all_of",
    "any_of",
    "negated",
    "text_of",
    "values",
]

TRACE_FIELDS: Final = ("trace_id", "span_id")
"""Fields that compare a value of the entry's metadata of the same name: identifiers in lower-case hexadecimal."""

_FIXED: Final = {"level": LEVELS, "source": SOURCES}
_SLASH: Final = re.compile(r"\\.|/", re.DOTALL)


class Text(msgspec.Struct, frozen=True):
    """The message has this text; case-folded, and so is the message."""

    text: str
    is_negated: bool = False


class Regex(msgspec.Struct, frozen=True):
    """The regular expression is found in the message."""

    pattern: str
    any_case: bool = False
    is_negated: bool = False


class Values(msgspec.Struct, frozen=True):
    """The entry's ``field`` is one of these; a label is ``name``, whatever its value, or ``name=value``."""

    field: str
    values: tuple[str, ...]
    is_negated: bool = False


class All(msgspec.Struct, frozen=True):
    """Every term holds."""

    terms: tuple["Node", ...]


class AnyOf(msgspec.Struct, frozen=True):
    """A term holds."""

    terms: tuple["Node", ...]


Node = Text | Regex | Values | All | AnyOf


def values(field: str, chosen: Collection[str], *, is_negated: bool = False) -> Values:
    """One of some values. Of levels and sources, not to be some of them is to be one of the others."""
    known = _FIXED.get(field)
    if known is None:
        return Values(field, tuple(sorted(set(chosen))), is_negated)
    mine = {value for value in known if (value in chosen) != is_negated} or set(known)
    return Values(field, tuple(value for value in known if value in mine), is_negated and len(mine) == len(known))


def negated(node: Node) -> Node:
    """Its opposite."""
    match node:
        case Text(text, is_negated):
            return Text(text, not is_negated)
        case Regex(pattern, any_case, is_negated):
            return Regex(pattern, any_case, not is_negated)
        case Values(field, chosen, is_negated):
            return values(field, chosen, is_negated=not is_negated)
        case All(terms):
            return any_of([negated(term) for term in terms])
        case AnyOf(terms):
            return all_of([negated(term) for term in terms])


def all_of(terms: Sequence[Node]) -> Node:
    """All of some terms, at least one."""
    flat = [each for term in terms for each in (term.terms if isinstance(term, All) else (term,))]
    kept = _canonical(flat, is_negated=True)
    return kept[0] if len(kept) == 1 else All(kept)


def any_of(terms: Sequence[Node]) -> Node:
    """One of some terms, at least one."""
    flat = [each for term in terms for each in (term.terms if isinstance(term, AnyOf) else (term,))]
    kept = _canonical(flat, is_negated=False)
    return kept[0] if len(kept) == 1 else AnyOf(kept)


def _canonical(terms: Sequence[Node], *, is_negated: bool) -> tuple[Node, ...]:
    """Terms in order, without repeats; one for all values of a field, where that says the same."""
    joined: dict[str, set[str]] = {}
    kept: dict[str, Node] = {}
    for term in terms:
        if isinstance(term, Values) and term.is_negated == is_negated:
            joined.setdefault(term.field, set()).update(term.values)
        else:
            kept[text_of(term)] = term
    for field, chosen in joined.items():
        term = values(field, chosen, is_negated=is_negated)
        kept[text_of(term)] = term
    return tuple(kept[text] for text in sorted(kept))


def text_of(node: Node) -> str:
    """The canonical text, which the parser reads as the same tree."""
    match node:
        case Text(text, is_negated):
            return _sign(is_negated) + _quoted(text)
        case Regex(pattern, any_case, is_negated):
            escaped = _SLASH.sub(lambda found: "\\/" if found[0] == "/" else found[0], pattern)
            return f"{_sign(is_negated)}/{escaped}/{'i' * any_case}"
        case Values(field, chosen, is_negated):
            shown = chosen if field in _FIXED else map(_quoted, chosen)
            return f"{_sign(is_negated)}{field}:{','.join(shown)}"
        case All(terms):
            return " ".join(f"({text_of(term)})" if isinstance(term, AnyOf) else text_of(term) for term in terms)
        case AnyOf(terms):
            return " OR ".join(f"({text_of(term)})" if isinstance(term, All) else text_of(term) for term in terms)


def _sign(is_negated: bool) -> str:
    return "-" if is_negated else ""


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
