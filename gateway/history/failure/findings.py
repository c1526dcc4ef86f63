"""What errors say: the likely cause, tests that failed, and places in files. Pure."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from filters.level_detection import strip_ansi
from gateway.history.failure.events import Event

__all__ = [
    "FIRST_ERROR",
    "SUCCESS_WORDS",
    "Place",
    "annotations",
    "cause_of",
    "failed_tests",
    "first_error",
    "headline",
    "is_success",
]

_HEAD_CHARACTERS: Final = 400
_COMPLETED_MAX: Final = 50
"""Failed tests whose block is looked for, which takes a look at every error."""

# What only says that something else failed.
_CONSEQUENCE: Final = re.compile(
    r"(?:make(?:\[\d+\])?: \*\*\*|ninja: |FAILED:|npm (?:ERR!|error)|collect2: |cc1\S*: |error: could not compile|"
    r"error: test failed|exit status|Process completed|##\[error\](?:Process|Bash) |BUILD FAIL|> Task |\S+ exited with|"
    r"\[ERROR\] *(?:$|To see|Re-run|For more|\[Help|Tests run|Failed to execute goal .*There are test failures)|"
    r"compilation terminated|error Command failed|Errors while|The following tests FAILED|Some errors|-- Configuring|"
    r"Error: Process completed|FAILURE: Build failed|tar: Error is not recoverable|Automatic merge failed)"
)
# Totals and lists at the end of a run of tests; their details stand before them.
_TOTAL: Final = re.compile(
    r"(?:=+ .* =+$|\d+ (?:failed|errors?|tests?|problems)|Found \d|Tests?:? |Test (?:Suites|Files)|test result: |FAIL\b"
    r"|FAILED |ERROR \S+(?:::|\.py)|✖ |\d+ failing|FAILED \(|\d+% tests"
    r"|\S+::\S+ (?:FAILED|ERROR)|test .* \.\.\. FAILED|"
    r"\S+ \(.*\) \.\.\. (?:FAIL|ERROR)|❯ |× |✕ |\d+/\d+ Test|SUMMARY|=+ (?:FAILURES|ERRORS))"
)
_CRASH: Final = re.compile(
    r"(?:.{0,60}\b)?(?:Traceback \(most|panic: |fatal error: all|Exception in thread|Unhandled|Uncaught"
    r"|terminate called|"
    r"panicked at|Segmentation fault|Out of memory|OutOfMemory|AddressSanitizer|PHP Fatal|Killed$|Fatal Python"
    r"|(?:file://)?/\S+\.[cm]?[jt]s:\d+$|node:[\w/]+:\d+$)"
)
_RULES: Final = (
    ("test", re.compile(r"_{3,} .+ _{3,}$|--- FAIL: |● |FAIL  ?\S+ > |thread '.*panicked at|FAIL: "
                        r"|ERROR: \S+ \(|not ok ")),
    ("compiler", re.compile(r"[^\s:(]+(?::\d+(?::\d+)?|\(\d+,\d+\)):? (?:- )?(?:fatal )?error\b"
                            r"|error\[E\d+\]|A?\S+\.go:\d+")),
    ("linker", re.compile(r".*(?:undefined reference|cannot find -l|multiple definition)")),
    ("crash", _CRASH),
    ("shell", re.compile(r".*(?:command not found|: not found$|No such file or directory|Permission denied)")),
    ("installation", re.compile(r".*(?:Could not (?:find|resolve)|Unable to locate"
                                r"|No matching distribution|ERESOLVE|E404)")),
)  # fmt: skip

_PLACE: Final = re.compile(
    r"(?P<file>(?:[A-Za-z]:\\)?/?[\w@.+-][\w@./\\+-]*\.\w{1,6})(?::(?P<line>\d{1,7})(?::\d{1,5})?"
    r"|\((?P<line2>\d{1,7})(?:,\d+)*\))"
)
_PYTHON_PLACE: Final = re.compile(r'\s*(?:\| )*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_ANNOTATED: Final = re.compile(r"::error (?=.*file=(?P<file>[^,:]+))(?=.*line=(?P<line>\d+))?[^:]*::(?P<message>.*)")

_TESTS: Final = (
    re.compile(r"(?:FAILED|ERROR) (?P<name>(?P<file>\S+?\.py)::\S+)(?: - (?P<message>.*))?"),
    re.compile(r"(?P<name>(?P<file>\S+?\.py)::.+?) (?:FAILED|ERROR)\b"),
    re.compile(r"\s*--- FAIL: (?P<name>\S+)"),
    re.compile(r"test (?P<name>\S+) \.\.\. FAILED"),
    re.compile(r"(?:FAIL|ERROR): (?P<name>\w+) \("),
    re.compile(r"\s*● (?P<name>.+ › .+)"),
    re.compile(r"\s*FAIL\s+(?P<file>\S+) > (?P<name>.+)"),
    re.compile(r"(?P<name>\S+ > \S+) FAILED$"),
    re.compile(r"\[ERROR\]\s+(?P<name>\w+\.\w+):(?P<line>\d+) (?P<message>.*)"),
    re.compile(r"\s+\d+ - (?P<name>.+?) \((?:Failed|Timeout|SEGFAULT|Not Run)\)"),
    re.compile(r"not ok \d+ -? ?(?P<name>.+)"),
    re.compile(r"\s*✖ (?P<name>(?!failing|\d).+?)(?: \([\d.]+m?s\))?$"),
)


class Place(NamedTuple):
    """A test that failed, or a place that a tool names. Empty, and 0, is what is not known."""

    name: str
    file: str
    line: int
    message: str
    sequence: int


def first_error(events: Sequence[Event]) -> Event | None:
    """The first error that is no heading."""
    return next((event for event in events if not event.head.startswith("===")), events[0] if events else None)


def cause_of(
    events: Sequence[Event],
    last: int,
    *,
    count_in_good: Callable[[Event], int] = lambda _: 0,
    succeeded_at: Mapping[str, int] = MappingProxyType({}),
) -> tuple[str, Event] | None:
    """The event that most likely made the task fail, and by which rule.

    A crash within the last lines is the cause: nothing continues after it. Otherwise it is the first error that is
    neither the consequence of another nor a total; if there are only such errors, the first of them. Errors that the
    last good run had as well are passed over for those that it had least. If no tool is recognised by its messages,
    the first error after the worker's last success is taken, if there is one.

    Args:
        events: the errors, ascending.
        last: the task's last sequence.
        count_in_good: how often the last good run says the same.
        succeeded_at: by worker, the sequence of the last line that says that something succeeded.
    """
    for event in reversed(events[-3:]):
        if _CRASH.match(event.head[:_HEAD_CHARACTERS]) and last - event.last <= _CRASH_LINES and not _is_of_test(event):
            return "crash", event
    ranked = ([event for event in events if rank(event)] for rank in (_is_first_hand, _is_no_consequence))
    candidates = next(filter(None, ranked), events)
    if not candidates:
        return None
    counts = [*map(count_in_good, candidates)]
    rarest = [event for event, count in zip(candidates, counts, strict=True) if count == min(counts)]
    rule = _rule_of(rarest[0])
    if rule != FIRST_ERROR:
        return rule, rarest[0]
    later = [event for event in rarest if event.first > succeeded_at.get(event.worker_id, 0)]
    if later and later[0] is not rarest[0]:
        rule = _rule_of(later[0])
        return ("first error after a success" if rule == FIRST_ERROR else rule), later[0]
    return (rule if rarest[0] is candidates[0] else "new error"), rarest[0]


_CRASH_LINES: Final = 40
FIRST_ERROR: Final = "first error"
"""The rule of a cause that no tool is known by."""


def _is_of_test(event: Event) -> bool:
    return "panicked at" in event.head and "'main'" not in event.head


def _is_no_consequence(event: Event) -> bool:
    return _CONSEQUENCE.match(event.head) is None


def _is_first_hand(event: Event) -> bool:
    return _is_no_consequence(event) and (len(event.texts) > 1 or _TOTAL.match(event.head) is None)


def _rule_of(event: Event) -> str:
    head = event.head[:_HEAD_CHARACTERS]
    return next((name for name, rule in _RULES if rule.match(head)), FIRST_ERROR)


def headline(event: Event) -> str:
    """A cause in one line: the exception or what a test expected, else the event's first line."""
    if "Traceback (most recent" in event.head and len(event.texts) > 1:
        return next((text.strip() for text in reversed(event.texts) if re.match(r"[A-Za-z_][\w.]*", text)), event.head)
    message = _message_in(event.texts[1:])
    name = re.match(r"_{3,} (.+) _{3,}$|\s*● (.+)|--- FAIL: (\S+)", event.head)
    if name is None:
        return event.head
    return f"{next(filter(None, name.groups()))}: {message}".removesuffix(": ")


def is_success(message: str) -> bool:
    """Whether a line says that a step has succeeded; ``SUCCESS_WORDS`` has one of its words."""
    return _SUCCESS.match(strip_ansi(message[:_HEAD_CHARACTERS])) is not None


SUCCESS_WORDS: Final = ("success", "passed", "completed", "finished", "pass", "✓", "✔", "ok ")
_SUCCESS: Final = re.compile(
    r"(?i:.{0,80}\b(?:successful(?:ly)?|succeeded)\b)|\s*[✓✔] |(?:.{0,40}\] )?BUILD SUCCESS|PASS\b|ok\s"
    r"|\s*(?:\S+ ){0,4}(?:completed|finished|passed)\b(?!.*\b(?:with|fail))"
)


def failed_tests(events: Iterable[Event]) -> list[Place]:
    """The tests that failed, each once, in the order of their first mention; what a later mention adds is added."""
    found: dict[str, Place] = {}
    for event in events:
        for index, text in enumerate(event.texts):
            text = text[:_HEAD_CHARACTERS]
            match = next(filter(None, (rule.match(text) for rule in _TESTS)), None)
            if match is None:
                continue
            fields = match.groupdict()
            name = fields["name"].strip()
            rest = event.texts[index + 1 :]
            file, line = _place_in(rest) if rest else ("", 0)
            file, line = fields.get("file") or file, int(fields.get("line") or line)
            message = fields.get("message") or _message_in(rest)
            old = found.get(name, Place(name, "", 0, "", event.first))
            found[name] = Place(name, old.file or file, old.line or line, old.message or message, old.sequence)
    failed = _without_parents(found)
    return [_completed(place, events) for place in failed[:_COMPLETED_MAX]] + failed[_COMPLETED_MAX:]


def _without_parents(found: dict[str, Place]) -> list[Place]:
    """A test of Go that failed because one within it did is not counted beside it."""
    parents = {name.rpartition("/")[0] for name in found}
    return [place for name, place in found.items() if name not in parents]


def _completed(place: Place, events: Iterable[Event]) -> Place:
    """With the line, and the message, of the block of pytest or cargo that is about the test."""
    if place.line:
        return place
    short = re.split(r"::|\.", place.name)[-1].partition("[")[0]
    for event in events:
        if len(event.texts) > 1 and re.search(rf"\b{re.escape(short)}\b", event.head):
            file, line = _place_in([event.head, *event.texts[1:]], place.file)
            if line:
                return place._replace(
                    file=place.file or file, line=line, message=place.message or _message_in(event.texts)
                )
    return place


def _place_in(texts: Sequence[str], wanted: str = "") -> tuple[str, int]:
    """The first place that lines name, or the last of the wanted file."""
    found = ("", 0)
    for text in texts[:60]:
        match = _PYTHON_PLACE.match(text) or _PLACE.search(text[:_HEAD_CHARACTERS])
        if match is None or "node_modules" in text or "(node:" in text or "/rustc/" in text:
            continue
        fields = match.groupdict()
        place = (fields["file"], int(fields["line"] or fields.get("line2") or 0))
        if not wanted:
            return place
        if wanted.endswith(place[0].rpartition("/")[2]):
            found = place
    return found


def _message_in(texts: Sequence[str]) -> str:
    """The line that says what was expected or raised."""
    for text in texts[:60]:
        if match := re.match(
            r"E\s+(.+)|\s*(\w*(?:Error|Exception)\b: .+)|\s+\S+_test\.go:\d+: (.+)|(assertion .+)", text
        ):
            return str(next(filter(None, match.groups()))).strip()
    return ""


def annotations(events: Iterable[Event]) -> list[Place]:
    """Places in files with what compilers, linters and CI annotations say of them."""
    found: dict[tuple[str, int, str], Place] = {}
    for event in events:
        head = event.head[:_HEAD_CHARACTERS]
        match = _ANNOTATED.match(head)
        if match is not None:
            place = Place("", match["file"], int(match["line"] or 0), match["message"].strip(), event.first)
        else:
            match = _PLACE.match(head)
            arrow = (
                None
                if match
                else next((m for text in event.texts[1:3] if (m := re.match(r"\s*--> (.+):(\d+):\d+", text))), None)
            )
            if match is not None and (match["line"] or match["line2"]):
                text = head[match.end() :].lstrip(" :-")
                place = Place("", match["file"], int(match["line"] or match["line2"]), text, event.first)
            elif arrow is not None:
                place = Place("", arrow[1], int(arrow[2]), head, event.first)
            else:
                continue
        if place.message:
            found.setdefault((place.file, place.line, place.message), place)
    return list(found.values())
