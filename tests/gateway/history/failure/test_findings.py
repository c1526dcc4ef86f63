"""What is found in logs of tools that failed; the logs are those of the detector's corpus."""

from pathlib import Path

import pytest

from filters.entry import LogEntry
from filters.events import WorkerEvents
from gateway.history.failure.events import Event, events_of
from gateway.history.failure.findings import annotations, cause_of, failed_tests, headline, is_success

CORPUS = Path(__file__).parents[3] / "filters/corpus"


def entries(name: str, *, are_levels_kept: bool = True) -> list[LogEntry]:
    """The log's lines as the gateway stores them; or as a producer sends them that calls everything INFO."""
    events = WorkerEvents()
    found = []
    for number, row in enumerate((CORPUS / f"{name}.log").read_text(encoding="utf-8").split("\n")[:-1], 1):
        level, metadata = events.read("stdout", row[3:], None) if are_levels_kept else ("INFO", None)
        found.append(LogEntry("t", "w", number, "", level, "stdout", row[3:], metadata))
    return found


def errors(name: str) -> tuple[list[Event], int]:
    stored = entries(name)
    return events_of(stored, are_levels_known=True), len(stored)


@pytest.mark.parametrize(
    ("log", "rule", "head"),
    [
        ("pytest_colour", "test", "ERROR at setup of test_db"),
        ("jest_colour", "test", "● cart › adds"),
        ("vitest", "test", "FAIL  a.test.ts > adds"),
        ("go_test", "test", "--- FAIL: TestAdd"),
        ("cargo_error", "compiler", "error[E0308]: mismatched types"),
        ("gcc_colour", "compiler", "a.c:5:15: error: expected"),
        ("gcc_link", "linker", "undefined reference to `helper'"),
        ("tsc_plain", "compiler", "ts/a.ts(1,7): error TS2322"),
        ("maven", "installation", "Could not resolve dependencies"),
        ("npm_install", "first error", "npm error code ECONNREFUSED"),
        ("buildkit", "installation", "Could not find a version"),
        ("segfault", "crash", "Segmentation fault"),
        ("python_chained", "crash", "Traceback"),
        ("make_error", "compiler", "error: unused variable"),
        ("shell", "shell", "nosuchcommand: command not found"),
    ],
)
def test_the_likely_cause_is_what_a_reader_would_point_at(log: str, rule: str, head: str) -> None:
    """Neither a total, nor a heading, nor what only says that something else has failed."""
    found = cause_of(*errors(log))

    assert found is not None
    assert found[0] == rule
    assert head in found[1].head


@pytest.mark.parametrize(
    ("log", "tests"),
    [
        (
            "pytest_short",
            [
                ("test_shop.py::test_total", "test_shop.py", 7, "assert 3 == 4"),
                ("test_shop.py::test_db", "test_shop.py", 9, "ConnectionError: no database at db:5432"),
            ],
        ),
        ("go_test", [("TestAdd/small", "a_test.go", 5, "Add(1, 1) = 2, want 3")]),
        ("cargo_test", [("tests::adds", "src/main.rs", 11, "assertion `left == right` failed")]),
        ("jest", [("cart › adds", "a.test.js", 3, "")]),
        ("vitest", [("adds", "a.test.ts", 3, "AssertionError: expected 2 to be 3 // Object.is equality")]),
        ("gradle", [("ShopTest > adds()", "ShopTest.java", 9, "")]),
        ("ctest", [("sums", "", 0, "")]),
        ("green_build", []),
    ],
)
def test_failed_tests_have_name_file_and_line(log: str, tests: list[tuple[str, str, int, str]]) -> None:
    """Each test once, with what its block adds to its name."""
    assert [tuple(place)[:4] for place in failed_tests(errors(log)[0])] == tests


def test_diagnostics_are_places_in_files() -> None:
    """What compilers and annotations of CI systems say, with file and line."""
    places = [*annotations(errors("go_build")[0]), *annotations(errors("github")[0])]

    assert [tuple(place)[1:4] for place in places] == [
        ("./m.go", 2, 'imported and not used: "os"'),
        ("./m.go", 4, "x declared but not used"),
        ("./m.go", 5, "undefined: y"),
        ("a.py", 7, "undefined name 'x'"),
    ]


def generic(*messages: str) -> list[Event]:
    """Errors that no tool is known by, at the sequences 10, 20, …"""
    return [Event("w", "ERROR", 10 * n, 10 * n, [text]) for n, text in enumerate(messages, 1)]


def test_errors_of_the_last_good_run_are_passed_over() -> None:
    """Where it had all of them, the one that it had least."""
    events = generic("cannot reach cache", "disk is full", "giving up")
    assert cause_of(events, 90, count_in_good=lambda event: event.first == 10) == ("new error", events[1])
    assert cause_of(events, 90, count_in_good=lambda event: {10: 5, 20: 2, 30: 3}[event.first]) == (
        *("new error", events[1]),
    )


def test_an_error_before_a_success_is_not_the_cause_if_there_is_one_after_it() -> None:
    """It was overcome; of the same worker, and only where no tool is known by the error."""
    events = generic("cannot reach cache", "disk is full")
    assert cause_of(events, 90, succeeded_at={"w": 15}) == ("first error after a success", events[1])
    assert cause_of(events, 90, succeeded_at={"w": 25, "v": 15}) == ("first error", events[0])
    known = generic("a.c:1:2: error: no", "disk is full")
    assert cause_of(known, 90, succeeded_at={"w": 15}) == ("compiler", known[0])


@pytest.mark.parametrize(
    ("message", "is_one"),
    [
        ("BUILD SUCCESSFUL in 3s", True),
        ("[INFO] BUILD SUCCESS", True),
        ("Successfully installed six-1.16", True),
        ("\x1b[32m✓\x1b[0m adds", True),
        ("Migration 4 completed", True),
        ("the job completed with errors", False),
        ("unsuccessful", False),
        ("okay", False),
    ],
)
def test_a_success_is_known_by_how_tools_say_it(message: str, is_one: bool) -> None:
    """Not by any line that has the word in it."""
    assert is_success(message) == is_one


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("python_chained", "RuntimeError: "),
        ("pytest_short", "ERROR at setup of test_db: ConnectionError: no database"),
        ("go_test", "TestAdd"),
        ("gcc_colour", "a.c:5:15: error: expected"),
    ],
)
def test_a_cause_has_one_line_that_says_it(log: str, line: str) -> None:
    """The exception of a trace, what a test expected, else the first line."""
    found = cause_of(*errors(log))
    assert found is not None
    assert headline(found[1]).startswith(line)


def test_levels_are_detected_where_everything_is_info() -> None:
    """A producer that calls every line INFO has its events as well."""
    stored = entries("python_chained", are_levels_kept=False)

    assert events_of(stored, are_levels_known=True) == []
    assert events_of(stored, are_levels_known=False) == errors("python_chained")[0]
