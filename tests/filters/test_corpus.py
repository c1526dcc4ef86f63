"""Levels and events in a hundred logs of real programs, and in formats from their documentation.

A line of ``corpus/*.log`` is the first letter of the expected level, `+` where it continues an event, `|`, and the line
as the program wrote it. What is expected is what a reader would say; where the detector does not, it counts below.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from filters.events import EventReader
from filters.level_detection import may_say_a_level, strip_ansi

CORPUS = Path(__file__).parent / "corpus"
SEVERE = frozenset("EF")


def logs() -> dict[str, list[tuple[str, bool, str]]]:
    """Expected level, whether it continues an event, and text of each line of each log."""
    found = {}
    for path in sorted(CORPUS.glob("*.log")):
        rows = path.read_text(encoding="utf-8").split("\n")[:-1]
        found[path.stem] = [(row[0], row[1] == "+", row[3:]) for row in rows]
    return found


class Score:
    """What was found of what was there."""

    def __init__(self) -> None:
        self.right = self.found = self.expected = 0

    def add(self, *, found: bool, expected: bool) -> None:
        self.right += found and expected
        self.found += found
        self.expected += expected

    @property
    def precision(self) -> float:
        return self.right / self.found

    @property
    def recall(self) -> float:
        return self.right / self.expected


def test_levels_and_events_of_the_corpus_are_found(capsys: pytest.CaptureFixture[str]) -> None:
    """Nearly all errors, warnings and continued events are found, and nearly nothing else is taken for one."""
    scores = {name: Score() for name in ("errors", "warnings", "continued lines")}
    wrong = []
    corpus = logs()
    for name, rows in corpus.items():
        reader = EventReader()
        for expected, continues, text in rows:
            level, number = reader.read(text)
            scores["errors"].add(found=level[0] in SEVERE, expected=expected in SEVERE)
            scores["warnings"].add(found=level == "WARN", expected=expected == "W")
            scores["continued lines"].add(found=number > 1, expected=continues)
            if (level[0], number > 1) != (expected, continues):
                wrong.append(f"  {name}: {level[0]} for {expected}{'+' if continues else ''}: {strip_ansi(text)[:80]}")
    with capsys.disabled():
        print(f"\n{len(corpus)} logs, {sum(map(len, corpus.values()))} lines; otherwise than expected {len(wrong)}:")
        print("\n".join(wrong))
        for name, score in scores.items():
            print(f"{name}: precision {score.precision:.3f}, recall {score.recall:.3f} of {score.expected}")

    assert len(corpus) >= 60
    assert scores["errors"].precision >= 0.99
    assert scores["errors"].recall >= 0.95
    assert scores["warnings"].precision >= 0.97
    assert scores["warnings"].recall >= 0.95
    assert scores["continued lines"].precision >= 0.98
    assert scores["continued lines"].recall >= 0.95


def test_a_green_build_has_no_errors() -> None:
    """What passed, and what only has the word in a name, is neither an error nor a warning."""
    corpus = logs()
    for name in ("green_build", "pytest_passed", "jest_passed", "go_pass", "mypy_clean", "diff_u"):
        reader = EventReader()
        assert {reader.read(text).level for _, _, text in corpus[name]} == {"INFO"}, name


def test_names_of_tests_and_files_are_no_errors() -> None:
    """What the demonstration's builds print of this repository's own tests and modules is at level INFO."""
    reader = EventReader()
    root = Path(__file__).parents[2]
    for path in [*root.glob("tests/**/test_*.py"), *root.glob("storage/**/*.py"), *root.glob("gateway/**/*.py")]:
        name = str(path.relative_to(root))
        assert reader.read(f"Compiling '{name}'...") == ("INFO", 1)
        for test in re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")):
            assert reader.read(f"{name}::{test}") == ("INFO", 1)
            assert reader.read(f"{name}::{test}[10:00:00 ERROR x-AN ERROR-level=error] PASSED [ 12%]") == ("INFO", 1)


def test_most_lines_without_a_level_are_not_looked_at_twice() -> None:
    """The cheap check lets few lines pass that say nothing."""
    passed = Counter(
        may_say_a_level(text) for rows in logs().values() for level, continues, text in rows if level == "I" and text
    )

    assert passed[True] < 0.35 * passed.total()
