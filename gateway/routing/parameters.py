"""Parameters of operations: what is said of each, and how its value is read from a request."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec

from filters.identifiers import IDENTIFIER_BYTES_MAX, IdentifierError, check_identifier
from filters.position import Position, PositionError
from gateway.errors import ApiError

__all__ = [
    "NUMBER_MAX",
    "Choice",
    "Identifier",
    "IdentifierText",
    "Labels",
    "Number",
    "Parameter",
    "PositionParameter",
    "Text",
    "checked_identifier",
    "checked_position",
]

NUMBER_MAX: Final = 10**18 - 1
"""The largest number that a position's text, and a column of any database, can hold."""
_DIGITS: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_SHOWN_MAX: Final = 64
_LABEL_CHARACTERS_MAX: Final = 600
_LABELS_MAX: Final = 20
_IDENTIFIER: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": IDENTIFIER_BYTES_MAX,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$",
}

IdentifierText = Annotated[str, msgspec.Meta(extra_json_schema=_IDENTIFIER)]
"""An id in a body. This describes it; ``checked_identifier`` refuses what is none."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of an operation.

    Attributes:
        name: as it is written in a request.
        description: what it does, in one or two sentences.
        schema: JSON Schema of its value; a list is written with commas.
        examples: values that work with the operation's other parameters as they are by default. Those of a required
            parameter are what the tests call the operation with.
        place: where it is written.
        is_required: whether the operation needs it.
    """

    name: str
    description: str
    _: KW_ONLY
    schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "string"})
    examples: tuple[Any, ...] = ()
    place: Literal["path", "query", "header"] = "query"
    is_required: bool = False


@dataclass(frozen=True)
class Number(Parameter):
    """A whole number from ``minimum`` to ``maximum``; ``default`` if it is left out."""

    _: KW_ONLY
    minimum: int = 0
    maximum: int = NUMBER_MAX
    default: int = 0

    def __post_init__(self) -> None:
        schema = {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}
        object.__setattr__(self, "schema", schema)

    def of(self, query: Mapping[str, str], *, maximum: int | None = None, default: int | None = None) -> int:
        """The number in a query.

        Args:
            query: of the request.
            maximum: replaces the described one, if a setting has another.
            default: likewise.

        Raises:
            ApiError: INVALID_ARGUMENT; it is none, or not between the two.
        """
        text = query.get(self.name)
        if text is None:
            return self.default if default is None else default
        most = self.maximum if maximum is None else maximum
        if not _DIGITS.fullmatch(text) or not self.minimum <= int(text) <= most:
            bounds = f"from {self.minimum} on" if most == NUMBER_MAX else f"from {self.minimum} to {most}"
            raise _refused(self.name, text, f"give a whole number {bounds}")
        return int(text)


@dataclass(frozen=True)
class Choice(Parameter):
    """One of a few words."""

    _: KW_ONLY
    choices: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", {"type": "string", "enum": list(self.choices)})
        object.__setattr__(self, "examples", self.examples or self.choices[-1:])

    def of(self, query: Mapping[str, str]) -> str | None:
        """The word in a query; None if there is none.

        Raises:
            ApiError: INVALID_ARGUMENT; it is another one.
        """
        text = query.get(self.name)
        if text is not None and text not in self.choices:
            raise _refused(self.name, text, f"give one of {', '.join(self.choices)}")
        return text


@dataclass(frozen=True)
class Text(Parameter):
    """A text of at most so many characters; empty counts as left out."""

    _: KW_ONLY
    length_max: int

    def __post_init__(self) -> None:
        least = {"minLength": 1} if self.is_required else {}
        object.__setattr__(self, "schema", {"type": "string", **least, "maxLength": self.length_max})

    def of(self, query: Mapping[str, str]) -> str:
        """The text in a query.

        Raises:
            ApiError: INVALID_ARGUMENT; it is needed and missing, or too long.
        """
        text = query.get(self.name, "")
        if self.is_required and not text:
            raise ApiError("INVALID_ARGUMENT", f"{self.name} is missing", field=self.name)
        if len(text) > self.length_max:
            message = f"{self.name} may have at most {self.length_max} characters"
            raise ApiError("INVALID_ARGUMENT", message, field=self.name)
        return text


@dataclass(frozen=True)
class PositionParameter(Parameter):
    """A position in a stream."""

    def __post_init__(self) -> None:
        pattern = r"^(?:[0-9a-f]{8}-)?[0-9]{1,18}(?:\.end)?$"
        object.__setattr__(self, "schema", {"type": "string", "pattern": pattern})

    def of(self, query: Mapping[str, str]) -> Position | None:
        """The position in a query, None if there is none.

        Raises:
            ApiError: INVALID_ARGUMENT; it is no position.
        """
        text = query.get(self.name)
        return None if text is None else checked_position(self.name, text)


@dataclass(frozen=True)
class Identifier(Parameter):
    """A task, pipeline, worker, … id; needed in a path."""

    _: KW_ONLY
    place: Literal["path", "query", "header"] = "path"

    def __post_init__(self) -> None:
        is_in_path = self.place == "path"
        rule = f"1 to {IDENTIFIER_BYTES_MAX} bytes of UTF-8 without control characters"
        slash = "; a slash in it is written `%2F`." if is_in_path else "."
        object.__setattr__(self, "description", f"{self.description} {rule}{slash}")
        object.__setattr__(self, "schema", _IDENTIFIER)
        object.__setattr__(self, "is_required", self.is_required or is_in_path)

    def of(self, query: Mapping[str, str]) -> str | None:
        """The id in a query; None if there is none. Those in paths are read by ``path_identifier``.

        Raises:
            ApiError: INVALID_ARGUMENT; it is no identifier.
        """
        text = query.get(self.name)
        return None if text is None else checked_identifier(self.name, text)


@dataclass(frozen=True)
class Labels(Parameter):
    """A label as ``name=value``; given several times, several labels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", {"type": "string", "pattern": "^[^=]+=", "maxLength": _LABEL_CHARACTERS_MAX})

    def of(self, query: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The labels among the parameters of a query, at most 20; the last of one name counts.

        Raises:
            ApiError: INVALID_ARGUMENT; one is no label, or there are too many.
        """
        given = [text for name, text in query if name == self.name]
        for text in given:
            if not text.partition("=")[0] or "=" not in text or len(text) > _LABEL_CHARACTERS_MAX:
                raise _refused(self.name, text, f"give name=value, at most {_LABEL_CHARACTERS_MAX} characters")
        if len(given) > _LABELS_MAX:
            raise ApiError("INVALID_ARGUMENT", f"{self.name}: at most {_LABELS_MAX} labels", field=self.name)
        return dict(text.split("=", 1) for text in given)


def checked_identifier(field_name: str, text: str) -> str:
    """Return the text if it is an identifier.

    Raises:
        ApiError: INVALID_ARGUMENT with the field's name; the text says which rule it breaks.
    """
    try:
        return check_identifier(field_name, text)
    except IdentifierError as error:
        raise ApiError("INVALID_ARGUMENT", str(error), field=field_name) from error


def checked_position(field_name: str, text: str) -> Position:
    """The position that a text is.

    Raises:
        ApiError: INVALID_ARGUMENT with the field's name.
    """
    try:
        return Position.parse(text)
    except PositionError as error:
        raise ApiError("INVALID_ARGUMENT", f"{field_name}: {error}", field=field_name) from error


def _refused(name: str, text: str, advice: str) -> ApiError:
    return ApiError("INVALID_ARGUMENT", f"{name} is {text[:_SHOWN_MAX]!r}: {advice}", field=name)
