"""Labels of tasks in an expression: decided once for each task, and what is left is about its lines."""

from collections.abc import Collection

import msgspec

from filters.expressions.canonical import with_expression
from filters.expressions.nodes import All, AnyOf, Node, Values, all_of, any_of
from filters.expressions.parser import parse
from filters.model import LogFilter

__all__ = ["filter_of_task", "has_labels"]


def has_labels(log_filter: LogFilter) -> bool:
    """Whether a filter chooses tasks by labels."""
    node = parse(log_filter.expression, is_canonical=True)
    return node is not None and _has_labels(node)


def filter_of_task(log_filter: LogFilter, labels: Collection[str]) -> LogFilter | None:
    """The filter for the lines of a task; None: none of them passes.

    Args:
        log_filter: with labels.
        labels: of the task, each as ``name`` and as ``name=value``.
    """
    node = parse(log_filter.expression, is_canonical=True)
    decided = True if node is None else _decided(node, labels)
    if decided is False:
        return None
    others = msgspec.structs.replace(log_filter, expression="")
    return others if decided is True else with_expression(others, decided)


def _has_labels(node: Node) -> bool:
    match node:
        case Values("label"):
            return True
        case All(terms) | AnyOf(terms):
            return any(map(_has_labels, terms))
        case _:
            return False


def _decided(node: Node, labels: Collection[str]) -> Node | bool:
    match node:
        case Values("label", chosen, is_negated):
            return any(label in labels for label in chosen) is not is_negated
        case All(terms) | AnyOf(terms):
            is_all = isinstance(node, All)
            left: list[Node] = []
            for term in terms:
                decided = _decided(term, labels)
                if decided is True or decided is False:
                    if decided is not is_all:
                        return decided
                else:
                    left.append(decided)
            if not left:
                return is_all
            return all_of(left) if is_all else any_of(left)
        case _:
            return node
