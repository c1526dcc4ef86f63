"""Events of several lines: a trace, a diagnostic with its caret, a diff. Decided line by line, without looking ahead.

``EventReader`` reads the lines of one output of one worker in their order. It says of each its level, and whether it
continues the event that the lines before it began: the first line decides the level of all. A line is never held back
for what may follow it, so an event is recognised by how it begins. The Python client has a generated copy of this
module.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

from filters.level_detection import level_of_plain, may_say_a_level, strip_ansi

__all__ = ["EVENT_LINE", "EventReader", "ReadLine", "WorkerEvents"]

EVENT_LINE: Final = "eventLine"
"""The key of an entry's metadata that says which line of its event it is, from 2; the first line has none."""

_EVENT_LINES_MAX: Final = 500
"""An event that is longer ends there, so that one that was taken for one by mistake does."""


class ReadLine(NamedTuple):
    """What is known of a line. ``number``: which line of its event it is, from 1."""

    level: str
    number: int


_YES: Final = 1  # the line continues the event
_NO: Final = 0
_BLANK: Final = 2  # it is between two parts of the event, if there is another part: it counts, and belongs to none
_LAST: Final = 3  # it is the event's last line


def _matcher(pattern: str) -> Callable[[str], object]:
    return re.compile(pattern).match


@dataclass(frozen=True, slots=True)
class _Kind:
    """How an event continues: ``more`` continues it, ``last`` ends it and is in it; blank lines where ``blanks``."""

    more: Callable[[str], object]
    last: Callable[[str], object] | None = None
    blanks: bool = False
    after_blank: Callable[[str], object] | None = None
    """What continues it after a blank line, where that is less than ``more``."""

    def step(self, text: str, *, after_blank: bool) -> int:
        """What a line is to the event."""
        if not text or text.isspace():
            return _BLANK if self.blanks and not after_blank else _NO
        if after_blank and self.after_blank is not None:
            return _YES if self.after_blank(text) else _NO
        if self.more(text):
            return _YES
        return _LAST if self.last is not None and self.last(text) else _NO


_STACK: Final = (
    r"\s+at |\s*\.\.\. \d+ (?:more|common frames)|\s*Suppressed: |Caused by: |Traceback \(most recent|\s*\[?cause\]?: "
    r"|goroutine \d+ \[|\[\w+ \w+\] |\[signal |   --- End of inner|--- End of stack|\s*\[(?:errors|cause)\]: "
)
_INDENTED: Final = _Kind(_matcher(rf"\s|[}}\])]|{_STACK}"))
_EXCEPTION: Final = r"(?>(?:\w[\w$]*+\.)*+)[A-Z]\w*Exception:"
_TRACED: Final = _Kind(
    _matcher(rf"\s+\S|[}}\])]|{_STACK}|(?>(?:\w[\w$]*+\.)*+)[A-Z]\w*(?:Error|Exception)(?::|$)"),
    blanks=True,
    after_blank=_matcher(rf"Node\.js v|\s+at |Caused by: |goroutine |  on \S+ line |{_EXCEPTION}"),
)
_PYTHON: Final = _Kind(_matcher(r"\s|\[Previous line repeated|[+|]"), last=_matcher(r"[A-Za-z_]"), blanks=False)
_CHAINED: Final = _Kind(
    _matcher(r"\s+\S"),
    blanks=True,
    after_blank=_matcher(r"During handling of the above|The above exception was|Traceback"),
)
_GO: Final = _Kind(
    _matcher(
        r"\s|goroutine \d+ \[|\[signal |created by |[^\s(]++\(.*\)$|exit status \d|\.\.\.additional"
        r"|runtime: |r\w\w? +0x"
    ),
    blanks=True,
    after_blank=_matcher(r"goroutine \d+ \[|exit status \d|\t|[^\s(]++\.[^\s(]*+\(.*\)$"),
)
_RUST: Final = _Kind(_matcher(r"note: |stack backtrace:|\s+\d+: |\s+at |\s"), blanks=False)
_NODE: Final = _Kind(
    _matcher(r".*"), blanks=True, after_blank=_matcher(rf"\w*(?:Error|Exception)\b|{_STACK}|Node\.js v|\s+at |Thrown")
)
_COMPILER: Final = _Kind(
    _matcher(
        r"\s+\d* *\||\s*-->|\s*\^|\s*~|\s+=|\s{2,}\S|\s*\d+ \||\.\.\.$"
        r"|[^\s:(]+:\d+(?::\d+)?: note: |help: |note: (?!run)|\[[\w-]+\]$|\s*\d+ +[-+~] ?"
    ),
)
_TSC: Final = _Kind(
    _matcher(r"\s*\x7f?~|\s|\d+ "), blanks=True, after_blank=_matcher(r"\s*\d+ |\s+~|\s+\S+:\d+:\d+$|\x7f")
)
_DIFF: Final = _Kind(
    _matcher(r"[+\- @\\]|index [0-9a-f]|new file|deleted file|old mode|new mode|similarity|rename |Binary files|copy ")
)
_JSON: Final = _Kind(_matcher(r"\s|[\"\]}]"), last=None)
_PYTEST: Final = _Kind(_matcher(r"(?!_{3,} .+ _{3,}$|={3,}|-{3,} Captured|-{3,} generated)"), blanks=True)
_BLOCK: Final = _Kind(  # of jest and vitest
    _matcher(r"(?!⎯| FAIL | Test Files| [✓❯] |FAIL |PASS |Test Suites:|Tests:|\s+● )"), blanks=True,
    after_blank=_matcher(r"    |[-+] |\s+[-+] | ❯ |\s+\d+\|"),
)  # fmt: skip
_BOX: Final = _Kind(_matcher(r"[│╵]"))
_CMAKE: Final = _Kind(_matcher(r"\s|Call Stack"), blanks=True, after_blank=_matcher(r"\s|Call Stack"))
_GRADLE: Final = _Kind(_matcher(r"(?!BUILD|\* Try)."), blanks=True, after_blank=_matcher(r"\* (?!Try)|> "))
_PHP: Final = _Kind(_matcher(r"Stack trace:|#\d+ |\s"))
_NPM: Final = _Kind(_matcher(r"npm (?:ERR!|error)"))
_NPM_WARN: Final = _Kind(_matcher(r"npm (?:WARN|warn)"))
_ASAN: Final = _Kind(_matcher(r"(?!SUMMARY)."), last=_matcher("SUMMARY: "), blanks=True)
_TEST: Final = _Kind(_matcher(r"(?!\s*[✓✔√✕✗✘✖×○↓·●])\s{2,}\S"), blanks=True)
_TAP: Final = _Kind(_matcher(r"\s"), blanks=True)
_MARKED: Final = _Kind(_matcher(r"E(?:\s|$)"))

_KINDS: Final = (
    (_matcher(r"\s*(?:[+|] )*(?:Exception Group )?Traceback \(most"), _PYTHON),
    (_matcher(r"panic: |fatal error: (?!.*: No such)|goroutine \d+ \["), _GO),
    (_matcher(r"thread '.*panicked at"), _RUST),
    (_matcher(r"(?:file://)?/\S+\.[cm]?[jt]s:\d+$|node:internal\S+:\d+$"), _NODE),
    (_matcher(r"_{3,} .+ _{3,}$"), _PYTEST),
    (_matcher(r"\s+● \S|\s*FAIL\s+\S+ > "), _BLOCK),
    (_matcher(r"\S+:\d+:\d+ - (?:error|warning)"), _TSC),
    (_matcher(r"[^\s:(\[]+\.\w{1,6}(?::\d+(?::\d+)?|\(\d+[\d,]*\)):? "), _COMPILER),
    (_matcher(r"(?:error|warning)(?:\[\w+\])?: |[A-Z]{1,4}\d{3} "), _COMPILER),
    (_matcher(r"│ (?:Error|Warning): "), _BOX),
    (_matcher(r"CMake "), _CMAKE),
    (_matcher(r"FAILURE: "), _GRADLE),
    (_matcher(r"PHP |(?:Fatal|Parse) error: "), _PHP),
    (_matcher(r"npm (?:ERR!|error)"), _NPM),
    (_matcher(r"npm (?:WARN|warn)"), _NPM_WARN),
    (_matcher(r"E(?:\s|$)"), _MARKED),
    (_matcher(r"--- FAIL"), _INDENTED),
    (_matcher(r"==\d+==\s*ERROR"), _ASAN),
    (_matcher(r"\s*[✕✗✘✖×] "), _TEST),
    (_matcher(r"not ok \d"), _TAP),
    # one line each: results of tests and of files, totals, and rows of eslint
    (_matcher(r"(?:FAILED|ERROR) \S+::|\S+::\S+ |\s*[❌●❯] |FAIL|\s+FAIL |\s+\d+:\d+\s"), None),
    (_matcher(r"=+ .* =+$|\s*Test(?:s|\b)|Found \d|\s*\d+ (?:passed|failed)|✖ \d"), None),
)  # fmt: skip
_OTHER_KINDS: Final = (
    (_matcher(r"diff --git "), _DIFF, "INFO"),
    (_matcher(r"[{\[]$"), _JSON, "INFO"),
    (_matcher(r'  File ".*", line \d+$'), _PYTHON, "ERROR"),
    (_matcher(r"(?:(?:file://)?/\S+\.[cm]?[jt]s|node:[\w/]+):\d+$"), _NODE, "ERROR"),
    (_matcher(r"not ok \d"), _TAP, "ERROR"),
)
_HEAD_CHARACTERS: Final = 400
"""What is looked at of a line."""
_RAW_CHARACTERS: Final = 4000
"""The same where it has sequences of terminals, which do not count."""
_PLAIN: Final = ReadLine("INFO", 1)
_MESSAGE_FOLLOWS: Final = _matcher(r"thread '.*panicked at \S+:\d+:\d+:$")


class EventReader:
    """Levels and events of one output of one worker.

    Each line costs about as much as ``may_say_a_level`` where there is nothing to find and no event is open.

    Attributes:
        kind: of the event that the next line may continue; None if there is none.
    """

    __slots__ = ("_after_blank", "_depth", "_level", "_number", "_pending", "kind")

    def __init__(self) -> None:
        self.kind: _Kind | None = None
        self._level = "INFO"
        self._number = 0
        self._after_blank = False
        self._pending = False
        self._depth = 0

    def __repr__(self) -> str:
        return f"<EventReader in an event of {self._number} lines>" if self.kind is not None else "<EventReader>"

    def read(self, message: str) -> ReadLine:
        """The next line."""
        text = strip_ansi(message[:_RAW_CHARACTERS]) if "\x1b" in message else message
        if self.kind is not None:
            number = self._continue(self.kind, text)
            if number:
                return ReadLine(self._level, number)
            if self.kind is not None:  # a blank line that only another part of the event would make a part of it
                return _PLAIN
        if not may_say_a_level(text):
            return _PLAIN
        level = level_of_plain(text)
        if level is None:
            return self._begin_without_level(text)
        if level != "INFO":
            self._begin(text, level)
        return ReadLine(level, 1)

    def _begin(self, text: str, level: str) -> None:
        text = text[:_HEAD_CHARACTERS]
        self._open(next((kind for begins, kind in _KINDS if begins(text)), _TRACED), level)
        self._pending = _MESSAGE_FOLLOWS(text) is not None

    def _begin_without_level(self, text: str) -> ReadLine:
        """Events whose first line has none of the words."""
        for begins, kind, level in _OTHER_KINDS:
            if begins(text):
                self._open(kind, level)
                return ReadLine(level, 1)
        return _PLAIN

    def _open(self, kind: _Kind | None, level: str) -> None:
        self.kind, self._level, self._number, self._after_blank, self._depth = kind, level, 1, False, 1

    def _continue(self, kind: _Kind, text: str) -> int:
        """Which line of the open event it is; 0: of none."""
        self._number += 1
        text = text[:_HEAD_CHARACTERS]
        if self._pending:
            self._pending = False
            return self._number
        step = kind.step(text, after_blank=self._after_blank)
        if step == _NO or self._number > _EVENT_LINES_MAX:
            self.kind = None
            return 0
        self._after_blank = step == _BLANK
        if step == _BLANK:
            return 0
        if kind is _JSON:
            self._depth += text.count("{") + text.count("[") - text.count("}") - text.count("]")
            if self._depth <= 0:
                self.kind = None
        elif step == _LAST:
            self.kind = _CHAINED
        elif kind is _CHAINED and text.startswith("Traceback"):
            self.kind = _PYTHON
        return self._number


class WorkerEvents:
    """The events of one worker: a reader for each of its sources."""

    __slots__ = ("_readers",)

    def __init__(self) -> None:
        self._readers: dict[str, EventReader] = {}

    def __repr__(self) -> str:
        return f"<WorkerEvents {self._readers}>"

    def read(self, source: str, message: str, metadata: dict[str, str] | None) -> tuple[str, dict[str, str] | None]:
        """The level of the next line of a source, and its metadata with ``EVENT_LINE`` where it continues an event.

        What the producer said under that key stays.
        """
        reader = self._readers.get(source)
        if reader is None:
            reader = self._readers[source] = EventReader()
        if reader.kind is None and "\x1b" not in message and not may_say_a_level(message):
            return "INFO", metadata  # most lines
        level, number = reader.read(message)
        if number > 1:
            metadata = {EVENT_LINE: str(number)} if metadata is None else {EVENT_LINE: str(number)} | metadata
        return level, metadata
