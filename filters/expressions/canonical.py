"""An expression beside the seven fields, brought into one form: what a field can say, the field says."""

import msgspec

from filters.entry import LEVELS, SOURCES
from filters.expressions.nodes import All, AnyOf, Node, Text, Values, all_of, text_of
from filters.expressions.parser import parse
from filters.model import LogFilter

__all__ = ["with_expression", "with_text"]


def with_expression(log_filter: LogFilter, node: Node) -> LogFilter:
    """The filter that lets pass what passes both.

    So ``level:ERROR`` is the same filter as the field with this level: it shares the channel, and finds chunks by what
    is stored beside them.
    """
    terms: list[Node] = list(node.terms) if isinstance(node, All) else [node]
    if log_filter.expression:
        known = parse(log_filter.expression, is_canonical=True)
        terms += [known] if known is not None else []
    levels, terms = _narrowed("level", log_filter.levels, terms)
    sources, terms = _narrowed("source", log_filter.sources, terms)
    worker_ids, terms = _narrowed("worker", log_filter.worker_ids, terms)
    keywords = log_filter.keywords
    texts = [term for term in terms if _texts(term)]
    if not keywords and len(texts) == 1:
        keywords = _texts(texts[0])
        terms.remove(texts[0])
    return msgspec.structs.replace(
        log_filter,
        levels=() if len(levels) == len(LEVELS) else levels,
        sources=() if len(sources) == len(SOURCES) else sources,
        keywords=keywords,
        worker_ids=worker_ids,
        expression=text_of(all_of(terms)) if terms else "",
    )


def with_text(log_filter: LogFilter, text: str) -> LogFilter:
    """The filter that also wants a text in every message, whatever the case; an empty text is in all of them."""
    return with_expression(log_filter, Text(text.casefold())) if text else log_filter


def _narrowed(field: str, chosen: tuple[str, ...], terms: list[Node]) -> tuple[tuple[str, ...], list[Node]]:
    """The values that a field and the terms about it leave, and the other terms.

    A term that would leave none stays: a field without values restricts nothing.
    """
    kept: list[Node] = []
    for term in terms:
        if isinstance(term, Values) and term.field == field and not term.is_negated:
            both = tuple(value for value in term.values if not chosen or value in chosen)
            if both:
                chosen = both
                continue
        kept.append(term)
    return chosen, kept


def _texts(node: Node) -> tuple[str, ...]:
    """The texts of which one has to be there, where that is all that a term says."""
    terms = node.terms if isinstance(node, AnyOf) else (node,)
    found = [term.text for term in terms if isinstance(term, Text) and not term.is_negated]
    return tuple(sorted(found)) if len(found) == len(terms) else ()
