"""Regular expressions of RE2: linear in time, and bounded in memory and in what a byte may cost."""

import re
from collections.abc import Callable
from typing import Any, Final

import re2

__all__ = ["INSTRUCTIONS_MAX", "RegexError", "compiled", "instructions", "literals_of"]

INSTRUCTIONS_MAX: Final = 500
"""Of all regular expressions of a filter. Where a text makes RE2 give up its automaton, a byte costs some 7.5 ns for
each instruction. An address of IPv4 has 29, a UUID 72; ``.{0,20}`` 184, ``\\pL`` 1,200."""

_MEMORY_BYTES: Final = 256 << 10
"""Of one regular expression and its automata; also what a hostile one may cost to be refused: some milliseconds."""

_FOREIGN: Final = re.compile(r"[^\x00-\x7f]")
_SIMPLE_ESCAPES: Final = frozenset("dDwWsSbBAznrtafv")
_REPEAT: Final = re.compile(r"[*?+]|\{[0-9]+(?:,[0-9]*)?\}")
_ITEM: Final = re.compile(
    r"\\(?P<escaped>.)|(?P<class>\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\])|(?P<open>\()|(?P<literal>[^\\()|.^$*?+\[{])|.",
    re.DOTALL,
)


class RegexError(ValueError):
    """A regular expression that is wrong, or too large.

    Attributes:
        index: of the character in the pattern where that begins.
    """

    def __init__(self, message: str, index: int) -> None:
        super().__init__(message)
        self.index = index


def compiled(pattern: str, *, any_case: bool) -> Callable[[bytes], object]:
    """A function that finds it in UTF-8.

    Raises:
        RegexError: RE2 does not take it.
    """
    return _compile(pattern, any_case).search  # type: ignore[no-any-return]


def instructions(pattern: str, *, any_case: bool) -> int:
    """How large it is; what a byte may cost grows with it.

    Raises:
        RegexError: RE2 does not take it, or it has more than ``INSTRUCTIONS_MAX``.
    """
    size = int(_compile(pattern, any_case).programsize)
    if size > INSTRUCTIONS_MAX:
        raise RegexError(_too_large(f"{size} instructions"), 0)
    return size


def _compile(pattern: str, any_case: bool) -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True
    options.case_sensitive = not any_case
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode(errors="replace")
        if said.startswith("pattern too large"):
            raise RegexError(_too_large("more than 256 KiB"), 0) from None
        rule, _, fragment = said.partition(": ")
        message = f"RE2 does not take this regular expression: {rule}"
        raise RegexError(message, max(pattern.find(fragment), 0)) from None


def _too_large(size: str) -> str:
    return (
        f"the regular expression has {size}, and a filter may have {INSTRUCTIONS_MAX}: shorten repeats such as "
        "{0,100}, and name the characters in the place of \\pL"
    )


def literals_of(pattern: str) -> tuple[str, ...]:
    """Texts in lower case, of which every match has one; none where that is not known.

    Only ASCII, because the case folding of RE2 is another than that of texts: these are in a match's case folding
    whether the case counts or not.
    """
    if "\\Q" in pattern:
        return ()
    pattern = _FOREIGN.sub("\0", pattern)
    branches: list[list[str]] = [[""]]
    at = 0
    while at < len(pattern):
        item = _ITEM.match(pattern, at)
        if item is None:
            return ()
        escaped, character = item["escaped"], item["literal"]
        at = _end_of_group(pattern, at) if item["open"] else item.end()
        if item[0] == "|":
            branches.append([""])
            continue
        if escaped is not None and escaped.isalnum():
            if escaped not in _SIMPLE_ESCAPES:
                return ()
            escaped = None
        repeat = _REPEAT.match(pattern, at)
        at = repeat.end() if repeat is not None else at
        text = character if character is not None else escaped
        runs = branches[-1]
        if text is not None and text != "\0" and (repeat is None or repeat[0] == "+"):
            runs[-1] += text.lower()
            if repeat is not None:
                runs.append("")
        else:
            runs.append("")
    found = tuple(max(runs, key=len) for runs in branches)
    return found if all(found) else ()


def _end_of_group(pattern: str, start: int) -> int:
    """The index behind a group's last parenthesis."""
    depth, at = 0, start
    while at < len(pattern):
        item = _ITEM.match(pattern, at)
        at = item.end() if item is not None else at + 1
        depth += {"(": 1, ")": -1}.get(item[0], 0) if item is not None else 0
        if depth == 0:
            break
    return at
