"""Values of OTLP (``AnyValue``) as Python's."""

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

__all__ = ["DEPTH_MAX", "ValueTooDeepError", "attributes_of", "value_of"]

DEPTH_MAX: Final = 32
"""How deeply lists and maps may be nested."""

Message: TypeAlias = Any
"""A message of ``opentelemetry.proto``, whose types are imported only when OTLP is received."""


class ValueTooDeepError(ValueError):
    """A value is nested more deeply than ``DEPTH_MAX``; its record cannot be stored."""

    def __init__(self) -> None:
        super().__init__(f"a value is nested more than {DEPTH_MAX} deep")


def value_of(message: Message, depth: int = DEPTH_MAX) -> Any:
    """An ``AnyValue`` as None, text, boolean, number, bytes, list or dictionary.

    Raises:
        ValueTooDeepError: it is nested too deeply.
    """
    kind = message.WhichOneof("value")
    if kind == "string_value":
        return message.string_value
    if kind is None:
        return None
    if kind not in ("array_value", "kvlist_value"):
        return getattr(message, kind)
    if not depth:
        raise ValueTooDeepError
    if kind == "array_value":
        return [value_of(each, depth - 1) for each in message.array_value.values]
    return attributes_of(message.kvlist_value.values, depth - 1)


def attributes_of(pairs: Iterable[Message], depth: int = DEPTH_MAX) -> dict[str, Any]:
    """``KeyValue`` messages as a dictionary; of a key that comes twice the last.

    Raises:
        ValueTooDeepError: a value is nested too deeply.
    """
    return {pair.key: value_of(pair.value, depth) for pair in pairs}
