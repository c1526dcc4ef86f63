"""JSON Schema of the types that the code itself encodes and decodes."""

from collections.abc import Iterable
from typing import Any, Final

import msgspec

__all__ = ["components", "first_sentence", "reference"]

_REFERENCE: Final = "#/components/schemas/{name}"


def reference(described: Any) -> dict[str, Any]:
    """The schema of a type where it is used; types with a name are referred to.

    A dictionary is taken for a schema that is ready.
    """
    if isinstance(described, dict):
        return described
    (schema,), _ = msgspec.json.schema_components([described], ref_template=_REFERENCE)
    return schema


def components(types: Iterable[Any]) -> dict[str, Any]:
    """The named schemas that ``reference`` refers to, for all of these types, by name."""
    described = [each for each in types if each is not None and not isinstance(each, dict)]
    _, named = msgspec.json.schema_components(described, ref_template=_REFERENCE)
    for schema in named.values():
        if "description" in schema:
            schema["description"] = first_sentence(schema["description"])
    return dict(sorted(named.items()))


def first_sentence(docstring: str) -> str:
    """A docstring's first paragraph; the rest of it speaks to those who read the code."""
    return " ".join(docstring.split("\n\n")[0].split())
