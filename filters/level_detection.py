"""The level of a line whose producer gave none, by the line's structure and not by any word in it.

Most lines have nothing to find: they cost one search for a set of words. What passes those is looked at by regular
expressions, of which each begins at the start of the line and takes no character twice (possessive), so that no line
costs more than its first characters do. The Python client has a generated copy of this module.
"""

import re
from typing import Final

from ahocorasick_rs import AhoCorasick, Implementation

__all__ = ["detect_level", "level_of_plain", "may_say_a_level", "strip_ansi"]

_ANSI: Final = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\)|[()][0-9A-B]|[=>78cDEHM])")
_HEAD_CHARACTERS: Final = 300
"""What is looked at of a line; a level further on belongs to what the line quotes."""

_LEVELS: Final = {
    **dict.fromkeys(("trace", "trc", "trac", "trce", "verbose", "vrb", "finest", "finer"), "TRACE"),
    **dict.fromkeys(("debug", "dbg", "debu", "dbug", "fine"), "DEBUG"),
    **dict.fromkeys(("info", "inf", "information", "informational", "notice", "note", "config", "log"), "INFO"),
    **dict.fromkeys(("warn", "wrn", "warning"), "WARN"),
    **dict.fromkeys(("error", "err", "erro", "severe", "fail", "failed", "failure", "dpanic"), "ERROR"),
    **dict.fromkeys(("fatal", "ftl", "fata", "critical", "crit", "panic", "pani", "alert", "emerg"), "FATAL"),
}
_LETTERS: Final = {"I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}
_PINO: Final = {10: "TRACE", 20: "DEBUG", 30: "INFO", 40: "WARN", 50: "ERROR", 60: "FATAL"}
_SYSLOG: Final = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG")

_UPPER: Final = (
    "TRACE|DEBUG|INFO|NOTICE|WARNING|WARN|ERROR|ERR|FATAL|CRITICAL|CRIT|SEVERE|PANIC|ALERT|EMERG|VERBOSE|DPANIC|"
    "TRC|DBG|INF|WRN|FTL|VRB"
)
_LOWER: Final = "trace|debug|info|notice|warning|warn|error|err|fatal|critical|crit|panic|alert|emerg"

# What stands before the level: times, names in brackets, numbers of processes, steps of builds, and signs between them.
_PREFIX: Final = re.compile(
    rf"(?>\s*+(?>\d{{4}}[-/]\d\d[-/]\d\d(?>[T ]?\d\d:\d\d:\d\d(?>[.,]\d++)?+)?+(?> ?(?>Z|UTC|[+-]\d\d:?\d\d))?+"
    r"|\d\d:\d\d:\d\d(?>[.,]\d++)?+|\d\d/\w{3}/\d{4}:\S++|\d++\.\d++s?+(?=\s)|\d{4,}+(?=\s)|\d++(?= \[)|#\d++"
    r"|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \S++ [\w./@:\\-]++(?>\[\d++\])?+:|<\d{1,3}>\d?+"
    rf"|\[(?!(?:{_UPPER}|(?i:{_LOWER})|cause)\b)"
    rf"(?![\d:,. -]++(?:{_UPPER})\b)(?!\d{{4}}-\S++ (?:{_UPPER}) )[^\]]{{0,80}}+\]"
    r"|[\w.-]{1,40}+ *+\|(?=\s)|[-|:·]++(?=\s))[\s|:]*+){1,8}+"
)
_HEADER: Final = re.compile(
    rf"(?:\[\d{{4}}-\S++ |\[[\d:,. -]++|[A-Z], \[[^\]]{{1,60}}+\] ++)?"
    rf"(?>[\w./$@-]++(?>\[[^\]]{{0,60}}+\])?+(?: - \[?|: \[?|\.[\w.]++ \[?))?"
    rf"(?>[\[(<|]?({_UPPER})(?=[\])>|:!,/]|\s|$)|\[((?i:{_LOWER}))\])(?! ?(?:codes?|handl\w++|messages?)\b)"
    rf"|(?=[\w$-]*+[./])[\w./$-]++ ++({_UPPER})\b|(TRAC|DEBU|WARN|ERRO|FATA|PANI)\[\d+\]"
    rf"|({_LOWER}|fail|dbug|trce)(?>\[[\w:-]++\]|\(\S++\)| [A-Z]{{1,4}}\d++)?+:(?=\s|$)"
)
_KLOG: Final = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+ ")
_PRIORITY: Final = re.compile(r"<(\d{1,3})>")
_FIELD: Final = re.compile(
    r"""(?:^|[\s,{"])(?:level|lvl|severity|levelname|loglevel|log\.level|@l|severity_text)"?"""
    r"""\s{0,2}[=:]\s{0,2}"?(\w{1,12})""",
    re.IGNORECASE,
)
_ANNOTATION: Final = re.compile(
    r"::(error|warning|notice|debug)(?: [^:]*+)?::|##\[(error|warning|debug)\]"
    r"|##vso\[task\.logissue type=(error|warning)"
)
# `file:line: error: …`, `file(line,column): error TS2322: …`, `tool: error: …`, and `3:5  error  …` of eslint
_DIAGNOSTIC: Final = re.compile(
    r"(?>\s*+)(?>[^\s:(]++(?::\d++(?::\d++)?+|\(\d++(?:,\d++)*+\))(?> -|:|)\s++|\d++:\d++\s++"
    r"|[\w.+/-]{1,60}+(?:\[\d+\])?:\s++){1,2}"
    r"(fatal error|error|warning|note|fatal|remark|help|hint|info|Error|Warning)"
    r"(?>(?>\[[\w:-]++\]|\(\S++\)| [A-Z]{1,4}\d++)?+:|\s{2,}+\S)"
)

_NOTHING: Final = (  # tests that passed, whatever their names are, commands, and what is being built
    r"\s*+(?>--- PASS|--- SKIP|[✓✔√] |[·○↓] )", r"ok\s", r"PASS\b", r"PASSED", r"=== (?:RUN|PAUSE|CONT|NAME)",
    r"test .* \.\.\. (?:ok|ignored)", r"\S+::.* (?:PASSED|SKIPPED|XFAIL|XPASS)", r"\S+ \(.*\) \.\.\. (?:ok|skipped)",
    r"\s*+(?>Compiling|Running|Downloading|Downloaded|Checking|Installing|Collecting|Building|Fetching|Finished) ",
    r"\[ *+\d++%\] (?:Built|Building|Linking|Generating)", r"\[\d++/\d++\] ", r"\++ ", r"\$ ",
    r"(?>gcc|g\+\+|cc|c\+\+|clang(?:\+\+)?|rustc|javac|python3?|npx|docker|cp|mv|rm|mkdir|install|tar) (?!.*: )",
    r"#\d++ \[", r"Step \d", r"\s*+\d++ [-|] .*\bPassed\b", r"\s++\d++/\d++ Test .*Passed",
    r"Tests run: \d++, Failures: 0, Errors: 0",
)  # fmt: skip
_FATAL: Final = (
    r"panic: ", r"fatal error: ", r"Fatal Python error", r"PHP Fatal error", r"terminate called ", r"Out of memory",
    r"thread '.*?' (?:\(\d+\) )?panicked at ",
    r"(?:.{0,80}: +)?(?:\d+ )?(?:Segmentation fault|Aborted|Bus error|Killed)(?: |$)",
    r"==\d+==\s*ERROR: AddressSanitizer", r"fatal: ",
)  # fmt: skip
_ERROR: Final = (
    # exceptions and the beginnings of their traces
    r"\s*+(?:[+|] )*(?:Exception Group )?Traceback \(most recent call last\):", r"Exception in thread ",
    (r"(?:Caused by: |Suppressed: |Uncaught (?:exception )?|Unhandled exception\.? |Unhandled (?:Runtime )?|"
    r"(?:\(in promise\) )?|\[?cause\]?: |\s*\[)(?>(?:\w[\w$]*+(?:\.|::))*+)[A-Z][\w$]*?"
    r"(?:Error|Exception|ExceptionGroup|Failure|Interrupt|Panic|Fault|NotFound)(?:(?: \[\w+\]| \(\w+\))?:? |:?$)"),
    r"Unhandled ", r"Uncaught ", r"goroutine \d+ \[running\]:$", r"(?:file://)?/\S+\.[cm]?[jt]s:\d+$",
    r"node:internal\S+:\d+$", r"\S+\.rb:\d+:in [`'].*\(\w+\)$", r"error: Uncaught",
    # compilers, linters and linkers
    r"\S+\.\w{1,5}:\d++:\d++: (?:[A-Z]{1,4}\d{2,4} |\w+-\w[\w-]*:? )", r"(?:vet: )?\.{0,2}/?[\w./-]+\.go:\d+:\d+: ",
    r"[A-Z]{1,4}\d{3} (?:\[\*\] )?\S.* ", r"(?:/\S*)?\bld(?:\.\w+)?: .*(?:undefined|cannot find|multiple)",
    r".{1,120}: undefined reference to ", r".{1,120}: multiple definition of ", r"e: \S", r"error TS\d+:",
    # tools of builds
    r"g?make(?:\[\d+\])?: \*\*\* ", r"ninja: (?:error|build stopped)", r"CMake Error", r"npm (?:ERR!|error)(?: |$)",
    r"\s*+ERR_[A-Z_]+", r"FAILURE: ", r"BUILD FAIL", r"> Task \S+ FAILED", r"Execution failed for ", r"E: ",
    r"cc1\S*: all warnings", r"Configuring incomplete", r"Errors while ",
    r"Error response from daemon", r"Error: ", r"error Command failed", r"│ Error: ", r"CONFLICT \(",
    r"[!]+ Interrupted: ", r"\S+ exited with code [1-9]", r"Failed to ",
    r"error: ", r"Automatic merge failed", r"curl: \(\d+\) ", r"Errors? [A-Z]\w* ", r"failed to solve: ",
    r"Process completed with exit code [1-9]", r"The process '.*' failed with exit code", r"exit status [1-9]",
    r"(?:/\S*/)?(?:ba|z|da|k)?sh: .*(?:not found|No such file|Permission denied|cannot)", r"Could not ",
    r"(?:[\w./-]{1,40}+: )?[Cc]annot \w", r"[\w./-]{1,40}+: Error ", r"\s*+❯ .*\d failed",
    r"\S+: line \d+: .*(?:not found|No such file|Permission denied|unbound|syntax error)",
    r"[\w./-]+: (?:cannot |can't |.*: (?:No such file or directory|Permission denied)$)", r"Command .* failed ",
    # tests
    r"FAILED:? ", r"[^\s:]++: Failed with result", r"\S+::.* (?:FAILED|ERROR)\b", r"\s*+--- FAIL: ",
    r"FAIL(?:$|[:\s]\s*\S)", r"\s++FAIL\s++\S",
    r"\s*+[✕✗✘✖×❌] ", r"\s++● \S", r"not ok \d+", r"E(?:   .*| {3}.*|)$", r"_{3,} .+ _{3,}$",
    r"={3,} (?:FAILURES|ERRORS) =",
    r"test .* \.\.\. FAILED", r"---- .* stdout ----$", r"\S+ \(.*\) \.\.\. (?:FAIL|ERROR)$", r"\S+ > .* FAILED$",
    r"\S+\.py:\d+: [A-Z]\w*(?:Error|Exception|Failed)$", r"\s*+\d++/\d++ Test .*\*\*\*", r"test result: FAILED",
    r"\s++\d++ - .* \(\w*(?:Failed|Timeout|SEGFAULT)\w*\)", r"The following tests FAILED",
    r"\s*+\w.* \.\.\. ?FAILED$",
)  # fmt: skip
_WARN: Final = (
    r"CMake (?:Deprecation |\(dev\) )?Warning", r"npm (?:WARN|warn)\b", r"warning [\w ]*: ", r"W: ", r"w: \S",
    r"│ Warning: ",
    r"PHP (?:Warning|Notice|Deprecated):", r"[\w./-]+:\d+: \w*Warning: ", r"\(node:\d+\) ", r"Warning: ",
    r"\(!\) ", r"\s*+⚠",
    r"[A-Z]\w*Warning: ", r"={3,} warnings summary =", r"warning: ",
)  # fmt: skip
_RULES: Final = re.compile(
    "|".join(
        f"(?P<{name}>{'|'.join(rules)})"
        for name, rules in (("NOTHING", _NOTHING), ("FATAL", _FATAL), ("ERROR", _ERROR), ("WARN", _WARN))
    )
)

_TEST_ID: Final = re.compile(r"[\w/-]{1,200}+\.py::\w")
_TEST_FAILED: Final = re.compile(r" (?:FAILED|ERROR)(?:\s++\[ *+\d++%\])?\s*+$")
_RESULT_CHARACTERS: Final = 100
"""Of a line of `pytest -v`, at its end."""

# Totals of a run: an error where they count some.
_TOTAL: Final = re.compile(
    r"=+ .* =+$|Found \d|Tests?:? |Test (?:Suites|Files)[: ]|\s++Tests?(?: Files)?  |Tests run: |test result: "
    r"|\s*+\d++ (?:failing|errors?\b|tests? failed)|✖ \d|\s*+\d++ (?:errors?|warnings?) generated|\d++% tests passed"
    r"|FAILED \(|\d++ (?:tests?|examples?|failed|passed|runs?)\b|.{0,80}generated \d++ warning|(?:Errors|Failures): "
)
_SOME_ERRORS: Final = re.compile(
    r"(?<![\d.])[1-9]\d*+ (?>(?:tests?|specs?|fatal|previous|total) )?+(?:errors?|failed|failures?|failing|FAILED)\b"
    r"|\b(?:Failures|Errors|Failed|failed|errors|failures)(?:: |=)[1-9]"
)
_SOME_WARNINGS: Final = re.compile(r"(?<![\d.])[1-9]\d*+ warnings?\b")
_MARKS: Final = re.compile(r"\s*+(?>[✕✗✘✖×❌│⚠●❯])")
_BEGINNINGS: Final = re.compile(r"<\d{1,3}>|[EIWF]\d{4} \d|[EW]: |E(?:   |$)|[A-Z]{1,4}\d{3} |FAIL|FTL|_{3,}|[{\[]$")
_FIRST: Final = frozenset("<EIWF_{")
"""How lines begin that have none of the words and say a level, or begin an event of several lines."""
_WORDS: Final = (
    "err", "warn", "fail", "fatal", "n fault", "panic", "xcep", "debug", "trace", "crit", "kill", "undef", "sh: ",
    "o such", "cannot", "conflict (", "fata[", "exited with", "interrupted", "wrn]", "wrn ", "ftl]", "ftl ", "severe",
    '"level', '"severity', '"@l', "log.level", "*** ", "diff --git ", "not ok ", '  file "', "node:", ".js:", ".ts:",
    ".mjs:", ".cjs:", *(f".{suffix}:{digit}" for suffix in ("go", "py") for digit in range(1, 10)),
)  # fmt: skip
"""Of each line that says a level, or begins an event, and has none of the beginnings above."""
_find_words: Final = AhoCorasick(
    [*_WORDS, *map(str.upper, _WORDS), *map(str.capitalize, _WORDS), '  File "'],
    implementation=Implementation.DFA,
).find_matches_as_indexes  # 0.4 µs a line, where one search after the other takes 0.8
# client: def _find_words(text: str) -> bool:
# client:     small = text.lower()
# client:     return any(word in small for word in _WORDS)


def strip_ansi(text: str) -> str:
    """The text without colours and other sequences of terminals."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def may_say_a_level(text: str) -> bool:
    """Whether a line has one of the words or beginnings at all; of most lines nothing else is looked at.

    Also true of lines that begin an event of several lines, whether they say a level or not.
    """
    if _find_words(text if len(text) <= _HEAD_CHARACTERS else text[:_HEAD_CHARACTERS]):
        return True
    if text[:1] in _FIRST or text == "[":
        return _BEGINNINGS.match(text) is not None
    return not text.isascii() and _MARKS.match(text) is not None


def detect_level(message: str) -> str | None:
    """The level that a line says it has; None where it says none, which means ``INFO``."""
    text = strip_ansi(message)
    return level_of_plain(text) if may_say_a_level(text) else None


def level_of_plain(text: str) -> str | None:
    """The same of a line without colours that ``may_say_a_level``."""
    if _TEST_ID.match(text) is not None:  # whatever stands in its parameters
        return "ERROR" if _TEST_FAILED.search(text, max(0, len(text) - _RESULT_CHARACTERS)) is not None else None
    text = text[:_HEAD_CHARACTERS]
    priority = _PRIORITY.match(text)
    if priority is not None:
        return _SYSLOG[int(priority[1]) & 7]
    klog = _KLOG.match(text)
    if klog is not None:
        return _LETTERS[klog[1]]
    prefix = _PREFIX.match(text)
    rest = text[prefix.end() :] if prefix is not None else text
    annotation = _ANNOTATION.match(rest) or _ANNOTATION.match(text)
    header = annotation or _HEADER.match(rest) or _HEADER.match(text)
    if header is not None:
        return _LEVELS[next(filter(None, header.groups())).lower()]
    field = _FIELD.search(text)
    if field is not None and (level := _named(field[1])) is not None:
        return level
    return _by_rules(rest) or (_by_rules(text) if rest is not text else None)


def _named(value: str) -> str | None:
    return _PINO.get(int(value)) if value.isdecimal() else _LEVELS.get(value.lower())


def _by_rules(text: str) -> str | None:
    rule = _RULES.match(text)
    kind = rule.lastgroup if rule is not None else None
    if kind == "NOTHING":
        return None
    if _TOTAL.match(text) is not None:
        if _SOME_ERRORS.search(text) is not None:
            return "ERROR"
        if _SOME_WARNINGS.search(text) is not None:
            return "WARN"
    if kind is not None:
        return kind
    diagnostic = _DIAGNOSTIC.match(text)
    return None if diagnostic is None else _LEVELS.get(diagnostic[1].rpartition(" ")[2].lower(), "INFO")
