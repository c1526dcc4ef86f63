"""The parser: an expression as text becomes a tree, or an error that names the character."""

import re
from collections.abc import Callable
from typing import Final

from filters.entry import LEVELS, SOURCES
from filters.expressions.nodes import TRACE_FIELDS, Node, Regex, Text, all_of, any_of, negated, values
from filters.expressions.regex import INSTRUCTIONS_MAX, RegexError, instructions
from filters.identifiers import IdentifierError, check_identifier
from filters.levels import LEVEL_NAMES, SOURCE_NAMES

__all__ = ["CHARACTERS_MAX", "DEPTH_MAX", "TERMS_MAX", "TEXT_CHARACTERS_MAX", "ExpressionError", "parse"]

CHARACTERS_MAX: Final = 4_000
TERMS_MAX: Final = 100
"""Texts, regular expressions and values; more would make matching one line expensive for everybody."""

DEPTH_MAX: Final = 20
"""Parentheses and negations within one another."""

TEXT_CHARACTERS_MAX: Final = 256
"""Of one text, case-folded, and of one regular expression."""

_FIELDS: Final = ("level", "worker", "source", "label", *TRACE_FIELDS)
_NOT_FIELDS: Final = frozenset({"levels", "workers", "workerid", "sources", "labels", "traceid", "spanid"})
_HEXADECIMAL: Final = re.compile("[0-9a-f]{1,32}")
_OPERATORS: Final = frozenset({"AND", "OR", "NOT"})
_TO_QUOTE: Final = "put a text with it in quotes"


class ExpressionError(ValueError):
    """An expression that is wrong.

    Attributes:
        position: of the character where it is wrong, from 1; one behind the last where something is missing.
    """

    def __init__(self, index: int, message: str) -> None:
        super().__init__(message)
        self.position = index + 1


def parse(text: str, *, is_canonical: bool = False, has_labels: bool = True) -> Node | None:
    """The tree of an expression; None if it is blank.

    Args:
        text: what a client wrote.
        is_canonical: it is of ``text_of``, which may be longer than what was written.
        has_labels: whether ``label:`` may be in it.

    Raises:
        ExpressionError: it is wrong.
    """
    if len(text) > CHARACTERS_MAX and not is_canonical:
        raise ExpressionError(CHARACTERS_MAX, f"a filter may have {CHARACTERS_MAX} characters, not {len(text)}")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ExpressionError(error.start, "a filter must be valid Unicode") from None
    return _Parser(text, has_labels=has_labels).parsed()


class _Parser:
    """One pass from left to right; a method for each rule of the grammar."""

    def __init__(self, text: str, *, has_labels: bool) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._terms = 0
        self._instructions = 0
        self._has_labels = has_labels

    def __repr__(self) -> str:
        return f"<_Parser {self._text!r} at {self._at}>"

    def parsed(self) -> Node | None:
        self._skip_blanks()
        if not self._next():
            return None
        node = self._any_of()
        if self._next():
            raise self._error(f"')' closes nothing: open it with '(', or {_TO_QUOTE}")
        return node

    def _any_of(self) -> Node:
        terms = [self._all_of()]
        while self._take_operator("OR"):
            terms.append(self._all_of())
        return any_of(terms)

    def _all_of(self) -> Node:
        terms = [self._negatable()]
        while self._next() and self._next() != ")" and self._operator() != "OR":
            self._take_operator("AND")
            terms.append(self._negatable())
        return all_of(terms)

    def _negatable(self) -> Node:
        start = self._at
        if self._take_operator("NOT"):
            return negated(self._inner(start, self._negatable))
        if self._next() != "-":
            return self._term()
        self._at += 1
        if not self._next() or self._next() in "-)" or self._next().isspace():
            raise self._error(f"'-' excludes the term right behind it, and there is none: {_TO_QUOTE}")
        return negated(self._inner(start, self._negatable))

    def _term(self) -> Node:
        start = self._at
        if operator := self._operator():
            raise self._error(f"{operator} needs a term on either side; to look for the word, put it in quotes")
        match self._next():
            case "":
                raise self._error("a term is missing at the end")
            case ")":
                raise self._error(f"a term is missing in front of ')'; {_TO_QUOTE}")
            case "(":
                self._at += 1
                self._skip_blanks()
                node = self._inner(start, self._any_of)
                if self._next() != ")":
                    raise self._error(f"'(' is not closed: add ')', or {_TO_QUOTE}", start)
                self._at += 1
                self._end_of_term()
            case '"':
                node = self._text_of(self._phrase(), start)
                self._end_of_term()
            case "/":
                node = self._regex()
                self._end_of_term()
            case _:
                node = self._word_or_field()
        self._skip_blanks()
        return node

    def _word_or_field(self) -> Node:
        start = self._at
        word = self._word()
        name, colon, _ = word.partition(":")
        field = name.lower()
        if colon and field in _NOT_FIELDS:
            raise self._error(f"there is no field {name!r}; fields are {', '.join(_FIELDS)}; {_TO_QUOTE}", start)
        if colon and field in _FIELDS:
            self._at = start + len(name) + 1
            return self._values(field, start)
        if self._next() and self._next() in '("':
            raise self._error(f"{self._next()!r} within a word: put a blank in front of it, or all of it in quotes")
        return self._text_of(word, start)

    def _values(self, field: str, start: int) -> Node:
        if field == "label" and not self._has_labels:
            raise self._error("label: chooses tasks, so it is for searches in all tasks; leave it out here", start)
        chosen = [self._value(field)]
        while self._next() == ",":
            self._at += 1
            chosen.append(self._value(field))
        self._end_of_term()
        return values(field, chosen)

    def _value(self, field: str) -> str:
        start = self._at
        value = self._phrase() if self._next() == '"' else self._word(",")
        self._count(start)
        if not value.strip():
            raise self._error(f"{field}: needs a value right behind it; {_TO_QUOTE}", start)
        if field == "level":
            return self._known(LEVEL_NAMES, value.strip().upper(), f"levels are {', '.join(LEVELS)}", start)
        if field == "source":
            return self._known(SOURCE_NAMES, value.strip().lower(), f"sources are {', '.join(SOURCES)}", start)
        if field == "label":
            self._refuse_long(value, start)
            if not value.partition("=")[0].strip():
                raise self._error("a label is a name, or name=value", start)
            return value
        if field in TRACE_FIELDS:
            if not _HEXADECIMAL.fullmatch(value.lower()):
                raise self._error(f"{field}: needs a whole identifier in hexadecimal digits; {_TO_QUOTE}", start)
            return value.lower()
        try:
            return check_identifier("worker:", value)
        except IdentifierError as error:
            raise self._error(str(error), start) from error

    def _known(self, names: dict[str, str], value: str, right: str, start: int) -> str:
        found = names.get(value)
        if found is None:
            raise self._error(f"{value[:64]!r} is none of them; {right}", start)
        return found

    def _regex(self) -> Node:
        start = self._at
        self._at += 1
        pattern: list[str] = []
        places: list[int] = []
        while self._next() != "/":
            if not self._next():
                raise self._error("the regular expression has no '/' at its end; put a path in quotes", start)
            escaped = self._text[self._at : self._at + 2] if self._next() == "\\" else ""
            piece = "/" if escaped == "\\/" else escaped or self._next()
            pattern.append(piece)
            places += range(self._at, self._at + len(piece))
            self._at += len(escaped) or 1
        self._at += 1
        any_case = self._next() == "i"
        self._at += any_case
        if self._next() and self._next() != ")" and not self._next().isspace():
            raise self._error(
                "a regular expression ends with '/' or '/i'; put a path in quotes, or write \\/ for a slash"
            )
        return self._checked_regex("".join(pattern), places, start, any_case=any_case)

    def _checked_regex(self, pattern: str, places: list[int], start: int, *, any_case: bool) -> Node:
        self._count(start)
        self._refuse_long(pattern, start)
        if not pattern:
            raise self._error("the regular expression is empty; put a text of slashes in quotes", start)
        try:
            self._instructions += instructions(pattern, any_case=any_case)
        except RegexError as error:
            raise self._error(str(error), places[error.index]) from None
        if self._instructions > INSTRUCTIONS_MAX:
            raise self._error(
                f"the regular expressions have {self._instructions} instructions together, and a filter may have "
                f"{INSTRUCTIONS_MAX}: use fewer",
                start,
            )
        return Regex(pattern, any_case)

    def _text_of(self, text: str, start: int) -> Node:
        self._count(start)
        folded = text.casefold()
        self._refuse_long(folded, start)
        if not folded:
            raise self._error("an empty text is in every message; leave it out", start)
        return Text(folded)

    def _word(self, ends: str = "") -> str:
        start = self._at
        while self._next() and not self._next().isspace() and self._next() not in f'()"{ends}':
            self._at += 1
        return self._text[start : self._at]

    def _phrase(self) -> str:
        start = self._at
        self._at += 1
        found: list[str] = []
        while self._next() != '"':
            if self._next() == "\\":
                self._at += 1
                if self._next() and self._next() not in '"\\':
                    raise self._error('in quotes, \\ stands in front of " and \\ alone: write \\\\ for one')
            if not self._next():
                raise self._error(
                    'the quote is not closed: add a quote at the end, or write it as \\" in quotes', start
                )
            found.append(self._next())
            self._at += 1
        self._at += 1
        return "".join(found)

    def _end_of_term(self) -> None:
        """What ends with a character of its own needs a blank or ``)`` behind it."""
        if self._next() and self._next() != ")" and not self._next().isspace():
            raise self._error("a blank is missing in front of the next term")
        self._skip_blanks()

    def _inner(self, start: int, rule: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._error(f"parentheses and negations may stand {DEPTH_MAX} deep", start)
        node = rule()
        self._depth -= 1
        return node

    def _count(self, start: int) -> None:
        self._terms += 1
        if self._terms > TERMS_MAX:
            raise self._error(f"a filter may have {TERMS_MAX} terms", start)

    def _refuse_long(self, text: str, start: int) -> None:
        if len(text) > TEXT_CHARACTERS_MAX:
            raise self._error(f"one text may have {TEXT_CHARACTERS_MAX} characters, not {len(text)}", start)

    def _next(self) -> str:
        return self._text[self._at : self._at + 1]

    def _operator(self) -> str:
        """The operator that is next, or nothing."""
        for end in (self._at + 2, self._at + 3):
            word = self._text[self._at : end]
            behind = self._text[end : end + 1]
            if word in _OPERATORS and len(word) == end - self._at and (behind in '()"' or behind.isspace()):
                return word
        return ""

    def _take_operator(self, operator: str) -> bool:
        if self._operator() != operator:
            return False
        self._at += len(operator)
        self._skip_blanks()
        return True

    def _skip_blanks(self) -> None:
        while self._next().isspace():
            self._at += 1

    def _error(self, message: str, index: int | None = None) -> ExpressionError:
        return ExpressionError(self._at if index is None else index, message)
